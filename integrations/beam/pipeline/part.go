package pipeline

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A Shard is files that are tested together: the element of a pipeline.
type Shard struct {
	Files []string // names or addresses
}

// id names a shard by its files.
func (s *Shard) id() string {
	sum := sha256.Sum256([]byte(strings.Join(s.Files, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// Shards splits files into n shards, or into one for each file if n is 0. Equal names are one file.
func Shards(files []string, n int) []Shard {
	files = slices.Compact(slices.Sorted(slices.Values(files)))
	if n <= 0 || n > len(files) {
		n = len(files)
	}
	list := make([]Shard, n)
	for i, f := range files {
		list[i%n].Files = append(list[i%n].Files, f)
	}
	return list
}

// A Part is the journal of a shard, stored.
type Part struct {
	Shard   string // its id
	Files   int
	Address string
	SHA256  string // of what is stored
	Bytes   int64
}

// pack writes the files of a journal's folder into an archive, and returns its hash and size.
func pack(dir, archive string) (hash string, size int64, err error) {
	f, err := os.OpenFile(archive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	z, err := zstd.NewWriter(io.MultiWriter(f, h), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", 0, err
	}
	w := tar.NewWriter(z)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", 0, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue // the folder for sorting
		}
		if err := packFile(w, filepath.Join(dir, e.Name()), e.Name()); err != nil {
			return "", 0, err
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), info.Size(), nil
}

func packFile(w *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// errPart says that a stored journal is not what a worker stored.
var errPart = errors.New("the stored journal is not the one that was stored; start the pipeline again")

// fetch copies a part to a local file and checks its hash.
func fetch(ctx context.Context, p *Part, local string) (err error) {
	r, err := open(ctx, p.Address)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), r); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != p.SHA256 {
		return fmt.Errorf("%s: %w", p.Address, errPart)
	}
	return nil
}

// unpack makes the folder of a journal from an archive.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || h.Name != filepath.Base(h.Name) || !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%s has the entry %q: %w", archive, h.Name, errPart)
		}
		if err := unpackFile(r, filepath.Join(dir, h.Name)); err != nil {
			return err
		}
	}
}

func unpackFile(r io.Reader, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
