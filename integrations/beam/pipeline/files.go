package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// isAddress reports whether a name is an address such as gs://bucket/name, and not a local file.
func isAddress(name string) bool { return strings.Contains(name, "://") }

// join appends a name to a folder or to the address of one.
func join(dir, name string) string {
	if isAddress(dir) {
		return strings.TrimSuffix(dir, "/") + "/" + name
	}
	return filepath.Join(dir, name)
}

// open opens a file or an address.
func open(ctx context.Context, name string) (io.ReadCloser, error) {
	if !isAddress(name) {
		return os.Open(name)
	}
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := fs.OpenRead(ctx, name)
	if err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	return &opened{r, fs}, nil
}

// An opened file closes its file system too.
type opened struct {
	io.ReadCloser
	fs filesystem.Interface
}

func (o *opened) Close() error { return errors.Join(o.ReadCloser.Close(), o.fs.Close()) }

// store copies a local file to a name. Whoever reads the name sees all of it or nothing, also after
// a kill and if two workers store at once.
func store(ctx context.Context, local, name string) (err error) {
	in, err := os.Open(local)
	if err != nil {
		return err
	}
	defer in.Close()
	if !isAddress(name) {
		return storeLocal(in, name)
	}
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	// An object store shows an object when its writer is closed. Other file systems rename.
	_, renames := fs.(filesystem.Renamer)
	to := name
	if renames {
		at := strings.LastIndex(name, "/") + 1
		to = name[:at] + "." + name[at:] + "-" + rand.Text()
	}
	w, err := fs.OpenWrite(ctx, to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return err
	}
	if renames {
		return filesystem.Rename(ctx, fs, to, name)
	}
	return nil
}

// storeLocal writes a file that only this user may read.
func storeLocal(in io.Reader, name string) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".isotope-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err = io.Copy(f, in); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// A source opens addresses for a scan, and keeps the first error. A file that cannot be read is a
// skip for the scan. The network may be better next time, so that the bundle has to fail instead.
type source struct {
	mu  sync.Mutex
	err error
}

func (s *source) keep(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *source) open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := open(ctx, name)
	if err != nil {
		s.keep(err)
		return nil, err
	}
	return &watched{r, s}, nil
}

// A watched reader tells its source about errors.
type watched struct {
	io.ReadCloser
	source *source
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		w.source.keep(err)
	}
	return n, err
}
