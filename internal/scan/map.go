package scan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/tail"
)

// Errors of Map. Compare with errors.Is.
var (
	// ErrStopped says that Map stopped before the end, because it was asked to. The same call goes on.
	ErrStopped = errors.New("the scan was stopped; the same call resumes")
	// ErrChanged says that a file is not the one that the journal has the first rows of.
	ErrChanged = errors.New("the file changed since the scan began; start a new journal")
)

// Stdin is the name of standard input among Files.
const Stdin = "-"

// Input says what to read.
type Input struct {
	Corpus *corpus.Corpus
	Files  []string // in any order; equal names are one file
	Args   []string // that Files come from, for a journal to compare
	Notes  []string // what was left out in the search for files
	Stdin  io.Reader
	// Paths has the paths of those Files whose names are not their paths.
	Paths map[string]string
	// StdinName is what standard input is called in places, if not "-".
	StdinName string
	// Open opens a file whose name is an address, such as gs://bucket/name. If it is nil, addresses
	// are not read. Several goroutines call it.
	Open func(ctx context.Context, name string) (io.ReadCloser, error)
}

// Work says how to work. No field of it changes a result.
type Work struct {
	Workers    int           // goroutines that test; 0 is as many as processors
	Checkpoint time.Duration // between two checkpoints; 0 is 20 seconds
	Budget     int64         // bytes on disk; 0 has no bound
	Stop       <-chan struct{}
	Progress   *Progress
	// Controls returns marks like that of a number, under control keys. Reduce calls it for the mark
	// with the smallest p-value of the pile, and tests the pile under them. These are not tests of the
	// scan. nil makes none.
	Controls func(mark int) ([]detect.Scorer, error)
	// EachControls has Reduce do so for every mark with a test of the pile.
	EachControls bool

	batchBytes int                       // of texts in a batch; 0 is the default
	checkBytes int64                     // of texts between two checkpoints; 0 has no bound
	wrap       func(io.Writer) io.Writer // around all that is written
	sortBytes  int                       // memory of a sorter; 0 is the default
}

// A Progress counts while Map runs. Its methods may be called at any time.
type Progress struct {
	documents, skipped, detected, bytes atomic.Int64

	mu    sync.Mutex
	open  map[*os.File]struct{}
	ended int64 // bytes of files that were read

	files int      // of the scan
	later []string // files of this call that the scan does not have
}

// Documents returns the number of documents that were tested.
func (p *Progress) Documents() int64 { return p.documents.Load() }

// Skipped returns the number of rows that were skipped.
func (p *Progress) Skipped() int64 { return p.skipped.Load() }

// Detected returns the number of documents whose p-value, adjusted for the tests of the document
// alone, is at most Alpha.
func (p *Progress) Detected() int64 { return p.detected.Load() }

// TextBytes returns the length of the texts that were tested.
func (p *Progress) TextBytes() int64 { return p.bytes.Load() }

// Files returns the number of files of the scan, once Map has ended.
func (p *Progress) Files() int { return p.files }

// Later returns the sorted names of files that the call has and the scan has not, once Map has ended. A
// directory may get files between the call that began a journal and one that resumes.
func (p *Progress) Later() []string { return p.later }

// FileBytes returns how many bytes of the files were read.
func (p *Progress) FileBytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.ended
	for f := range p.open {
		if at, err := f.Seek(0, io.SeekCurrent); err == nil {
			n += at
		}
	}
	return n
}

func (p *Progress) begin(f *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[*os.File]struct{}{}
	}
	p.open[f] = struct{}{}
}

func (p *Progress) end(f *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, f)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		p.ended += info.Size()
	}
}

const (
	// maxBatch and maxBatchDocs bound a batch of documents, in bytes of their texts and in number.
	maxBatch     = 256 << 10
	maxBatchDocs = 512
	// inFlight bounds the texts between readers and the journal, in bytes. A longer text goes alone.
	inFlight = 8 << 20
	// maxOpen is how many files are read at once. A decompressor takes up to 12 MiB.
	maxOpen = 8
	// checkEvery is the usual time between checkpoints.
	checkEvery = 20 * time.Second
	// filesPerRecord is how many names a record holds.
	filesPerRecord = 1000
)

// Map tests all documents of the files that the journal in dir does not have yet. It makes the
// folder if there is none. It returns nil once the journal has every file, ErrStopped after
// Work.Stop is closed, and else an error after which the same call resumes.
func Map(ctx context.Context, dir string, marks []Mark, o Options, in *Input, w *Work) (err error) {
	d, err := newDesign(marks, o)
	if err != nil {
		return err
	}
	if w == nil {
		w = &Work{}
	}
	j, err := openJournal(dir, &disk{budget: w.Budget, wrap: w.wrap})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	m := &mapper{design: d, journal: j, in: in, work: *w}
	return m.run(ctx)
}

// A batch is rows of a file that are tested together.
type batch struct {
	file    int
	from    int64
	items   []corpus.Item
	digests [][sha256.Size]byte // of the documents among items
	bytes   int64               // of the texts
	digest  string              // of all items of the file so far
	source  *sourceBody         // at the end of the file
}

// A tested batch.
type outcome struct {
	*batch
	lines []byte // the items, with commas between them
}

type mapper struct {
	*design
	*journal
	in      *Input
	work    Work
	shared  []*sample
	testers []*tester
	flow    flow
	since   time.Time // of the last checkpoint
	pause   time.Duration
	unsaved int64 // bytes of texts since then
	mu      sync.Mutex
	errs    []error // of files
}

func (m *mapper) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errs = append(m.errs, err)
}

// A flow bounds what is between readers and the journal, and can stand still.
type flow struct {
	mu      sync.Mutex
	changed *sync.Cond
	batches int
	bytes   int64
	paused  bool
	stopped bool
}

// enter waits for room. It reports false once the flow is stopped.
func (f *flow) enter(n int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.stopped && (f.paused || f.batches > 0 && f.bytes+n > inFlight) {
		f.changed.Wait()
	}
	if f.stopped {
		return false
	}
	f.batches++
	f.bytes += n
	return true
}

// leave makes room.
func (f *flow) leave(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches--
	f.bytes -= n
	f.changed.Broadcast()
}

// set halts the flow or lets it go on, and reports whether nothing is under way.
func (f *flow) set(paused, stopped bool) (idle bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paused, f.stopped = paused, f.stopped || stopped
	f.changed.Broadcast()
	return f.batches == 0
}

// run reads, tests and records what is left to do.
func (m *mapper) run(ctx context.Context) error {
	m.flow.changed = sync.NewCond(&m.flow.mu)
	if m.work.Progress == nil {
		m.work.Progress = &Progress{}
	}
	if m.work.Workers <= 0 {
		m.work.Workers = runtime.GOMAXPROCS(0)
	}
	if m.work.Checkpoint <= 0 {
		m.work.Checkpoint = checkEvery
	}
	if m.work.batchBytes <= 0 {
		m.work.batchBytes = maxBatch
	}
	if err := m.resume(); err != nil {
		return err
	}
	m.work.Progress.files, m.work.Progress.later = len(m.names), m.later()
	if m.ended {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo := make(chan int)
	work := make(chan *batch, m.work.Workers)
	results := make(chan *outcome, m.work.Workers)

	var readers, workers sync.WaitGroup
	open := min(max(m.work.Workers, 1), maxOpen)
	for range open {
		readers.Go(func() {
			for i := range todo {
				if err := m.readFile(ctx, i, work); err != nil {
					m.fail(err) // the other files go on
				}
			}
		})
	}
	for range m.work.Workers {
		t := newTester(m.design, m.shared)
		m.testers = append(m.testers, t)
		workers.Go(func() {
			for b := range work {
				results <- m.testBatch(t, b)
			}
		})
	}
	go func() {
		defer close(todo)
		for i := range m.files {
			if m.files[i].ended { // the collector changes only files that were handed out
				continue
			}
			select {
			case todo <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		readers.Wait()
		close(work)
		workers.Wait()
		close(results)
	}()
	err := m.collect(ctx, cancel, results)
	cancel()
	m.flow.set(false, true)
	for range results { // let everybody end
	}
	if err != nil {
		return err
	}
	return m.writeJSON(kindEnd, struct{}{})
}

// resume begins the journal, or goes back to its last checkpoint.
func (m *mapper) resume() error {
	m.since = time.Now()
	plan := m.plan()
	if m.records == 0 || !m.listed {
		// A kill before the list was whole leaves nothing worth keeping.
		if m.records > 0 {
			if err := m.comparePlan(&plan); err != nil {
				return err
			}
			*m.history = history{head: firstPrev, checkpoint: -1}
		}
		if err := m.begin(); err != nil {
			return err
		}
		m.shared = m.newSamples()
		if err := m.writeJSON(kindPlan, plan); err != nil {
			return err
		}
		return m.list()
	}
	if err := m.comparePlan(&plan); err != nil {
		return err
	}
	if !slices.Equal(m.args, m.in.Args) {
		return fmt.Errorf("%w: it reads %s, and this call %s", ErrPlan, words(m.args), words(m.in.Args))
	}
	if err := m.compareFiles(); err != nil || m.ended {
		return err
	}
	if err := m.begin(); err != nil {
		return err
	}
	if m.checkpoint < 0 {
		m.shared = m.newSamples()
	} else {
		state, err := m.load()
		if err != nil {
			return err
		}
		if m.shared, err = m.decodeSamples(state); err != nil {
			return err
		}
	}
	return m.writeJSON(kindResume, resumeBody{m.checkpoint})
}

// path returns the path of a file.
func (in *Input) path(fileName string) string {
	if path, ok := in.Paths[fileName]; ok {
		return path
	}
	return fileName
}

func (m *mapper) comparePlan(plan *planBody) error {
	var old planBody
	if err := json.Unmarshal(m.history.plan, &old); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	return old.check(plan)
}

// compareFiles returns an error if a file that was read is there and is another one now. A time that
// differs alone is no sign of that, since copies have new ones: then the file is read once more.
func (m *mapper) compareFiles() error {
	var d decoder
	for i := range m.files {
		f := &m.files[i]
		if !f.ended || f.modified == 0 {
			continue
		}
		fileName := string(m.names[i])
		path := m.in.path(fileName)
		info, err := os.Stat(path)
		if err != nil || info.Mode().IsRegular() && info.Size() == f.size && info.ModTime().UnixNano() == f.modified {
			continue // a file that is away is not needed any more
		}
		if info.Mode().IsRegular() && info.Size() == f.size {
			body, err := m.items(&f.parts[len(f.parts)-1], &d, true)
			if err != nil {
				return err
			}
			if sum, err := hashOfFile(path); err != nil || sum == body.Source.SHA256 {
				continue // who cannot read it now has read it before
			}
		}
		return fmt.Errorf("%s: %w", fileName, ErrChanged)
	}
	return nil
}

// hashOfFile returns the SHA-256 of a file in hex digits.
func hashOfFile(fileName string) (string, error) {
	f, err := os.Open(fileName)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// words lists names for a message.
func words(names []string) string {
	s := strings.Join(names, " ")
	if len(s) > 200 {
		s = s[:197] + "..."
	}
	return s
}

// stdin returns what standard input is called.
func (m *mapper) stdin() string { return cmp.Or(m.in.StdinName, Stdin) }

// list writes the sorted names of the files.
func (m *mapper) list() error {
	names := slices.Clone(m.in.Files)
	if m.in.StdinName != "" && slices.Contains(names, m.in.StdinName) {
		return fmt.Errorf("standard input and a file are both called %s; give standard input another name", m.in.StdinName)
	}
	for i, n := range names {
		if n == Stdin {
			names[i] = m.stdin()
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	body := filesBody{Args: m.in.Args, Notes: m.in.Notes, Names: []name{}}
	for i, n := range names {
		body.Names = append(body.Names, name(n))
		body.Last = i == len(names)-1
		if len(body.Names) == filesPerRecord || body.Last {
			if err := m.writeJSON(kindFiles, body); err != nil {
				return err
			}
			body = filesBody{Names: []name{}}
		}
	}
	if len(names) == 0 {
		body.Last = true
		return m.writeJSON(kindFiles, body)
	}
	return nil
}

// later returns the files of the call that the journal does not list.
func (m *mapper) later() (names []string) {
	for _, n := range m.in.Files {
		if n == Stdin {
			n = m.stdin()
		}
		if _, ok := slices.BinarySearch(m.names, name(n)); !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readFile reads a file and sends its rows in batches.
func (m *mapper) readFile(ctx context.Context, file int, work chan<- *batch) error {
	done := m.files[file]
	fileName := string(m.names[file])
	var (
		at    int64
		sums  chain
		b     = &batch{file: file, from: done.next}
		rows  int64
		inner *sourceBody // of the members so far
	)
	send := func() bool {
		b.digest = sums.String()
		if !m.flow.enter(b.bytes) {
			return false
		}
		work <- b // workers end only after the readers
		b = &batch{file: file, from: at}
		return true
	}
	items, modified := m.open(ctx, fileName)
	for item := range items {
		if s, ok := item.(*corpus.Source); ok {
			rows += s.Rows
			if len(s.Place.Members) > 0 {
				if inner == nil {
					inner = sourceOf(s)
				} else {
					inner.add(s)
				}
				continue
			}
			b.source = sourceOf(s)
			b.source.Rows, b.source.Modified = rows, modified
			b.source.take(inner)
			if rows != at {
				return fmt.Errorf("%s: %d rows were read, and %d of them came; this is a fault of the program", fileName, rows, at)
			}
			if at < done.next {
				return fmt.Errorf("%s: %w", fileName, ErrChanged)
			}
			if !send() {
				return nil
			}
			continue
		}
		var digest [sha256.Size]byte
		var size int64
		if doc, ok := item.(*corpus.Document); ok {
			digest = digestOf(doc.Texts)
			for i := range doc.Texts {
				size += int64(len(doc.Texts[i].Text) + 4*len(doc.Texts[i].IDs))
			}
		}
		sums.add(item, &digest)
		at++
		if at <= done.next {
			if at == done.next && sums.String() != done.digest {
				return fmt.Errorf("%s: %w", fileName, ErrChanged)
			}
			continue
		}
		b.items = append(b.items, item)
		b.digests = append(b.digests, digest)
		b.bytes += size
		if b.bytes >= int64(m.work.batchBytes) || len(b.items) >= maxBatchDocs {
			if !send() {
				return nil
			}
		}
	}
	return nil
}

// take adds what the members of a file said.
func (b *sourceBody) take(inner *sourceBody) {
	if inner == nil {
		return
	}
	if b.Rows > 0 && b.Format == "" {
		b.Format, b.By, b.Encoding = inner.Format, inner.By, inner.Encoding
	}
	for kind, n := range inner.Passed {
		if b.Passed == nil {
			b.Passed = map[string]int64{}
		}
		b.Passed[kind] += n
	}
	b.Changed = b.Changed || inner.Changed
	b.Notes = append(b.Notes, inner.Notes...)
	b.Notes = b.Notes[:min(len(b.Notes), keptNotes)]
}

// open returns the items of a file, and when it was modified, in nanoseconds of Unix time. That is 0 of
// whatever is no regular file.
func (m *mapper) open(ctx context.Context, fileName string) (items iter.Seq[corpus.Item], modified int64) {
	if fileName == m.stdin() && slices.Contains(m.in.Files, Stdin) {
		return m.in.Corpus.Stream(ctx, m.in.Stdin, fileName), 0
	}
	path := m.in.path(fileName)
	if _, err := os.Stat(path); err != nil && strings.Contains(path, "://") {
		if m.in.Open != nil {
			return m.openAddress(ctx, fileName), 0
		}
		return unreadable(fileName, "this is an address and not a file; download it, and give the file"), 0
	}
	f, err := os.Open(path)
	if err != nil {
		return m.in.Corpus.Path(ctx, path), 0 // says why
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		modified = info.ModTime().UnixNano()
	}
	return func(yield func(corpus.Item) bool) {
		m.work.Progress.begin(f)
		defer func() {
			m.work.Progress.end(f)
			f.Close()
		}()
		m.in.Corpus.File(ctx, f, fileName)(yield)
	}, modified
}

// openAddress returns the items of a file that Input.Open opens.
func (m *mapper) openAddress(ctx context.Context, fileName string) iter.Seq[corpus.Item] {
	r, err := m.in.Open(ctx, fileName)
	if err != nil {
		return unreadable(fileName, err.Error())
	}
	return func(yield func(corpus.Item) bool) {
		defer r.Close() // nothing was written
		m.in.Corpus.Stream(ctx, r, fileName)(yield)
	}
}

func unreadable(fileName, detail string) iter.Seq[corpus.Item] {
	return func(yield func(corpus.Item) bool) {
		p := corpus.Place{File: fileName, Offset: -1, Stored: -1, RowGroup: -1}
		if yield(&corpus.Skip{Place: p, Reason: corpus.Unreadable, Detail: detail, Rest: true}) {
			yield(&corpus.Source{Place: p, Rows: 1, Skipped: 1})
		}
	}
}

// testBatch tests the documents of a batch.
func (m *mapper) testBatch(t *tester, b *batch) *outcome {
	o := &outcome{batch: b}
	bodies := t.testAll(b)
	p := m.work.Progress
	for i := range bodies {
		if i > 0 {
			o.lines = append(o.lines, ',')
		}
		o.lines = appendItem(o.lines, &bodies[i])
		f := bodies[i].Doc
		if f == nil {
			p.skipped.Add(1)
			continue
		}
		p.documents.Add(1)
		p.bytes.Add(f.Bytes)
		if f.Best <= tail.Log10(m.Alpha) {
			p.detected.Add(1)
		}
	}
	return o
}

// collect writes what was tested, each file in order, and saves the state of the pile now and then.
func (m *mapper) collect(ctx context.Context, cancel func(), results <-chan *outcome) error {
	waiting := make(map[int]map[int64]*outcome)
	stop, stopping := m.work.Stop, false
	for {
		select {
		case o, ok := <-results:
			if !ok {
				if err := errors.Join(append(m.errs, m.check())...); err != nil {
					return err
				}
				if stopping || ctx.Err() != nil {
					return errors.Join(ErrStopped, ctx.Err())
				}
				return nil
			}
			if waiting[o.file] == nil {
				waiting[o.file] = make(map[int64]*outcome)
			}
			waiting[o.file][o.from] = o
			for {
				next, ok := waiting[o.file][m.files[o.file].next]
				if !ok {
					break
				}
				delete(waiting[o.file], next.from)
				if err := m.record(next); err != nil {
					return err
				}
				m.unsaved += next.bytes
				m.flow.leave(next.bytes)
			}
			if len(waiting[o.file]) == 0 {
				delete(waiting, o.file)
			}
			// Nothing new comes in while the state is gathered.
			if due, full := m.due(), m.full(); (due || full) && m.flow.set(true, false) {
				if !due {
					m.gather()
				} else if err := m.check(); err != nil {
					return err
				}
				m.flow.set(false, false)
			}
		case <-stop:
			stop, stopping = nil, true
			m.flow.set(false, true)
			cancel()
		}
	}
}

// due reports whether the state of the pile should be saved.
func (m *mapper) due() bool {
	return time.Since(m.since) >= max(m.pause, m.work.Checkpoint) || m.work.checkBytes > 0 && m.unsaved >= m.work.checkBytes
}

// full reports whether the pile has too many pairs in too many places.
func (m *mapper) full() bool {
	for i := range m.shared {
		n := 0
		for _, t := range m.testers {
			n += int(t.held[i].Load())
		}
		if n > m.Sample {
			return true
		}
	}
	return false
}

// record writes a tested batch.
func (m *mapper) record(o *outcome) error {
	head := itemsHead{File: o.file, From: o.from, Count: int64(len(o.items)), Digest: o.digest, Source: o.source}
	body, err := encodeItems(&head, func(dst []byte) []byte { return append(dst, o.lines...) })
	if err != nil {
		return err
	}
	return m.write(kindItems, body, &head)
}

// gather gathers the pairs of all workers, who must be idle.
func (m *mapper) gather() {
	for i, s := range m.shared {
		for _, t := range m.testers {
			s.merge(t.pile[i].own)
		}
		for _, t := range m.testers {
			t.pile[i].next(s)
			t.held[i].Store(0)
		}
	}
}

// check saves the state of the pile, with the pairs of all workers, who must be idle.
func (m *mapper) check() error {
	begun := time.Now()
	m.gather()
	m.unsaved = 0
	err := m.save(m.appendSamples(nil, m.shared))
	// Saving takes at most a twentieth of the time, however large the sample is.
	m.pause = max(m.work.Checkpoint, 20*time.Since(begun))
	m.since = time.Now()
	return err
}
