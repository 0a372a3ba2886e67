package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// A Journal keeps outcomes in a file, one on a line, so that a run that was killed resumes. Its first
// line holds the digest of the Design. Lines are only appended. A last line without an end is what a
// kill left, and is dropped.
type Journal struct {
	f    *os.File
	done map[Item]*Outcome
}

type journalHead struct {
	Version int    `json:"isotope_eval"`
	Design  string `json:"design"`
}

// maxJournalLine bounds a line, in bytes.
const maxJournalLine = 16 << 20

// OpenJournal opens or makes the journal of a Design. A journal of another Design is an error.
func OpenJournal(path string, d *Design) (j *Journal, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	index := map[[2]string]Item{}
	for i, src := range d.Sources {
		for k, s := range d.Schemes {
			index[[2]string{src.Name(), s.Name()}] = Item{Source: i, Scheme: k}
		}
	}
	known := map[Item]bool{}
	for _, item := range d.Items() {
		known[item] = true
	}
	j = &Journal{f: f, done: map[Item]*Outcome{}}
	head := journalHead{1, d.Digest()}
	in := bufio.NewReaderSize(f, 1<<16)
	var end int64 // of the last whole line
	for number := 1; ; number++ {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
		if number == 1 {
			var h journalHead
			if json.Unmarshal(line, &h) != nil || h.Version != 1 {
				return nil, fmt.Errorf("%s is not a journal of eval; name another file", path)
			}
			if h.Design != head.Design {
				return nil, fmt.Errorf("%s is the journal of another design; repeat the call that made it, or name another file", path)
			}
		} else {
			o := new(Outcome)
			if err := json.Unmarshal(line, o); err != nil {
				return nil, fmt.Errorf("%s, line %d is damaged: %w; name another file", path, number, err)
			}
			item, ok := index[[2]string{o.Source, o.Scheme}]
			if item.Text = o.Text; !ok || !known[item] {
				return nil, fmt.Errorf("%s, line %d is of no text of the design; name another file", path, number)
			}
			j.done[item] = o
		}
		end += int64(len(line)) + 1
	}
	if err := f.Truncate(end); err != nil {
		return nil, err
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return nil, err
	}
	if end == 0 {
		err = j.append(head)
	}
	return j, err
}

// readLine returns the next line without its end, or io.EOF for one that has none.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxJournalLine:
			return nil, errors.New("the line is too long; name another file")
		}
	}
}

func (j *Journal) append(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.f.Write(append(line, '\n'))
	return err
}

// Keep appends an outcome.
func (j *Journal) Keep(item Item, o *Outcome) error {
	j.done[item] = o
	return j.append(o)
}

// Done returns the items that the journal has.
func (j *Journal) Done() map[Item]bool {
	done := map[Item]bool{}
	for item := range j.done {
		done[item] = true
	}
	return done
}

// Outcomes returns what the journal has.
func (j *Journal) Outcomes() map[Item]*Outcome { return j.done }

// Close closes the file.
func (j *Journal) Close() error { return j.f.Close() }
