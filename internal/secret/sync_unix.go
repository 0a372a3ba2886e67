//go:build unix

package secret

import (
	"errors"
	"os"
	"syscall"
)

// SyncDir syncs a directory, so that the name of a new file outlasts a power cut. Some file systems
// cannot, which is no error.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		if errors.Is(err, os.ErrPermission) { // a directory that may be written and not read
			return nil
		}
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
