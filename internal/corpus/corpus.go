package corpus

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"sync"
)

// Path returns the items of the file of that name. The file is opened when the range
// begins and closed when it ends. A file that cannot be opened is a Skip. The range ends
// early when ctx does, without the Source of the file.
func (c *Corpus) Path(ctx context.Context, path string) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if path == "" {
			c.unreadable(ctx, path, "the name of the file is empty", yield)
			return
		}
		f, err := os.Open(path)
		if err != nil {
			c.unreadable(ctx, path, sysDetail(err), yield)
			return
		}
		defer f.Close()
		c.File(ctx, f, path)(yield)
	}
}

// File returns the items of an open file: a regular file from its current offset on, a
// pipe, or a terminal. It does not close the file. The name is for places, and for what
// the content leaves open.
func (c *Corpus) File(ctx context.Context, f *os.File, name string) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		before, err := f.Stat()
		switch {
		case err != nil:
			c.unreadable(ctx, name, sysDetail(err), yield)
			return
		case before.IsDir():
			c.unreadable(ctx, name, "this is a directory; name the files in it", yield)
			return
		}
		r := c.newRun(ctx, yield)
		in := input{name: name, r: f, size: -1}
		// Files of size 0 may be those that the system makes up as they are read.
		if before.Mode().IsRegular() && before.Size() > 0 {
			at, err := f.Seek(0, io.SeekCurrent)
			if err == nil {
				// What is appended meanwhile is not read, else whoever writes what a reader
				// makes of the file into it would never end.
				in.size = max(before.Size()-at, 0)
				in.at = io.NewSectionReader(f, at, in.size)
				in.r = io.LimitReader(f, in.size)
				in.changed = func() bool {
					after, err := f.Stat()
					return err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())
				}
			}
		}
		r.input(in)
	}
}

// Stream returns the items of a reader. A reader that is also an io.ReaderAt with a Size
// method, as *bytes.Reader and *io.SectionReader are, is read from its beginning.
func (c *Corpus) Stream(ctx context.Context, rd io.Reader, name string) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if f, ok := rd.(*os.File); ok {
			c.File(ctx, f, name)(yield)
			return
		}
		in := input{name: name, r: rd, size: -1}
		if at, ok := rd.(interface {
			io.ReaderAt
			Size() int64
		}); ok {
			in.at, in.size = at, at.Size()
			in.r = io.NewSectionReader(at, 0, in.size)
		}
		c.newRun(ctx, yield).input(in)
	}
}

func (c *Corpus) unreadable(ctx context.Context, name, detail string, yield func(Item) bool) {
	r := c.newRun(ctx, yield)
	r.leaf = &Source{Place: filePlace(name), Bytes: 0}
	if r.skipRest(r.leaf.Place, &fault{Unreadable, detail}) == nil {
		r.emit(r.leaf)
	}
}

// sysDetail is what the system said, without the name, which the place has.
func sysDetail(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no file of this name"
	case errors.Is(err, fs.ErrPermission):
		return "the file may not be read by this user"
	}
	return fmt.Sprintf("the system could not read the file: %v", err)
}

func filePlace(name string) Place { return Place{File: name, Stored: -1, RowGroup: -1} }

// An input is a file as it is.
type input struct {
	name    string
	r       io.Reader
	at      io.ReaderAt // nil for a pipe
	size    int64       // -1 for a pipe
	changed func() bool // nil for what cannot change
}

// errStop ends a reading whose caller wants no more items.
var errStop = errors.New("stop")

// A fault is why the bytes of a file end before the file does.
type fault struct {
	reason Reason
	detail string
}

func (f *fault) Error() string { return f.detail }

// A run is one reading of one input. Its methods return errStop, or nil: whatever is wrong
// with the input becomes items.
type run struct {
	*Corpus
	ctx     context.Context
	yield   func(Item) bool
	stopped bool
	budget  budget
	leaf    *Source // whose rows are read
	rest    bool    // the last row was the rest of something
	emitted int64   // items
	rows    rowState
}

func (c *Corpus) newRun(ctx context.Context, yield func(Item) bool) *run {
	r := &run{Corpus: c, ctx: ctx, yield: yield}
	r.budget.limits = &c.o.Limits
	return r
}

func (r *run) emit(item Item) error {
	if r.stopped || r.ctx.Err() != nil || !r.yield(item) {
		r.stopped = true
		return errStop
	}
	r.emitted++
	return nil
}

// document emits a row that was found.
func (r *run) document(d *Document) error {
	r.leaf.Rows++
	r.leaf.Documents++
	r.rest = false
	return r.emit(d)
}

// skip emits a row that was found and gives no document.
func (r *run) skip(p Place, reason Reason, format string, args ...any) error {
	return r.skipItem(&Skip{Place: p, Reason: reason, Detail: fmt.Sprintf(format, args...)})
}

func (r *run) skipItem(s *Skip) error {
	r.leaf.Rows++
	r.leaf.Skipped++
	r.rest = s.Rest
	return r.emit(s)
}

// skipRest emits what is left of a file that cannot be read on, unless err is nil or the
// end of the file.
func (r *run) skipRest(p Place, err error) error {
	if err == nil || err == io.EOF {
		return nil
	}
	if err == errStop || r.ctx.Err() != nil {
		return errStop
	}
	s := &Skip{Place: p, Reason: Unreadable, Rest: true}
	var f *fault
	if errors.As(err, &f) {
		s.Reason, s.Detail = f.reason, f.detail
	} else {
		s.Detail = sysDetail(err)
	}
	return r.skipItem(s)
}

func (r *run) input(in input) {
	raw := &rawReader{ctx: r.ctx, r: in.r, budget: &r.budget}
	if !r.o.SkipHash {
		raw.sum = sha256.New()
	}
	m := member{place: filePlace(in.name), name: in.name, at: in.at, size: in.size, top: true}
	r.budget.size = in.size
	source, err := r.content(raw, m)
	if err != nil {
		return
	}
	// A reader may stop early, at a fault or since it read the file by offset. The hash is
	// of the whole file, so the rest is read, where there is an end to it.
	if in.size >= 0 && raw.sum != nil {
		io.Copy(io.Discard, raw)
	}
	if r.ctx.Err() != nil {
		return
	}
	if raw.sum != nil && raw.ended {
		source.SHA256 = hex.EncodeToString(raw.sum.Sum(nil))
	}
	source.Bytes = max(raw.n, in.size)
	if in.changed != nil && in.changed() || raw.ended && in.size >= 0 && raw.n != in.size {
		source.Notes = append(source.Notes, Note{Code: NoteChanged, Offset: -1,
			Detail: "the file changed while it was read; read it again when nothing writes to it"})
	}
	r.emit(source)
}

// A rawReader reads a file as it is: it hashes, counts for the budget, ends with the
// context, and marks errors as those of the system.
type rawReader struct {
	ctx    context.Context
	r      io.Reader
	sum    hash.Hash
	n      int64
	ended  bool
	budget *budget
}

func (r *rawReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.n += int64(n)
	r.budget.read = r.n
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	if err == io.EOF {
		r.ended = true
	} else if err != nil {
		err = &fault{Unreadable, sysDetail(err)}
	}
	return n, err
}

// A budget bounds what decompressors and archives may make of one input.
type budget struct {
	limits   *Limits
	size     int64 // of the file, or -1
	read     int64 // bytes of the file so far
	expanded int64 // bytes that decompressors wrote
	members  int64
}

// expand counts n bytes that a decompressor wrote.
func (b *budget) expand(n int) error {
	b.expanded += int64(n)
	read := max(b.read, b.size, 1) // files that are read by offset have their size
	switch {
	case b.expanded > b.limits.Free && b.expanded/read > b.limits.Ratio:
		return &fault{Bomb, fmt.Sprintf("the file expands to more than %d times its size, which no text does; "+
			"decompress it yourself and read the result if it is sound", b.limits.Ratio)}
	case b.expanded > b.limits.Expanded:
		return &fault{Bomb, fmt.Sprintf("the file expands to more than %s; split it", size(b.limits.Expanded))}
	}
	return nil
}

// member counts a member of an archive.
func (b *budget) member() error {
	if b.members++; b.members > b.limits.Members {
		return &fault{Bomb, fmt.Sprintf("the file has more than %d members; split it", b.limits.Members)}
	}
	return nil
}

// size returns n in the largest unit that leaves a whole number.
func size(n int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d %s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// sniffLen is how much of a file its format is found by.
const sniffLen = 64 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, sniffLen) }}

// A stream is the bytes of a file or member, counted.
type stream struct {
	br    *bufio.Reader // what decompressors read from, so that they stop at their end
	under counted
	line  int64 // the number of the line on which the next byte stands
}

// A counted reader counts what it read. It loses patience where rows are read and none
// comes for as long as a row may be, as in an endless stream of blanks.
type counted struct {
	r       io.Reader
	n       int64
	run     *run // nil: no rows are read
	emitted int64
	since   int64 // n at the last item
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.run != nil {
		if most := c.run.o.Limits.SkippedBy; c.run.emitted != c.emitted {
			c.emitted, c.since = c.run.emitted, c.n
		} else if c.n-c.since > most {
			return 0, &fault{TooLarge, fmt.Sprintf("no row ends within %s; the rest of the file is not read", size(most))}
		}
	}
	return n, err
}

func newStream(r io.Reader) *stream {
	s := &stream{br: buffers.Get().(*bufio.Reader), under: counted{r: r}, line: 1}
	s.br.Reset(&s.under)
	return s
}

// free gives the buffer of the stream back, which then is not to be read.
func (s *stream) free() {
	s.br.Reset(nil)
	buffers.Put(s.br)
	s.br = nil
}

// pos returns the offset of the next byte.
func (s *stream) pos() int64 { return s.under.n - int64(s.br.Buffered()) }

// Read implements io.Reader. It does not count lines.
func (s *stream) Read(p []byte) (int, error) { return s.br.Read(p) }

// peek returns the next n bytes, or as many as there are, with the error that ended them.
func (s *stream) peek(n int) ([]byte, error) {
	b, err := s.br.Peek(n)
	if err == bufio.ErrBufferFull {
		err = nil
	}
	return b, err
}

func (s *stream) discard(n int) { s.br.Discard(n) }

// readLine appends the next line to dst, with its end, of which it keeps keep bytes at
// most. It returns the length of the line in the stream. The error is nil when the line
// has its end, io.EOF or the error of the stream when it has not.
func (s *stream) readLine(dst []byte, keep int, most int64) (line []byte, n int64, err error) {
	line = dst
	for {
		part, err := s.br.ReadSlice('\n')
		n += int64(len(part))
		if room := keep - (len(line) - len(dst)); room > 0 {
			line = appendDoubling(line, part[:min(len(part), room)])
		}
		if err == bufio.ErrBufferFull {
			if n > most {
				return line, n, &fault{TooLarge, fmt.Sprintf("a line does not end within %s; the rest of the file is not read", size(most))}
			}
			continue
		}
		if err == nil {
			s.line++
		}
		return line, n, err
	}
}

// appendDoubling is append for what may grow long: doubling costs less in all than the
// smaller steps of append.
func appendDoubling(dst, b []byte) []byte {
	if need := len(dst) + len(b); need > cap(dst) && cap(dst) > 0 {
		dst = slices.Grow(dst, max(need, 2*cap(dst))-len(dst))
	}
	return append(dst, b...)
}
