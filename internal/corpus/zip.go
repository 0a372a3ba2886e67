package corpus

import (
	"archive/zip"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// spooled returns the content of a stream by offset, and its size: as it is where the
// input allows that, else by way of a temporary file, which the caller closes.
func (r *run) spooled(s *stream, m member, what string) (at io.ReaderAt, size_ int64, done func(), err error) {
	if m.at != nil {
		return m.at, m.size, func() {}, nil
	}
	f, err := os.CreateTemp("", "isotope-*.spool")
	if err != nil {
		return nil, 0, nil, &fault{Unreadable, fmt.Sprintf("%s is read by offset, and there is no room for a temporary file: %v", what, err)}
	}
	done = func() {
		f.Close()
		os.Remove(f.Name())
	}
	n, err := io.Copy(f, io.LimitReader(s, r.o.Limits.Spool+1))
	switch {
	case err != nil && asFault(err) == nil:
		err = &fault{Unreadable, fmt.Sprintf("%s is read by offset, and writing a temporary file failed: %v", what, err)}
	case err == nil && n > r.o.Limits.Spool:
		err = &fault{TooLarge, fmt.Sprintf("%s comes through a pipe or a container and is larger than %s; unpack it first and name the file", what, size(r.o.Limits.Spool))}
	}
	if err != nil {
		done()
		return nil, 0, nil, err
	}
	return f, n, done, nil
}

func asFault(err error) *fault {
	var f *fault
	errors.As(err, &f)
	return f
}

// zip reads the members of a zip archive, in the order of its directory.
func (r *run) zip(s *stream, m member) error {
	r.contained(m, wrapZip)
	at, n, done, err := r.spooled(s, m, "a zip archive")
	if err != nil {
		return r.skipRest(m.place, err)
	}
	defer done()
	if err := r.zipDirectory(at, n); err != nil {
		return r.skipRest(m.place, err)
	}
	a, err := zip.NewReader(at, n)
	if err != nil {
		return r.skipRest(m.place, r.zipFault(err))
	}
	r.zipMethods(a)
	names := make([]string, len(a.File))
	for i, f := range a.File {
		names[i] = f.Name
	}
	if no := office(names); no != nil {
		return r.skip(m.place, no.reason, "this looks like %s; %s", no.what, no.advice)
	}
	files := 0
	for _, f := range a.File {
		if err := r.budget.member(); err != nil {
			return r.skipRest(m.place, err)
		}
		c := m.child(wrapZip, f.Name)
		mode := f.Mode()
		if mode.IsDir() {
			bump(&r.leaf.Passed, "directory", 1)
			continue
		}
		files++
		switch {
		case f.Flags&1 != 0:
			err = r.skip(c.place, Encrypted, "the member is encrypted; unpack the archive first, with its password")
		case !mode.IsRegular():
			err = r.skip(c.place, Link, "this is a link or a device, and no file; name what it points to")
		default:
			err = r.zipMember(f, c)
		}
		if err != nil {
			return err
		}
	}
	if files == 0 {
		return r.skip(m.place, Empty, "the archive holds no files; there is nothing to test")
	}
	return nil
}

func (r *run) zipMember(f *zip.File, c member) error {
	in, err := f.Open()
	if err != nil {
		return r.skipRest(c.place, r.zipFault(err))
	}
	defer in.Close()
	_, err = r.content(&guard{in: in, run: r, fault: r.zipFault}, c)
	return err
}

func (r *run) zipFault(err error) error {
	switch {
	case asFault(err) != nil, r.ctx.Err() != nil:
		return err
	case errors.Is(err, zip.ErrAlgorithm):
		return &fault{Unsupported, "the member is compressed by a method that is not read; unpack the archive first"}
	case errors.Is(err, zip.ErrChecksum):
		return &fault{Damaged, "the checksum of the member is wrong; what came before was read"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &fault{Cut, "the member ends too early; what came before was read"}
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &fault{TooLarge, fmt.Sprintf("the member needs more than %s of memory to decompress; unpack the archive first", size(r.o.Limits.Window))}
	case errors.Is(err, zip.ErrFormat):
		return &fault{Damaged, "the zip archive has no directory that can be read, as a copy or download that broke off has none; nothing in it was read"}
	}
	return &fault{Damaged, fmt.Sprintf("the zip archive is damaged (%s); what came before was read", short(err))}
}

func (r *run) zipMethods(a *zip.Reader) {
	a.RegisterDecompressor(zip.Deflate, func(in io.Reader) io.ReadCloser { return flate.NewReader(in) })
	a.RegisterDecompressor(12, func(in io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(in)) })
	for _, method := range []uint16{20, 93} {
		a.RegisterDecompressor(method, func(in io.Reader) io.ReadCloser {
			d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(r.o.Limits.Window)))
			if err != nil {
				return io.NopCloser(failing{err})
			}
			return d.IOReadCloser()
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// zipDirectory returns a fault when the directory of the archive is larger than the limit,
// since package archive/zip reads it whole.
func (r *run) zipDirectory(at io.ReaderAt, n int64) error {
	const (
		end64Locator = 20
		endLength    = 22
	)
	tail := make([]byte, min(n, 1<<16+endLength+end64Locator))
	if _, err := at.ReadAt(tail, n-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	largest := uint64(0)
	// Whatever may be taken for the end of the directory counts, not only the last.
	for i := 0; i+endLength <= len(tail); i++ {
		if string(tail[i:i+4]) != "PK\x05\x06" {
			continue
		}
		length := uint64(binary.LittleEndian.Uint32(tail[i+12:]))
		if length == 1<<32-1 && i >= end64Locator && string(tail[i-end64Locator:i-end64Locator+4]) == "PK\x06\x07" {
			var end64 [56]byte
			if _, err := at.ReadAt(end64[:], int64(binary.LittleEndian.Uint64(tail[i-12:])&(1<<62-1))); err == nil {
				length = binary.LittleEndian.Uint64(end64[40:])
			}
		}
		largest = max(largest, length)
	}
	if largest > uint64(r.o.Limits.Footer) {
		return &fault{TooLarge, fmt.Sprintf("the directory of the zip archive takes more than %s; unpack the archive first and name its files", size(r.o.Limits.Footer))}
	}
	return nil
}
