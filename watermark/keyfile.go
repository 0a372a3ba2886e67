package watermark

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/isotope-wm/isotope/internal/secret"
)

// maxKeyFile is the largest size of a key file in bytes.
const maxKeyFile = 1 << 16

// WriteKeyFile creates a key file that only its owner can read, with comment lines before the key.
// It never overwrites a file: if there is one, the error wraps [os.ErrExist].
func WriteKeyFile(path string, k Key, comment ...string) (err error) {
	if k.IsZero() {
		return errors.New("watermark: cannot write the zero key")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("watermark: key file: %w, and a key is never overwritten; choose another name", err)
	}
	if err != nil {
		return fmt.Errorf("watermark: key file: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("watermark: key file: %w", e)
		}
		if err != nil {
			os.Remove(path) // a partial file, so that a retry can create it
		}
	}()
	var b bytes.Buffer
	for _, c := range comment {
		fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(c, "\n", "\n# "))
	}
	fmt.Fprintln(&b, k.Secret())
	if _, err := f.Write(b.Bytes()); err != nil {
		return fmt.Errorf("watermark: key file: %w", err)
	}
	return f.Sync()
}

// ReadKeyFile reads a file that holds one key and any number of "#" comment lines, in at most 64
// KiB. On systems with permission bits it refuses a file that others can read. Errors never quote
// the file. If there is no such file the error wraps [os.ErrNotExist].
func ReadKeyFile(path string) (Key, error) {
	if secret.Holds(path) {
		return Key{}, errors.New("watermark: got a key in place of the name of a key file; it may now be in the shell's history, so treat it as leaked")
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Key{}, fmt.Errorf("watermark: key file: %w; make one with 'isotope keygen FILE'", err)
	}
	if err != nil {
		return Key{}, fmt.Errorf("watermark: key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("watermark: key file: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && info.Mode().IsRegular() && mode&0o077 != 0 {
		return Key{}, fmt.Errorf("watermark: key file %s: mode %04o lets others read the key; run: chmod 600 %[1]s", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return Key{}, fmt.Errorf("watermark: key file: %w", err)
	}
	if len(text) > maxKeyFile {
		return Key{}, fmt.Errorf("watermark: key file %s: too large (maximum %d bytes)", path, maxKeyFile)
	}
	k, err := parseKeyFile(text)
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

func parseKeyFile(text []byte) (Key, error) {
	var k Key
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		next, err := ParseKey(line)
		if err != nil {
			return Key{}, err
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
