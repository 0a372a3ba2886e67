package watermark

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// maxKeyFile is the largest size of a key file in bytes.
const maxKeyFile = 1 << 16

// WriteKeyFile creates a key file that only its owner can read, with comment lines before the key,
// and syncs it and its directory. It never overwrites a file: if there is one, the error wraps
// [os.ErrExist].
func WriteKeyFile(path string, k Key, comment ...string) error {
	if k.IsZero() {
		return errors.New("watermark: cannot write the zero key")
	}
	if err := secret.WriteFile(path, keyFileText(k, comment)); err != nil {
		return fmt.Errorf("watermark: %w", err)
	}
	return nil
}

// WriteKey writes what [WriteKeyFile] writes, for a pipe to a program that encrypts it. It panics
// without a token of [secretaccess.Allow].
func WriteKey(w io.Writer, token secretaccess.Token, k Key, comment ...string) error {
	secretaccess.Check(token)
	if k.IsZero() {
		return errors.New("watermark: cannot write the zero key")
	}
	_, err := w.Write(keyFileText(k, comment))
	return err
}

func keyFileText(k Key, comment []string) []byte {
	var b bytes.Buffer
	for _, c := range comment {
		fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(c, "\n", "\n# "))
	}
	fmt.Fprintln(&b, k.Secret(secretaccess.Allow()))
	return b.Bytes()
}

// ReadKeyFile reads a file that holds one key and any number of "#" comment lines, in at most 64
// KiB. On systems with permission bits it refuses a file that others can read. Errors never quote
// the file. If there is no such file the error wraps [os.ErrNotExist].
func ReadKeyFile(path string) (Key, error) {
	text, err := secret.ReadFile(path, maxKeyFile)
	if err != nil {
		return Key{}, fmt.Errorf("watermark: %w", err)
	}
	k, err := parseKeyFile(text)
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	secret.Use(k.Secret(secretaccess.Allow()))
	return k, nil
}

func parseKeyFile(text []byte) (Key, error) {
	var k Key
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		next, err := ParseKey(line)
		if err != nil {
			return Key{}, err
		}
		if secret.IsPlaceholderKey(line) {
			return Key{}, errors.New("watermark: the key is 64 zeros, which everybody can guess; make one with 'isotope keygen FILE'")
		}
		if !k.IsZero() {
			return Key{}, errors.New("watermark: the file has more than one key; keep one key in a file")
		}
		k = next
	}
	if k.IsZero() {
		return Key{}, errors.New("watermark: the file does not have a key")
	}
	return k, nil
}
