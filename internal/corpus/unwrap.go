package corpus

import (
	"archive/tar"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
)

// unwrap reads what a container holds.
func (r *run) unwrap(w wrap, s *stream, m member) error {
	switch w {
	case wrapWARC:
		r.take(m, FormatWARC)
		return r.warc(s, m, nil)
	case wrapParquet:
		r.take(m, FormatParquet)
		return r.parquet(s, m)
	case wrapZip:
		return r.zip(s, m)
	case wrapTar:
		return r.tar(s, m)
	}
	var in io.Reader
	var err error
	switch w {
	case wrapGzip:
		in = &gzipReader{s: s}
	case wrapZstd:
		var d *zstd.Decoder
		d, err = zstd.NewReader(s.br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(r.o.Limits.Window)))
		if err == nil {
			defer d.Close()
			in = d
		}
	case wrapXZ:
		in, err = xz.NewReader(s.br, uint32(min(r.o.Limits.Window, 1<<32-1)))
	case wrapBzip2:
		in = bzip2.NewReader(s.br)
	}
	if err != nil {
		return r.skipRest(m.place, r.unwrapFault(w, s, err))
	}
	g := &guard{in: in, run: r, fault: func(err error) error { return r.unwrapFault(w, s, err) }}
	inner := m.inner(w)
	r.contained(m, w) // the inner file is the same source, since it has the same place
	t := newStream(g)
	defer t.free()
	if w == wrapGzip {
		if head, _ := t.peek(len("WARC/1.")); wrapped(head) == wrapWARC {
			r.take(inner, FormatWARC)
			return r.warc(t, inner, in.(*gzipReader))
		}
	}
	if err := r.open(t, inner); err != nil {
		return err
	}
	if gz, ok := in.(*gzipReader); ok && gz.padding > 0 {
		r.leaf.Notes = append(r.leaf.Notes, Note{Code: NoteTrailing, Count: gz.padding, Offset: -1,
			Detail: fmt.Sprintf("%d zero bytes stand after the compressed data", gz.padding)})
	}
	return nil
}

// take notes the format of a source that its content decided.
func (r *run) take(m member, f Format) {
	if !m.record {
		r.leaf.Format, r.leaf.By = f, "content"
	}
}

// contained notes the container of a source.
func (r *run) contained(m member, w wrap) {
	if !m.record {
		r.leaf.Containers, r.leaf.By = append(slices.Clip(m.containers), string(w)), "content"
	}
}

// unwrapFault turns the error of a decompressor into the fault of the file.
func (r *run) unwrapFault(w wrap, s *stream, err error) error {
	var f *fault
	if errors.As(err, &f) || r.ctx.Err() != nil {
		return err // of the file below, or of the budget
	}
	where := fmt.Sprintf("near byte %d of the compressed data", s.pos())
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), w == wrapXZ && errors.Is(err, xz.ErrBuf):
		return &fault{Cut, fmt.Sprintf("the %s data ends too early, as a copy or download that broke off does; what came before was read", w)}
	case errors.Is(err, errTrailing):
		return &fault{Damaged, fmt.Sprintf("other bytes stand after the end of the %s data, %s; what came before was read", w, where)}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch), strings.Contains(err.Error(), "checksum mismatch"):
		return &fault{Damaged, fmt.Sprintf("the checksum of the %s data is wrong, %s; some of what was read before may not be what was written", w, where)}
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return &fault{Unsupported, "the zstd data needs a dictionary, which is not here; decompress it first, with zstd -d -D DICTIONARY"}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, xz.ErrMemlimit):
		return &fault{TooLarge, fmt.Sprintf("the %s data needs more than %s of memory to decompress; decompress it first, with %s",
			w, size(r.o.Limits.Window), map[wrap]string{wrapZstd: "zstd -d --long=31", wrapXZ: "xz -d"}[w])}
	case errors.Is(err, zstd.ErrMagicMismatch):
		return &fault{Damaged, fmt.Sprintf("bytes that are not zstd stand between or after its frames, %s; what came before was read", where)}
	case errors.Is(err, xz.ErrUnsupportedCheck), errors.Is(err, xz.ErrOptions):
		return &fault{Unsupported, "the xz data uses an option that is not read; decompress it first, with xz -d"}
	}
	return &fault{Damaged, fmt.Sprintf("the %s data is damaged, %s (%s); what came before was read", w, where, short(err))}
}

// short returns the words of a library's error that a person can use.
func short(err error) string {
	s := err.Error()
	for _, prefix := range []string{"bzip2 data invalid: ", "xz: ", "gzip: ", "zstd: ", "flate: "} {
		s = strings.TrimPrefix(s, prefix)
	}
	if len(s) > 80 {
		s = s[:80]
	}
	return printable(s)
}

// A guard is what stands between a decompressor and the reader of its output: it counts
// the output for the budget, turns errors into faults and ends a decompressor that panics
// or that gives nothing for ever.
type guard struct {
	in    io.Reader
	run   *run
	fault func(error) error
	err   error
	idle  int
}

func (g *guard) Read(p []byte) (n int, err error) {
	if g.err != nil {
		return 0, g.err
	}
	defer func() {
		if x := recover(); x != nil {
			n, err = 0, g.fault(fmt.Errorf("the decompressor failed: %v", x))
			g.err = err
		}
	}()
	n, err = g.in.Read(p)
	if n == 0 && err == nil && len(p) > 0 {
		if g.idle++; g.idle > 100 {
			err = io.ErrNoProgress
		}
	} else {
		g.idle = 0
	}
	if err != nil && err != io.EOF {
		err = g.fault(err)
	}
	if over := g.run.budget.expand(n); over != nil {
		n, err = 0, over // what was written last is not read any more
	}
	g.err = err
	return n, err
}

// errTrailing says that something else follows a container.
var errTrailing = errors.New("trailing bytes")

// A gzipReader reads the members of a gzip file one after the other, and knows where each
// begins.
type gzipReader struct {
	s       *stream
	z       *gzip.Reader
	started bool
	done    bool
	out     int64 // bytes written
	padding int64

	// Where the members begin that a reader of crawls has not passed yet: in the output
	// and in the file.
	starts []gzipStart
}

type gzipStart struct{ out, in int64 }

// maxStarts bounds gzipReader.starts: a crawl has a member for each record, and reads them
// at once, so that few are known ahead.
const maxStarts = 1 << 12

func (g *gzipReader) Read(p []byte) (int, error) {
	if g.done {
		return 0, io.EOF
	}
	for members := 0; ; members++ {
		if !g.started {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(p)
		g.out += int64(n)
		if err == io.EOF {
			g.started = false
			err = nil
			if n == 0 {
				if members > 1<<20 {
					return 0, &fault{Bomb, "the file is made of empty gzip members; there is nothing to read in it"}
				}
				continue
			}
		}
		return n, err
	}
}

// next begins the next member, if there is one.
func (g *gzipReader) next() error {
	if g.z != nil {
		head, err := g.s.peek(2)
		for len(head) > 0 && head[0] == 0 { // tapes and block devices pad with zeros
			g.padding++
			g.s.discard(1)
			head, err = g.s.peek(2)
		}
		switch {
		case len(head) == 0 && err == io.EOF:
			g.done = true
			return io.EOF
		case len(head) == 0:
			return err
		case g.padding > 0 || len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b:
			return errTrailing
		}
	}
	if len(g.starts) >= maxStarts {
		g.starts = g.starts[:copy(g.starts, g.starts[1:])]
	}
	g.starts = append(g.starts, gzipStart{g.out, g.s.pos()})
	var err error
	if g.z == nil {
		g.z, err = gzip.NewReader(g.s.br)
	} else {
		err = g.z.Reset(g.s.br)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	g.z.Multistream(false)
	g.started = true
	return nil
}

// startOf returns where in the file the member begins whose first byte is at that offset
// of the output, or -1 where none begins there. Offsets are asked for in ascending order.
func (g *gzipReader) startOf(out int64) int64 {
	for len(g.starts) > 1 && g.starts[1].out <= out {
		g.starts = g.starts[:copy(g.starts, g.starts[1:])]
	}
	if len(g.starts) > 0 && g.starts[0].out == out {
		return g.starts[0].in
	}
	return -1
}

// tar reads the members of a tar archive.
func (r *run) tar(s *stream, m member) error {
	r.contained(m, wrapTar)
	a := tar.NewReader(s)
	files := 0
	for {
		h, err := a.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return r.skipRest(m.place, r.archiveFault(wrapTar, s, err))
		}
		if err := r.budget.member(); err != nil {
			return r.skipRest(m.place, err)
		}
		c := m.child(wrapTar, h.Name)
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
		case tar.TypeDir:
			bump(&r.leaf.Passed, "directory", 1)
			continue
		case tar.TypeXGlobalHeader:
			bump(&r.leaf.Passed, "header", 1)
			continue
		default:
			files++
			if err := r.skip(c.place, Link, "this is a link or a device, and no file; name what it points to"); err != nil {
				return err
			}
			continue
		}
		files++
		// Sparse files expand, too: a header of 1 KB may stand for terabytes of zeros.
		g := &guard{in: a, run: r, fault: func(err error) error { return r.archiveFault(wrapTar, s, err) }}
		if _, err := r.content(g, c); err != nil {
			return err
		}
		if g.err != nil && g.err != io.EOF && r.rest {
			return nil // the member said what is wrong, and nothing after it can be found
		}
	}
	if files == 0 {
		return r.skip(m.place, Empty, "the archive holds no files; there is nothing to test")
	}
	return nil
}

func (r *run) archiveFault(w wrap, s *stream, err error) error {
	var f *fault
	switch {
	case errors.As(err, &f), r.ctx.Err() != nil:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &fault{Cut, fmt.Sprintf("the %s archive ends too early, as a copy or download that broke off does; what came before was read", w)}
	}
	return &fault{Damaged, fmt.Sprintf("the %s archive is damaged near byte %d (%s); what came before was read", w, s.pos(), short(err))}
}
