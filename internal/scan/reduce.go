package scan

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/tail"
)

// ErrUnfinished says that a journal does not have all of its files.
var ErrUnfinished = errors.New("the journal is not finished; make the call again that began it")

// A Sink takes what Reduce yields, in the order of the files and their rows.
type Sink interface {
	// Document takes a distinct document, at the place where it stands first.
	Document(*Document) error
	// Skip takes a row that was not tested.
	Skip(*Skip) error
}

// A Document is the result of one distinct document.
type Document struct {
	Kind string `json:"kind"` // "document"
	Place
	Kinds  []string `json:"kinds"` // of its texts
	Fields []string `json:"fields,omitempty"`
	Bytes  int64    `json:"bytes"`
	Tokens int64    `json:"tokens"`
	SHA256 string   `json:"sha256"` // of the texts and the prompts; equal documents have equal ones
	Count  int64    `json:"count"`  // rows that are this document
	Mark   int      `json:"mark"`   // number of the mark with the smallest p-value, from 0
	Label  string   `json:"label,omitempty"`
	KeyID  string   `json:"key_id"`
	Scored int64    `json:"scored"`
	Green  int64    `json:"green"`
	Sum    int64    `json:"sum"`
	Log10P float64  `json:"log10_p"` // of that mark alone
	// Log10PDocument is adjusted for all tests of this document.
	Log10PDocument float64 `json:"log10_p_document"`
	// Log10PAdjusted is adjusted for all tests of all documents and of the pile.
	Log10PAdjusted float64 `json:"log10_p_adjusted"`
	// Log10Q is log10 of the smallest false discovery rate at which the document is on the list.
	Log10Q     float64  `json:"log10_q"`
	Log10Floor float64  `json:"log10_floor"` // log10 of the smallest error rate that is claimed
	Listed     bool     `json:"listed"`      // on the list at the declared rate
	Detected   bool     `json:"detected"`    // Log10PAdjusted is at most log10 of alpha
	Spans      []Span   `json:"spans"`
	Notes      []string `json:"notes,omitempty"`
}

// A Skip is a row that was not tested.
type Skip struct {
	Place
	Reason string   `json:"reason"`
	Detail string   `json:"detail"`
	Fields []string `json:"fields,omitempty"`
	Rest   bool     `json:"rest,omitempty"`
}

// A reduction merges journals.
type reduction struct {
	*design
	journals []*journal
	files    []fileRef
	samples  []*sample
	disk     *disk
	dir      string // for sorting
	totals   *Totals
	controls func(mark int) ([]detect.Scorer, error)
	// eachControls makes them for every mark.
	eachControls bool
}

// A fileRef is a file of one of the journals.
type fileRef struct {
	name    string
	journal int
	file    int
}

// Reduce merges finished journals of the same plan, and yields every distinct document, every skip,
// and the totals. It writes temporary files into the first folder. Only Budget and Controls of w matter.
func Reduce(ctx context.Context, dirs []string, marks []Mark, o Options, sink Sink, w *Work) (_ *Totals, err error) {
	d, err := newDesign(marks, o)
	if err != nil {
		return nil, err
	}
	if w == nil {
		w = &Work{}
	}
	r := &reduction{design: d, disk: &disk{budget: w.Budget, wrap: w.wrap, memory: w.sortBytes}, samples: d.newSamples(), totals: &Totals{}, controls: w.Controls, eachControls: w.EachControls}
	defer func() {
		for _, j := range r.journals {
			err = errors.Join(err, j.close())
		}
	}()
	if err := r.open(dirs); err != nil {
		return nil, err
	}
	if r.dir, err = r.journals[0].scratch(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	ranked, err := r.rank(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.yield(ctx, ranked, sink); err != nil {
		return nil, errors.Join(err, ranked.close())
	}
	if err := ranked.close(); err != nil {
		return nil, err
	}
	r.pile()
	if err := r.control(); err != nil {
		return nil, err
	}
	r.totals.conclude(d)
	return r.totals, nil
}

// open opens the journals, and sorts their files.
func (r *reduction) open(dirs []string) error {
	if len(dirs) == 0 {
		return errors.New("there is no journal to reduce")
	}
	plan := r.plan()
	seen := map[string]string{}
	infos := make([]os.FileInfo, len(dirs))
	for i, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() {
			return fmt.Errorf("there is no journal %s; name the folder that 'isotope map' made", dir)
		}
		if k := slices.IndexFunc(infos[:i], func(x os.FileInfo) bool { return os.SameFile(x, info) }); k >= 0 {
			return fmt.Errorf("%w: %s and %s are the same folder; leave one of them out", ErrJoin, dirs[k], dir)
		}
		infos[i] = info
		j, err := lockJournal(dir, r.disk, 0)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s is not a journal; name the folder that 'isotope map' made", dir)
			}
			return err
		}
		r.journals = append(r.journals, j)
		var p planBody
		if err := json.Unmarshal(j.plan, &p); err != nil {
			return fmt.Errorf("%s: %w", dir, ErrChain)
		}
		if err := p.check(&plan); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if !j.ended {
			return fmt.Errorf("%s: %w", dir, ErrUnfinished)
		}
		state, err := j.load()
		if err != nil {
			return err
		}
		samples, err := r.decodeSamples(state)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		for k, s := range samples {
			r.samples[k].merge(s)
		}
		for k, n := range j.names {
			if other, ok := seen[string(n)]; ok {
				return fmt.Errorf("%w: the file %s is in %s and in %s; leave one of them out", ErrJoin, n, other, dir)
			}
			seen[string(n)] = dir
			r.files = append(r.files, fileRef{string(n), i, k})
		}
		r.totals.Notes = append(r.totals.Notes, j.notes...)
	}
	slices.SortFunc(r.files, func(a, b fileRef) int { return cmp.Compare(a.name, b.name) })
	slices.Sort(r.totals.Notes)
	r.totals.Notes = slices.Compact(r.totals.Notes)
	return nil
}

// A reading is a record of items that is read while others are used.
type reading struct {
	ref  *fileRef
	part *part
	body *itemsBody
	err  error
	done chan struct{}
}

// each yields all items in the order of the files and rows, and then the source of each file. Items are
// brief in the sense of decoder.items. Several goroutines read ahead.
func (r *reduction) each(ctx context.Context, brief bool, item func(*fileRef, *itemBody) error, source func(*fileRef, *sourceBody) error) error {
	ctx, cancel := context.WithCancel(ctx)
	readers := min(runtime.GOMAXPROCS(0), maxOpen)
	var all sync.WaitGroup
	defer func() {
		cancel()
		all.Wait() // a journal must not be closed while somebody reads it
	}()
	todo := make(chan *reading)
	ahead := make(chan *reading, 2*readers)
	for range readers {
		all.Go(func() {
			var d decoder
			for x := range todo {
				x.body, x.err = r.journals[x.ref.journal].items(x.part, &d, brief)
				close(x.done)
			}
		})
	}
	all.Go(func() {
		defer close(ahead)
		defer close(todo)
		for i := range r.files {
			ref := &r.files[i]
			parts := r.journals[ref.journal].files[ref.file].parts
			for p := range parts {
				x := &reading{ref: ref, part: &parts[p], done: make(chan struct{})}
				for _, to := range []chan<- *reading{ahead, todo} {
					select {
					case to <- x:
					case <-ctx.Done():
						return
					}
				}
			}
		}
	})
	for x := range ahead {
		select {
		case <-x.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		dir := r.journals[x.ref.journal].dir
		if x.err != nil {
			return fmt.Errorf("%s: %w", dir, x.err)
		}
		for k := range x.body.Items {
			y := &x.body.Items[k]
			if (y.Doc == nil) == (y.Skip == nil) || y.Doc != nil && (y.Doc.Mark < 0 || y.Doc.Mark >= len(r.marks)) {
				return fmt.Errorf("%s: %w", dir, ErrChain)
			}
			if err := item(x.ref, y); err != nil {
				return err
			}
		}
		if x.body.Source != nil && source != nil {
			if err := source(x.ref, x.body.Source); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// ordered returns bytes that sort as the numbers do.
func ordered(x float64) uint64 {
	bits := math.Float64bits(x)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}

func unordered(bits uint64) float64 {
	if bits>>63 != 0 {
		return math.Float64frombits(bits &^ (1 << 63))
	}
	return math.Float64frombits(^bits)
}

// rank finds the distinct documents, and returns records of a document's number, its count and its
// q-value, in the order of the numbers.
func (r *reduction) rank(ctx context.Context) (*sorter, error) {
	be := binary.BigEndian
	byDigest := newSorter(r.dir, 32+8+8, r.disk)
	var n uint64
	err := r.each(ctx, true, func(_ *fileRef, x *itemBody) error {
		if x.Doc == nil {
			return nil
		}
		digest, err := hex.DecodeString(x.Doc.Digest)
		if err != nil || len(digest) != 32 {
			return ErrChain
		}
		n++
		rec := be.AppendUint64(digest, n-1)
		return byDigest.add(be.AppendUint64(rec, ordered(x.Doc.Best)))
	}, nil)
	if err != nil {
		return nil, errors.Join(err, byDigest.close())
	}
	// Descending p-values.
	byP := newSorter(r.dir, 8+8+8, r.disk)
	var distinct int64
	err = eachGroup(byDigest, func(rec []byte, count uint64) error {
		distinct++
		out := be.AppendUint64(nil, ^be.Uint64(rec[40:]))
		out = be.AppendUint64(out, be.Uint64(rec[32:]))
		return byP.add(be.AppendUint64(out, count))
	})
	if err = errors.Join(err, byDigest.close()); err != nil {
		return nil, errors.Join(err, byP.close())
	}
	r.totals.Documents, r.totals.Distinct = int64(n), distinct
	// Benjamini and Yekutieli's rule; detect.BenjaminiYekutieli is the same in memory.
	var harmonic float64
	for j := distinct; j > 0; j-- {
		harmonic += 1 / float64(j)
	}
	penalty := tail.Log10(max(harmonic, 1))
	byNumber := newSorter(r.dir, 8+8+8, r.disk)
	best, rank := 0.0, distinct
	err = eachRecord(byP, func(rec []byte) error {
		p := unordered(^be.Uint64(rec))
		best = min(best, p+penalty+tail.Log10(float64(distinct)/float64(rank)))
		rank--
		r.totals.best = p // the last one is the smallest
		out := append([]byte(nil), rec[8:24]...)
		return byNumber.add(be.AppendUint64(out, math.Float64bits(best)))
	})
	if err = errors.Join(err, byP.close()); err != nil {
		return nil, errors.Join(err, byNumber.close())
	}
	return byNumber, nil
}

// eachRecord yields the records of a sorter in order.
func eachRecord(s *sorter, f func([]byte) error) error {
	m, err := s.sorted()
	if err != nil {
		return err
	}
	for {
		rec, err := m.next()
		if err != nil || rec == nil {
			return errors.Join(err, m.close())
		}
		if err := f(rec); err != nil {
			return errors.Join(err, m.close())
		}
	}
}

// eachGroup yields the first record of each digest, and how many records have it.
func eachGroup(s *sorter, f func(rec []byte, count uint64) error) error {
	var first []byte
	var count uint64
	err := eachRecord(s, func(rec []byte) error {
		if count > 0 && string(rec[:32]) == string(first[:32]) {
			count++
			return nil
		}
		if count > 0 {
			if err := f(first, count); err != nil {
				return err
			}
		}
		first, count = append(first[:0], rec...), 1
		return nil
	})
	if err == nil && count > 0 {
		err = f(first, count)
	}
	return err
}

// yield hands the documents and skips to the sink, and counts them.
func (r *reduction) yield(ctx context.Context, ranked *sorter, sink Sink) error {
	be := binary.BigEndian
	m, err := ranked.sorted()
	if err != nil {
		return err
	}
	defer m.close()
	next, err := m.next()
	if err != nil {
		return err
	}
	t := r.totals
	families := 2 * float64(max(t.Distinct, 1)) // the documents, and the pile
	var n uint64
	err = r.each(ctx, false, func(ref *fileRef, x *itemBody) error {
		if x.Skip != nil {
			s := &Skip{Place: x.Skip.Place, Reason: x.Skip.Reason, Detail: x.Skip.Detail, Fields: x.Skip.Fields, Rest: x.Skip.Rest}
			s.File = ref.name
			t.skip(s)
			return sink.Skip(s)
		}
		f := x.Doc
		t.row(ref.name, f)
		n++
		if next == nil || be.Uint64(next) != n-1 {
			return nil // it stands elsewhere before
		}
		d := &Document{
			Kind: "document", Place: f.Place, Kinds: f.Kinds, Fields: f.Fields, Bytes: f.Bytes, Tokens: f.Tokens, SHA256: f.Digest,
			Count: int64(be.Uint64(next[8:])), Mark: f.Mark, Label: r.marks[f.Mark].Label, KeyID: r.marks[f.Mark].KeyID,
			Scored: f.Scored, Green: f.Green, Sum: f.Sum, Log10P: f.P, Log10PDocument: f.Best,
			Log10PAdjusted: min(f.Best+tail.Log10(families), 0), Log10Q: math.Float64frombits(be.Uint64(next[16:])),
			Log10Floor: detect.Log10Floor(r.marks[f.Mark].Bound.Scorer.Width(), f.Scored), Spans: []Span{}, Notes: f.Notes,
		}
		d.File = ref.name
		d.Log10PAdjusted = max(d.Log10PAdjusted, r.floor(f.Mark))
		d.Listed = d.Log10Q <= tail.Log10(r.FDR)+slack
		d.Detected = d.Log10PAdjusted <= tail.Log10(r.Alpha)
		for _, s := range f.Spans {
			if s.Log10PAdjusted += tail.Log10(families); s.Log10PAdjusted <= tail.Log10(r.Alpha) {
				d.Spans = append(d.Spans, s)
			}
		}
		if f.Foreign > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("%d ids are not those of any text in the mark's tokenizer; check which model wrote them", f.Foreign))
		}
		t.document(d, f)
		if next, err = m.next(); err != nil {
			return err
		}
		return sink.Document(d)
	}, func(ref *fileRef, s *sourceBody) error {
		t.source(ref.name, s)
		return nil
	})
	if err == nil && next != nil {
		return fmt.Errorf("%w: documents are missing", ErrChain)
	}
	return err
}

// slack lets a value that equals its threshold reach it, although logarithms round.
const slack = 1e-13

// hostOf returns the host of an address, or "".
func hostOf(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// unreadableReason is the reason of files that could not be opened or read.
const unreadableReason = string(corpus.Unreadable)
