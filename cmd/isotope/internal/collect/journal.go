package collect

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/canonical"
	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/internal/strictjson"
)

// Kinds of records.
const (
	kindPlan    = "plan"    // the first record: what was declared
	kindSession = "session" // a run began
	kindAnswer  = "answer"
	kindFailure = "failure" // the attempts at a question that stays open
	kindEnd     = "end"     // a run ended in order
)

// ErrChain is wrapped by errors about a journal that differs from what was written.
var ErrChain = errors.New("the journal was changed after it was written, or is damaged")

// A record is a line of a journal. Its hash is the SHA-256 of the line before `,"hash":`. Each line
// thus covers itself and, through prev, all lines before it:
//
//	{"seq":0,"prev":"00..","kind":"plan","canonical":{..},"observed":{..},"hash":".."}
type record struct {
	Seq       int64           `json:"seq"`
	Prev      string          `json:"prev"`
	Kind      string          `json:"kind"`
	Canonical json.RawMessage `json:"canonical"`
	Observed  json.RawMessage `json:"observed"`
	Hash      string          `json:"hash,omitempty"`
}

// hashSize is the length of the end of a line, which is not hashed: ,"hash":"<64>"}
const hashSize = len(`,"hash":""}`) + 2*sha256.Size

// maxLine is the longest line: a body and those of earlier attempts, of which every byte can take
// six, and the fields around them.
const maxLine = 16 * MaxBody

// seal returns the line of a record, without line end, and its hash.
func (r record) seal() (line []byte, hash string, err error) {
	r.Hash = ""
	line, err = canonical.Encode(r)
	if err != nil {
		return nil, "", err
	}
	line = line[:len(line)-1] // the closing brace
	sum := sha256.Sum256(line)
	hash = hex.EncodeToString(sum[:])
	return fmt.Appendf(line, `,"hash":"%s"}`, hash), hash, nil
}

// unseal reads a line and checks its hash.
func unseal(line []byte) (record, error) {
	var r record
	if err := strictjson.Decode(line, &r); err != nil {
		return r, fmt.Errorf("%w: not a record: %w", ErrChain, err)
	}
	at := len(line) - hashSize
	if at < 0 || !bytes.HasPrefix(line[at:], []byte(`,"hash":"`)) {
		return r, fmt.Errorf("%w: the record does not end with its hash", ErrChain)
	}
	if sum := sha256.Sum256(line[:at]); hex.EncodeToString(sum[:]) != r.Hash {
		return r, fmt.Errorf("%w: the hash of the record does not match", ErrChain)
	}
	return r, nil
}

// A Declaration is the canonical part of the first record.
type Declaration struct {
	Journal int             `json:"journal"` // version of the format, which OpenJournal sets
	Request Request         `json:"request"`
	Asks    int             `json:"asks"`  // number of questions; question i is prompt i modulo the number of prompts
	Batch   int             `json:"batch"` // number of answers between two looks
	Budget  Budget          `json:"budget,omitzero"`
	Plan    json.RawMessage `json:"plan"` // of the test, which this package does not read
	Prompts []string        `json:"prompts"`
}

func (d *Declaration) prompt(ask int) string { return d.Prompts[ask%len(d.Prompts)] }

// Check returns an error for a declaration that cannot be right, or that would send a marking key
// to the endpoint. Errors do not quote a key.
func (d *Declaration) Check() error {
	if err := d.checkForm(); err != nil {
		return err
	}
	r := &d.Request
	for i, p := range d.Prompts {
		if err := secret.Refuse(fmt.Sprintf("prompt %d", i+1), p); err != nil {
			return err
		}
	}
	if secret.Holds(d.Plan) {
		return secret.Refuse("the plan", string(d.Plan))
	}
	return errors.Join(
		secret.Refuse("the endpoint's URL", r.Endpoint), secret.Refuse("the name of the model", r.Model),
		secret.Refuse("the system prompt", r.System), secret.Refuse("the extra fields of the request", string(r.Extra)),
	)
}

// checkForm returns an error for a declaration that cannot be right. A journal of an older version
// may hold a key, and stays readable.
func (d *Declaration) checkForm() error {
	size := 0
	for _, p := range d.Prompts {
		size += len(p)
	}
	switch {
	case len(d.Prompts) == 0:
		return errors.New("there are no prompts; give at least one")
	case size > maxPrompts:
		return fmt.Errorf("too many prompts: %d bytes (maximum %d)", size, maxPrompts)
	case d.Asks < 1 || d.Asks > 1<<24:
		return fmt.Errorf("the number of questions, %d, is outside 1 to 2^24", d.Asks)
	case d.Batch < 1:
		return fmt.Errorf("the batch, %d, is below 1", d.Batch)
	case d.Budget.Money > 0 && !(d.Budget.PriceIn > 0 || d.Budget.PriceOut > 0):
		return errors.New("a budget of money needs prices; give the price of a million tokens in and out")
	}
	return d.Request.Check()
}

// Versions of the format. A journal keeps the version with which it began, also when a newer program
// resumes it.
const (
	// firstJournal has answers of up to MaxBody bytes, and believes what an endpoint reports as usage.
	firstJournal = 1
	// boundedJournal has no answer that is longer than max_tokens can be, and no usage that
	// contradicts the text.
	boundedJournal = 2
	// journalVersion is that of new journals.
	journalVersion = boundedJournal
)

// A Recording is the contents of a journal.
type Recording struct {
	Declaration Declaration
	Answers     map[int]Answer // without their texts, which stay in the file; see Replay
	Head        string         // hash of the last record, or "" if there is none
	Records     int64          // number of records of all kinds
	Sessions    []SessionInfo  // runs, in order
	Attempts    int64          // recorded requests, including retries
	Failures    int64          // records of questions that failed and stay open
	Redacted    int            // records in which an API key was overwritten
	First, Last time.Time      // times of the first and the last answer
	Lost        Usage          // upper bound on the usage of requests without an answer
	Disbelieved int            // answers whose reported usage contradicts their text; the most counts
	Peers       []Peer         // who answered, in the order of first sight; at most maxPeers
	MorePeers   int            // answers of others than Peers
	Reason      End            // why the last run ended; Interrupted if the journal does not say

	torn   int64         // bytes of an unfinished line at the end
	size   int64         // bytes of the whole lines
	clean  bool          // the last session has a record of its end
	final  map[int]bool  // failed questions whose failure is about the question
	costs  map[int]Usage // of the answers, as far as they are believed
	places map[int]place // of the answers
	source source        // of the file
}

// maxPeers is how many different peers a Recording lists.
const maxPeers = 16

// A place is where a line stands in a journal.
type place struct {
	at   int64
	size int
	hash string // of its record
}

// A source opens a journal again, to read single lines of it.
type source func() (io.ReaderAt, io.Closer, error)

// texts is an open source.
type texts struct {
	recording *Recording
	in        io.ReaderAt
	io.Closer
}

func (r *Recording) open() (*texts, error) {
	if r.source == nil {
		return nil, errors.New("the journal cannot be read again")
	}
	in, closer, err := r.source()
	return &texts{r, in, closer}, err
}

// answer returns an answer with its texts. The line must be the one that was checked.
func (t *texts) answer(ask int) (Answer, error) {
	p := t.recording.places[ask]
	line := make([]byte, p.size)
	if _, err := t.in.ReadAt(line, p.at); err != nil {
		return Answer{}, err
	}
	rec, err := unseal(line[:len(line)-1])
	if err != nil {
		return Answer{}, err
	}
	if rec.Hash != p.hash {
		return Answer{}, fmt.Errorf("%w: while it was read", ErrChain)
	}
	var x Exchange
	if err := strictjson.Decode(rec.Observed, &x); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	d := &t.recording.Declaration
	return answer(d, ask, d.prompt(ask), &x), nil
}

// A SessionInfo is one run that wrote to a journal.
type SessionInfo struct {
	At          time.Time `json:"at"`
	Tool        string    `json:"tool"`
	From        int       `json:"answers"` // number of answers before this run
	Torn        int64     `json:"torn_bytes,omitempty"`
	Lost        Usage     `json:"lost,omitzero"` // upper bound on the usage of a run before that broke off
	Concurrency int       `json:"concurrency"`
}

// endInfo is the observed part of the end of a run.
type endInfo struct {
	At   time.Time `json:"at"`
	Lost Usage     `json:"lost,omitzero"` // in journals without records of failures
	Note string    `json:"note,omitempty"`
}

// endCanonical is the canonical part of the end of a run.
type endCanonical struct {
	Reason End `json:"reason"`
}

// ReadJournal reads a journal and checks all of it: the chain, and that each answer follows from
// its response. It ignores an unfinished last line, which a kill leaves behind. Errors wrap
// [ErrChain] if the journal differs from what was written.
func ReadJournal(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := notIrregular(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r, err := readJournal(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.source = func() (io.ReaderAt, io.Closer, error) {
		f, err := os.Open(path)
		return f, f, err
	}
	if r.Records == 0 {
		return nil, fmt.Errorf("%s has no record; it is empty, or a run ended before its first record", path)
	}
	return r, nil
}

// notIrregular returns an error for a device or a pipe, which has no lines to come back to.
func notIrregular(f interface{ Stat() (os.FileInfo, error) }) error {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		return errors.New("it is not a regular file; name the file of a journal")
	}
	return err
}

func readJournal(f io.Reader) (*Recording, error) {
	r := &Recording{
		Answers: make(map[int]Answer), Reason: Interrupted, final: make(map[int]bool), costs: make(map[int]Usage), places: make(map[int]place),
	}
	if in, ok := f.(io.ReaderAt); ok {
		r.source = func() (io.ReaderAt, io.Closer, error) { return in, io.NopCloser(nil), nil }
	}
	prev := strings.Repeat("0", 2*sha256.Size)
	in := bufio.NewReaderSize(f, 1<<16)
	for {
		line, nulls, err := readLine(in)
		if err == io.EOF {
			// A kill leaves the beginning of the next record, and a power cut may leave NULs
			// after it. Anything else is another file, which must not be cut.
			begin := fmt.Sprintf(`{"seq":%d,"prev":"%s","kind":"`, r.Records, prev)
			if n := min(len(line), len(begin)); string(line[:n]) != begin[:n] || r.Records == 0 && nulls > 0 {
				return nil, fmt.Errorf("record %d: %w: the file ends with something else than the beginning of a record", r.Records, ErrChain)
			}
			r.torn = int64(len(line)) + nulls
			return r, nil
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", r.Records, err)
		}
		rec, err := unseal(line[:len(line)-1])
		switch {
		case err != nil:
		case rec.Seq != r.Records || rec.Prev != prev:
			err = fmt.Errorf("%w: the record does not follow the one before", ErrChain)
		default:
			err = r.take(rec, len(line))
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", r.Records, err)
		}
		prev = rec.Hash
	}
}

// readLine reads a line with its end. At the end of the file it returns an unfinished line, the
// number of NULs after it, and io.EOF.
func readLine(in *bufio.Reader) (line []byte, nulls int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		whole := len(part) > 0 && part[len(part)-1] == '\n'
		rest := bytes.TrimRight(part, "\x00")
		if len(rest) > 0 && nulls > 0 {
			return nil, 0, fmt.Errorf("%w: NULs stand in the middle of a line", ErrChain)
		}
		line, nulls = append(line, rest...), nulls+int64(len(part)-len(rest))
		switch {
		case whole:
			return line, 0, nil
		case err == io.EOF:
			return line, nulls, io.EOF
		case err != bufio.ErrBufferFull:
			return nil, 0, err
		case len(line) > maxLine:
			return nil, 0, fmt.Errorf("%w: a line is longer than %d bytes", ErrChain, maxLine)
		}
	}
}

// take adds a record, whose line has so many bytes.
func (r *Recording) take(rec record, size int) error {
	if err := r.takeKind(rec, size); err != nil {
		return err
	}
	r.Head = rec.Hash
	r.Records++
	r.size += int64(size)
	return nil
}

func (r *Recording) takeKind(rec record, size int) error {
	if (rec.Kind == kindPlan) != (rec.Seq == 0) {
		return fmt.Errorf("%w: the plan must be the first record, and no other", ErrChain)
	}
	switch rec.Kind {
	case kindPlan:
		if err := strictjson.Decode(rec.Canonical, &r.Declaration); err != nil {
			return fmt.Errorf("%w: %w", ErrChain, err)
		}
		if v := r.Declaration.Journal; v < firstJournal || v > journalVersion {
			return fmt.Errorf("the journal has version %d, and this program reads versions %d to %d", v, firstJournal, journalVersion)
		}
		if err := r.Declaration.checkForm(); err != nil {
			return fmt.Errorf("%w: %w", ErrChain, err)
		}
	case kindSession:
		var s SessionInfo
		if err := strictjson.Decode(rec.Observed, &s); err != nil {
			return fmt.Errorf("%w: %w", ErrChain, err)
		}
		r.Sessions = append(r.Sessions, s)
		r.Lost = r.Lost.plus(s.Lost)
		r.clean, r.Reason = false, Interrupted
	case kindAnswer:
		return r.takeAnswer(rec, size)
	case kindFailure:
		return r.takeFailure(rec)
	case kindEnd:
		var e endInfo
		var c endCanonical
		if err := errors.Join(strictjson.Decode(rec.Observed, &e), strictjson.Decode(rec.Canonical, &c)); err != nil {
			return fmt.Errorf("%w: %w", ErrChain, err)
		}
		r.Lost = r.Lost.plus(e.Lost)
		r.clean, r.Reason = true, c.Reason
	default:
		return fmt.Errorf("%w: unknown kind of record %.20q", ErrChain, rec.Kind)
	}
	return nil
}

func (r *Recording) takeAnswer(rec record, size int) error {
	var a Answer
	var x Exchange
	if err := errors.Join(strictjson.Decode(rec.Canonical, &a), strictjson.Decode(rec.Observed, &x)); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	if _, ok := r.Answers[a.Ask]; ok {
		return fmt.Errorf("%w: question %d has two answers", ErrChain, a.Ask)
	}
	if a.Ask < 0 || a.Ask >= r.Declaration.Asks {
		return fmt.Errorf("%w: question %d is outside 0 to %d", ErrChain, a.Ask, r.Declaration.Asks-1)
	}
	a = answer(&r.Declaration, a.Ask, r.Declaration.prompt(a.Ask), &x)
	again, err := canonical.Encode(a)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, rec.Canonical) {
		return fmt.Errorf("%w: the answer to question %d does not follow from its response", ErrChain, a.Ask)
	}
	cost, believed := r.Declaration.cost(&a)
	if !believed {
		r.Disbelieved++
	}
	a.Texts = nil
	r.Answers[a.Ask], r.costs[a.Ask], r.places[a.Ask] = a, cost, place{r.size, size, rec.Hash}
	r.sight(x.Peer)
	r.count(&x)
	if r.First.IsZero() || x.At.Before(r.First) {
		r.First = x.At
	}
	if x.At.After(r.Last) {
		r.Last = x.At
	}
	return nil
}

// sight lists a peer.
func (r *Recording) sight(p *Peer) {
	switch {
	case p == nil || slices.Contains(r.Peers, *p):
	case len(r.Peers) < maxPeers:
		r.Peers = append(r.Peers, *p)
	default:
		r.MorePeers++
	}
}

// failureCanonical is the canonical part of a failure. The test does not depend on it.
type failureCanonical struct {
	Ask int `json:"ask"`
}

func (r *Recording) takeFailure(rec record) error {
	var c failureCanonical
	var x Exchange
	if err := errors.Join(strictjson.Decode(rec.Canonical, &c), strictjson.Decode(rec.Observed, &x)); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	if c.Ask < 0 || c.Ask >= r.Declaration.Asks {
		return fmt.Errorf("%w: question %d is outside 0 to %d", ErrChain, c.Ask, r.Declaration.Asks-1)
	}
	if _, ok := r.Answers[c.Ask]; ok {
		return fmt.Errorf("%w: question %d failed after it was answered", ErrChain, c.Ask)
	}
	// A question whose answer is recorded as a failure would be asked again, until it has another answer.
	if a := answer(&r.Declaration, c.Ask, r.Declaration.prompt(c.Ask), &x); !a.Skip.failure() {
		return fmt.Errorf("%w: question %d is recorded as failed, but its response has an answer", ErrChain, c.Ask)
	}
	r.Failures++
	r.final[c.Ask] = r.final[c.Ask] || x.final()
	r.count(&x)
	return nil
}

// count adds the attempts and the usage of an answer or a failure.
func (r *Recording) count(x *Exchange) {
	r.Attempts += int64(x.Attempts)
	r.Lost = r.Lost.plus(x.Lost)
	if x.redacted() {
		r.Redacted++
	}
}

// A Journal is a journal that is open for writing. It is locked: another process that opens it
// waits. It is not safe for concurrent use.
type Journal struct {
	f         file
	recording *Recording
	broken    error // of the first record that could not be written, after which none is
}

// A file has the methods of a file that a journal needs.
type file interface {
	io.ReadWriteSeeker
	io.ReaderAt
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// OpenJournal opens a journal for a run, and creates it if it does not exist. An existing journal
// must have the same declaration, or the error says what differs. OpenJournal cuts off an
// unfinished last line.
func OpenJournal(path string, d Declaration) (*Journal, error) {
	d.Journal = journalVersion
	if err := d.Check(); err != nil {
		return nil, err
	}
	if err := secret.Refuse("the name of the journal", path); err != nil {
		return nil, err
	}
	_, before := os.Stat(path)
	f, err := lockedfile.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{f: f}
	if err := j.open(d); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	if before != nil { // without this, a power cut may take the new file's name
		if err := secret.SyncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return j, nil
}

func (j *Journal) open(d Declaration) error {
	if err := notIrregular(j.f); err != nil {
		return err
	}
	r, err := readJournal(j.f)
	if err != nil {
		return err
	}
	r.source = func() (io.ReaderAt, io.Closer, error) { return j.f, io.NopCloser(nil), nil }
	j.recording = r
	if r.torn > 0 {
		if err := j.f.Truncate(r.size); err != nil {
			return err
		}
	}
	if _, err := j.f.Seek(r.size, io.SeekStart); err != nil {
		return err
	}
	if r.Records == 0 {
		return j.append(kindPlan, d, struct {
			At time.Time `json:"at"`
		}{time.Now().UTC()})
	}
	d.Journal = r.Declaration.Journal
	return r.Declaration.same(&d)
}

// append writes a record and syncs it.
func (j *Journal) append(kind string, tested, observed any) error {
	c, err := canonical.Encode(tested)
	if err != nil {
		return err
	}
	o, err := canonical.Encode(observed)
	if err != nil {
		return err
	}
	r := j.recording
	prev := r.Head
	if prev == "" {
		prev = strings.Repeat("0", 2*sha256.Size)
	}
	rec := record{Seq: r.Records, Prev: prev, Kind: kind, Canonical: c, Observed: o}
	line, hash, err := rec.seal()
	if err != nil {
		return err
	}
	if len(line) > maxLine {
		return fmt.Errorf("a record has %d bytes, and %d is the most that can be read again", len(line), maxLine)
	}
	line = append(line, '\n')
	if err := j.write(line); err != nil {
		return err
	}
	rec.Hash = hash
	return r.take(rec, len(line))
}

// write writes a line and syncs it. It writes nothing after a line that a full disk cut short:
// another record on the same line would make the journal unreadable.
func (j *Journal) write(line []byte) error {
	if j.broken != nil {
		return j.broken
	}
	_, err := j.f.Write(line)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("the journal cannot be written: %w", err)
		j.f.Truncate(j.recording.size) // if this fails, opening the journal cuts off the line
	}
	return j.broken
}

// Recording returns the contents of the journal, which change during a run.
func (j *Journal) Recording() *Recording { return j.recording }

// Torn returns the number of bytes of an unfinished line that OpenJournal cut off.
func (j *Journal) Torn() int64 { return j.recording.torn }

// Close unlocks the journal.
func (j *Journal) Close() error { return j.f.Close() }

// same returns an error that names the first field in which e differs from d, or nil.
func (d *Declaration) same(e *Declaration) error {
	old, errOld := canonical.Encode(d)
	now, errNow := canonical.Encode(e)
	if err := errors.Join(errOld, errNow); err != nil {
		return err
	}
	changes, err := canonical.Compare(old, now)
	if err != nil || len(changes) == 0 {
		return err
	}
	return fmt.Errorf("the journal has another declaration: %v; give the declared values, or a new journal", changes[0])
}

// elide returns at most n bytes of a text, with dots in place of the rest.
func elide(s string, n int) string {
	if len(s) > n {
		return s[:n-3] + "..."
	}
	return s
}
