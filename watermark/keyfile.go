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
)

// maxKeyFile bounds what ReadKeyFile reads: a key and its comments are short.
const maxKeyFile = 1 << 16

// WriteKeyFile creates a key file that only its owner can read. It never overwrites:
// an existing file is an error that wraps [os.ErrExist]. Comment lines go before the
// key.
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
			os.Remove(path) // half a key file must not stand in the way of a whole one
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

// ReadKeyFile reads a file of one key and any number of "#" comment lines. On
// systems with permission bits it refuses a file that anybody but its owner can
// read. No error quotes the file.
func ReadKeyFile(path string) (Key, error) {
	if strings.Contains(path, "isotope-secret-key") {
		return Key{}, errors.New("watermark: a key was given where the name of a key file belongs; it may be in the shell's history now")
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Key{}, fmt.Errorf("watermark: key file: %w; 'isotope keygen FILE' makes one", err)
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
		return Key{}, fmt.Errorf("watermark: key file %s: longer than %d bytes", path, maxKeyFile)
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
			return Key{}, errors.New("watermark: more than one key")
		}
		k = next
	}
	if k.IsZero() {
		return Key{}, errors.New("watermark: no key in it")
	}
	return k, nil
}
