package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// WriteFile creates a file that only its owner can read, and syncs it and its directory. It never
// overwrites: if there is a file, the error wraps [os.ErrExist]. It leaves nothing behind after an
// error.
func WriteFile(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("key file: %w, and a key is never overwritten; choose another name", err)
	}
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(path) // half a key file must not stand in the way of a whole one
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}

// syncDir is a variable for tests, which cannot cut the power.
var syncDir = SyncDir

// ReadFile reads a key file of at most a number of bytes. On systems with permission bits it refuses
// a file that others can read. It decrypts a file that is encrypted with age, if the program can;
// see [SetDecrypter]. Errors never quote the file.
func ReadFile(path string, most int64) ([]byte, error) {
	if Holds(path) {
		return nil, errors.New("got a key in place of the name of a key file; it may now be in the shell's history, so treat it as leaked")
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("key file: %w; make one with 'isotope keygen FILE'", err)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	encrypted := false
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && info.Mode().IsRegular() && mode&0o077 != 0 {
		// Others may read a file that is encrypted.
		begin := make([]byte, len(ageArmor))
		n, err := io.ReadFull(f, begin)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("key file: %w", err)
		}
		if encrypted = isAge(begin[:n]); !encrypted {
			return nil, fmt.Errorf("key file %s: mode %04o lets others read the key; run: chmod 600 %[1]s", path, mode)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("key file: %w", err)
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("key file %s: too large (maximum %d bytes)", path, most)
	}
	if !isAge(text) {
		if encrypted { // it was replaced while it was read
			return nil, fmt.Errorf("key file %s: it changed while it was read", path)
		}
		return text, nil
	}
	hooks.RLock()
	decrypt := hooks.decrypt
	hooks.RUnlock()
	if decrypt == nil {
		return nil, fmt.Errorf("key file %s: it is encrypted with age, and this program does not decrypt it; give it the output of: age -d %[1]s", path)
	}
	text, err = decrypt(path, text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("key file %s: too large (maximum %d bytes)", path, most)
	}
	return text, nil
}

// The beginnings of a file that is encrypted with age.
const (
	ageBinary = "age-encryption.org/v1"
	ageArmor  = "-----BEGIN AGE ENCRYPTED FILE-----"
)

func isAge(text []byte) bool { return hasPrefix(text, ageBinary) || hasPrefix(text, ageArmor) }

func hasPrefix(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}

// IsPlaceholderKey reports whether the text form of a key has zeros alone.
func IsPlaceholderKey(text string) bool {
	digits := text[strings.LastIndexByte(text, ':')+1:]
	return len(digits) == keyDigits && strings.Trim(digits, "0") == ""
}

var hooks struct {
	sync.RWMutex
	decrypt func(path string, text []byte) ([]byte, error)
	used    func()
}

// SetDecrypter makes [ReadFile] decrypt what is encrypted with age. A program sets it once, before it
// reads keys.
func SetDecrypter(decrypt func(path string, text []byte) ([]byte, error)) {
	hooks.Lock()
	defer hooks.Unlock()
	hooks.decrypt = decrypt
}

// OnUse makes [Use] call f. A program sets it once, before it reads keys.
func OnUse(f func()) {
	hooks.Lock()
	defer hooks.Unlock()
	hooks.used = f
}

// Use tells that the program has a key now: [Remember] its text form, and call what [OnUse] was
// given.
func Use(text string) {
	Remember(text)
	hooks.RLock()
	used := hooks.used
	hooks.RUnlock()
	if used != nil {
		used()
	}
}
