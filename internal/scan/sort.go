package scan

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// sortMemory is what a sorter holds in memory, in bytes.
const sortMemory = 32 << 20

// maxRuns is how many sorted files are merged at once.
const maxRuns = 64

// A sorter sorts records of one size by their bytes, on disk if they do not fit the memory.
type sorter struct {
	dir    string
	size   int
	memory int
	disk   *disk
	buf    []byte
	n      int64
	runs   []string
	files  int
}

func newSorter(dir string, size int, d *disk) *sorter {
	return &sorter{dir: dir, size: size, memory: cmp.Or(d.memory, sortMemory), disk: d}
}

func (s *sorter) Len() int           { return len(s.buf) / s.size }
func (s *sorter) at(i int) []byte    { return s.buf[i*s.size : (i+1)*s.size] }
func (s *sorter) Less(i, j int) bool { return bytes.Compare(s.at(i), s.at(j)) < 0 }
func (s *sorter) Swap(i, j int) {
	var t [64]byte
	x := t[:s.size]
	copy(x, s.at(i))
	copy(s.at(i), s.at(j))
	copy(s.at(j), x)
}

// add adds a record.
func (s *sorter) add(record []byte) error {
	if len(s.buf)+s.size > s.memory {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.buf = append(s.buf, record...)
	s.n++
	return nil
}

// spill writes the records in memory as a sorted file.
func (s *sorter) spill() error {
	if len(s.buf) == 0 {
		return nil
	}
	sort.Sort(s)
	err := s.write(func(w io.Writer) error {
		_, err := w.Write(s.buf)
		return err
	})
	s.buf = s.buf[:0]
	if err == nil && len(s.runs) == maxRuns {
		err = s.mergeRuns()
	}
	return err
}

// write makes a new sorted file.
func (s *sorter) write(f func(io.Writer) error) (err error) {
	name := filepath.Join(s.dir, fmt.Sprintf("sort-%d-%p", s.files, s))
	s.files++
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(s.disk.writer(out), 1<<16)
	if err := f(w); err != nil {
		return err
	}
	s.runs = append(s.runs, name)
	return w.Flush()
}

// mergeRuns makes one sorted file of all.
func (s *sorter) mergeRuns() error {
	old := s.runs
	s.runs = nil
	m, err := openRuns(old, s.size, nil)
	if err != nil {
		return err
	}
	err = s.write(func(w io.Writer) error {
		for {
			record, err := m.next()
			if err != nil || record == nil {
				return err
			}
			if _, err := w.Write(record); err != nil {
				return err
			}
		}
	})
	return errors.Join(err, m.close(), s.remove(old))
}

func (s *sorter) remove(names []string) (err error) {
	for _, name := range names {
		if info, e := os.Stat(name); e == nil {
			s.disk.free(info.Size())
		}
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// sorted returns all records in order. The sorter must not be used any more, but for close.
func (s *sorter) sorted() (*merger, error) {
	sort.Sort(s)
	return openRuns(s.runs, s.size, s.buf)
}

// close removes the files.
func (s *sorter) close() error {
	s.buf = nil
	return s.remove(s.runs)
}

// A merger merges sorted files, and sorted records in memory.
type merger struct {
	size  int
	heads []*head
	files []*os.File
	out   []byte
}

type head struct {
	in     io.Reader
	record []byte
}

func openRuns(names []string, size int, memory []byte) (*merger, error) {
	m := &merger{size: size, out: make([]byte, size)}
	readers := []io.Reader{bytes.NewReader(memory)}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.files = append(m.files, f)
		readers = append(readers, bufio.NewReaderSize(f, 1<<16))
	}
	for _, r := range readers {
		h := &head{r, make([]byte, size)}
		switch _, err := io.ReadFull(r, h.record); err {
		case nil:
			m.heads = append(m.heads, h)
		case io.EOF:
		default:
			return nil, errors.Join(err, m.close())
		}
	}
	heap.Init(m)
	return m, nil
}

func (m *merger) Len() int           { return len(m.heads) }
func (m *merger) Less(i, j int) bool { return bytes.Compare(m.heads[i].record, m.heads[j].record) < 0 }
func (m *merger) Swap(i, j int)      { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }
func (m *merger) Push(x any)         { m.heads = append(m.heads, x.(*head)) }
func (m *merger) Pop() any {
	h := m.heads[len(m.heads)-1]
	m.heads = m.heads[:len(m.heads)-1]
	return h
}

// next returns the next record, until the call after it, or nil at the end.
func (m *merger) next() ([]byte, error) {
	if len(m.heads) == 0 {
		return nil, nil
	}
	h := m.heads[0]
	copy(m.out, h.record)
	switch _, err := io.ReadFull(h.in, h.record); err {
	case nil:
		heap.Fix(m, 0)
	case io.EOF:
		heap.Pop(m)
	default:
		return nil, err
	}
	return m.out, nil
}

func (m *merger) close() (err error) {
	for _, f := range m.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// ErrDisk is wrapped by errors about the budget of the disk.
var ErrDisk = errors.New("the budget of the disk is used up")

// A disk counts what is written against a budget. One goroutine at a time uses it.
type disk struct {
	used, budget int64 // budget is 0 without a bound
	wrap         func(io.Writer) io.Writer
	memory       int // of a sorter; 0 is the usual one
}

type diskWriter struct {
	*disk
	w io.Writer
}

func (d *disk) writer(w io.Writer) io.Writer {
	if d.wrap != nil {
		w = d.wrap(w)
	}
	return diskWriter{d, w}
}

func (d *disk) free(n int64) { d.used -= n }

func (w diskWriter) Write(p []byte) (int, error) {
	if w.budget > 0 && w.used+int64(len(p)) > w.budget {
		return 0, fmt.Errorf("%w: more than %d bytes are needed; allow more, or split the files over several calls of map", ErrDisk, w.budget)
	}
	n, err := w.w.Write(p)
	w.used += int64(n)
	return n, err
}
