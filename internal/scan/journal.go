package scan

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
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/internal/secret"
)

// Names of the files of a journal's folder.
const (
	journalName = "journal"
	lockName    = "lock"
	statePrefix = "state-"
	scratchName = "scratch" // a folder for sorting, which nobody needs after a kill
)

// Kinds of records.
const (
	kindPlan       = "plan"       // the first record: marks and options
	kindFiles      = "files"      // names of the files; the last of these records says so
	kindItems      = "items"      // what was found in a part of a file
	kindCheckpoint = "checkpoint" // the state of the pile, which covers all records before
	kindResume     = "resume"     // the items after a checkpoint do not count
	kindEnd        = "end"        // every file was read
)

// Errors about journals. Compare with errors.Is.
var (
	ErrChain  = errors.New("the journal was changed after it was written, or is damaged; start a new one")
	ErrPlan   = errors.New("the journal is of another scan")
	ErrJoin   = errors.New("the journals do not go together")
	errLocked = errors.New("locked")
	ErrLocked = errors.New("another scan uses the journal; wait until it ends, or name another journal")
)

// A record is a line of a journal. Its hash is the SHA-256 of the line before `,"hash":`. Each line
// thus covers itself and, through prev, all lines before it.
type record struct {
	Seq  int64           `json:"seq"`
	Prev string          `json:"prev"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
	Hash string          `json:"hash"`
}

// hashSize is the length of the end of a line, which is not hashed.
const hashSize = len(`,"hash":""}`) + 2*sha256.Size

var firstPrev = strings.Repeat("0", 2*sha256.Size)

// appendRecord appends a line with its end, and returns the hash.
func appendRecord(dst []byte, seq int64, prev, kind string, body []byte) (line []byte, hash string) {
	from := len(dst)
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"prev":"`...)
	dst = append(dst, prev...)
	dst = append(dst, `","kind":"`...)
	dst = append(dst, kind...)
	dst = append(dst, `","body":`...)
	dst = append(dst, body...)
	sum := sha256.Sum256(dst[from:])
	hash = hex.EncodeToString(sum[:])
	dst = append(dst, `,"hash":"`...)
	dst = append(dst, hash...)
	return append(dst, '"', '}', '\n'), hash
}

// filesBody is the body of a record of files.
type filesBody struct {
	Args  []string `json:"args,omitempty"`  // of the call, in the first of these records
	Notes []string `json:"notes,omitempty"` // what directories hold and was left out, in the first
	Names []name   `json:"names"`
	Last  bool     `json:"last,omitempty"`
}

// A name is the name of a file, which need not be UTF-8.
type name string

func (n name) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(n)) {
		return encode(string(n))
	}
	return encode(struct {
		Bytes []byte `json:"bytes"`
	}{[]byte(n)})
}

func (n *name) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, (*string)(n))
	}
	var x struct {
		Bytes []byte `json:"bytes"`
	}
	err := json.Unmarshal(text, &x)
	*n = name(x.Bytes)
	return err
}

// itemsHead is the start of the body of a record of items, for whoever looks for the items.
type itemsHead struct {
	File   int         `json:"file"`
	From   int64       `json:"from"`
	Count  int64       `json:"count"`
	Digest string      `json:"digest"` // of all items of the file so far
	Source *sourceBody `json:"source"` // at the end of the file, else null
}

type checkpointBody struct {
	State  string `json:"state"` // name of the file
	SHA256 string `json:"sha256"`
}

type resumeBody struct {
	Checkpoint int64 `json:"checkpoint"` // seq of its record, or -1 for none
}

// A part is where a record of items stands.
type part struct {
	at   int64
	size int32
}

// A fileState is what a journal has of a file.
type fileState struct {
	parts  []part
	next   int64  // the next item
	digest string // of the items so far; empty once the file was read
	ended  bool   // the file was read to its end
	// Of a regular file that was read to its end and did not change meanwhile.
	size, modified int64
}

// A history is what a journal holds.
type history struct {
	plan       json.RawMessage
	args       []string
	notes      []string
	names      []name
	files      []fileState
	listed     bool // the list of files is whole
	records    int64
	head       string // hash of the last record
	size       int64  // bytes of the whole lines
	checkpoint int64  // seq of the last one, or -1
	state      checkpointBody
	ended      bool
	log        []undo // since the last checkpoint
}

// An undo is what a record of items changed.
type undo struct {
	file   int32
	next   int64
	digest string
}

// readHistory reads a journal and checks all of it. It leaves out an unfinished last line, which a
// kill leaves behind.
func readHistory(r io.Reader) (*history, error) {
	h := &history{head: firstPrev, checkpoint: -1}
	in := bufio.NewReaderSize(r, 1<<20)
	var long []byte
	for {
		line, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long, line...)
			continue
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if err == io.EOF {
			// A power cut may leave NULs in place of the end.
			begin := fmt.Sprintf(`{"seq":%d,"prev":"%s","kind":"`, h.records, h.head)
			line = bytes.TrimRight(line, "\x00")
			if n := min(len(line), len(begin)); string(line[:n]) != begin[:n] {
				return nil, fmt.Errorf("%w: the file ends with something else than the beginning of a record", ErrChain)
			}
			return h, nil
		}
		if err != nil {
			return nil, err
		}
		rec, err := parseRecord(line[:len(line)-1])
		if err == nil && (rec.Seq != h.records || rec.Prev != h.head) {
			err = fmt.Errorf("%w: a record does not follow the one before", ErrChain)
		}
		if err == nil {
			err = h.take(&rec, nil, int32(len(line)))
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", h.records, err)
		}
		h.size += int64(len(line))
		h.records++
		h.head = rec.Hash
		long = long[:0]
	}
}

// take adds a record. head is the start of the body of items, or nil if it is still to be read.
func (h *history) take(r *record, head *itemsHead, size int32) error {
	bad := func(err error) error {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrChain, err)
		}
		return nil
	}
	if (r.Kind == kindPlan) != (r.Seq == 0) {
		return fmt.Errorf("%w: the plan must be the first record, and no other", ErrChain)
	}
	switch r.Kind {
	case kindPlan:
		h.plan = bytes.Clone(r.Body)
	case kindFiles:
		var b filesBody
		if err := json.Unmarshal(r.Body, &b); err != nil || h.listed {
			return fmt.Errorf("%w: a list of files is not one, or comes late", ErrChain)
		}
		h.args, h.notes = append(h.args, b.Args...), append(h.notes, b.Notes...)
		h.names = append(h.names, b.Names...)
		h.listed = b.Last
		h.files = append(h.files, make([]fileState, len(b.Names))...)
	case kindItems:
		b := head
		if b == nil {
			var err error
			if b, err = itemsHeadOf(r.Body); err != nil {
				return bad(err)
			}
		}
		if !h.listed || b.File < 0 || b.File >= len(h.files) || b.From != h.files[b.File].next || b.Count < 0 || h.files[b.File].ended {
			return fmt.Errorf("%w: items do not follow those before", ErrChain)
		}
		f := &h.files[b.File]
		h.log = append(h.log, undo{int32(b.File), f.next, f.digest})
		f.parts = append(f.parts, part{h.size, size})
		f.next += b.Count
		f.digest, f.ended = b.Digest, b.Source != nil
		if f.ended {
			f.digest = ""
			if !b.Source.Changed {
				f.size, f.modified = b.Source.Bytes, b.Source.Modified
			}
		}
	case kindCheckpoint:
		var b checkpointBody
		if err := json.Unmarshal(r.Body, &b); err != nil {
			return bad(err)
		}
		h.checkpoint, h.state, h.log = r.Seq, b, h.log[:0]
	case kindResume:
		var b resumeBody
		if err := json.Unmarshal(r.Body, &b); err != nil {
			return bad(err)
		}
		return bad(h.rewind(b.Checkpoint))
	case kindEnd:
		h.ended = true
	default:
		return fmt.Errorf("%w: unknown kind of record %.20q", ErrChain, r.Kind)
	}
	return nil
}

// rewind forgets the items after the last checkpoint.
func (h *history) rewind(seq int64) error {
	if seq != h.checkpoint {
		return errors.New("there is no such checkpoint")
	}
	for i := len(h.log) - 1; i >= 0; i-- {
		u := h.log[i]
		f := &h.files[u.file]
		f.parts, f.next, f.digest, f.ended = f.parts[:len(f.parts)-1], u.next, u.digest, false
	}
	h.log, h.ended = h.log[:0], false
	return nil
}

// A journal is an open folder. One goroutine at a time uses it.
type journal struct {
	dir  string
	f    *os.File
	lock *os.File
	out  io.Writer
	disk *disk
	*history
	buf []byte
}

// openJournal opens or makes the journal in a folder, and locks it.
func openJournal(dir string, d *disk) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return lockJournal(dir, d, os.O_CREATE)
}

// lockJournal locks the folder of a journal and reads it.
func lockJournal(dir string, d *disk, create int) (j *journal, err error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	if err := lockFile(lock); err == errLocked {
		return nil, fmt.Errorf("%s: %w", dir, ErrLocked)
	} else if err != nil {
		return nil, fmt.Errorf("%s cannot be locked: %w", dir, err)
	}
	name := filepath.Join(dir, journalName)
	f, err := os.OpenFile(name, os.O_RDWR|create, 0o600)
	if err != nil {
		return nil, err
	}
	h, err := readHistory(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &journal{dir: dir, f: f, lock: lock, disk: d, history: h}, nil
}

// begin prepares the journal for writing: it cuts an unfinished line off.
func (j *journal) begin() error {
	if err := j.f.Truncate(j.size); err != nil {
		return err
	}
	if _, err := j.f.Seek(j.size, io.SeekStart); err != nil {
		return err
	}
	j.out = j.disk.writer(j.f)
	return os.RemoveAll(filepath.Join(j.dir, scratchName))
}

// write appends a record.
func (j *journal) write(kind string, body []byte, head *itemsHead) error {
	line, hash := appendRecord(j.buf[:0], j.records, j.head, kind, body)
	j.buf = line
	if n, err := j.out.Write(line); err != nil || n < len(line) {
		return fmt.Errorf("the journal cannot be written: %w; the same call resumes once this is mended", errors.Join(err, short(n, len(line))))
	}
	// The records of a running scan are not looked at before its end, but their places are.
	var r record
	r.Seq, r.Kind, r.Body = j.records, kind, body
	if err := j.take(&r, head, int32(len(line))); err != nil {
		return err
	}
	j.size += int64(len(line))
	j.records++
	j.head = hash
	return nil
}

func short(n, want int) error {
	if n < want {
		return io.ErrShortWrite
	}
	return nil
}

func (j *journal) writeJSON(kind string, body any) error {
	b, err := encode(body)
	if err != nil {
		return err
	}
	return j.write(kind, b, nil)
}

// save writes the state of the pile, and then a checkpoint that covers all records so far.
func (j *journal) save(state []byte) error {
	fail := func(err error) error {
		return fmt.Errorf("the state of the scan cannot be written: %w; the same call resumes once this is mended", err)
	}
	old := j.state.State
	name := statePrefix + strconv.FormatInt(j.records, 10)
	path := filepath.Join(j.dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(err)
	}
	_, err = j.disk.writer(f).Write(state)
	if err = errors.Join(err, f.Sync(), f.Close(), j.f.Sync(), secret.SyncDir(j.dir)); err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(state)
	if err := j.writeJSON(kindCheckpoint, checkpointBody{name, hex.EncodeToString(sum[:])}); err != nil {
		return err
	}
	if err := j.f.Sync(); err != nil {
		return fail(err)
	}
	if old != "" && old != name {
		if info, err := os.Stat(filepath.Join(j.dir, old)); err == nil {
			j.disk.free(info.Size())
		}
		os.Remove(filepath.Join(j.dir, old)) // a state that is left over does no harm
	}
	return nil
}

// load returns the state of the last checkpoint.
func (j *journal) load() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(j.dir, j.state.State))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: the state of its last checkpoint is not there", j.dir, ErrChain)
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != j.state.SHA256 {
		return nil, fmt.Errorf("%s: %w: the state does not match its hash", j.dir, ErrChain)
	}
	return b, nil
}

// items returns the body of a record of items; see decoder.items. Several goroutines may call it, each
// with a decoder of its own, while nobody writes.
func (j *journal) items(p *part, d *decoder, brief bool) (*itemsBody, error) {
	d.line = slices.Grow(d.line[:0], int(p.size))[:p.size]
	if _, err := j.f.ReadAt(d.line, p.at); err != nil {
		return nil, err
	}
	rec, err := parseRecord(d.line[:len(d.line)-1])
	if err != nil {
		return nil, err
	}
	b, err := d.items(rec.Body, brief)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	return b, nil
}

// scratch makes the folder for sorting.
func (j *journal) scratch() (string, error) {
	dir := filepath.Join(j.dir, scratchName)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o700)
}

func (j *journal) close() error { return errors.Join(j.f.Close(), j.lock.Close()) }

// encode returns JSON without the escapes that HTML needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// RunKey returns the run key of the journal in a folder. ok is false if there is none yet.
func RunKey(dir string) (key [16]byte, ok bool) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if err != nil {
		return key, false
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxPlan)).ReadBytes('\n')
	if err != nil {
		return key, false
	}
	var p planBody
	rec, err := parseRecord(line[:len(line)-1])
	if err != nil || rec.Kind != kindPlan || json.Unmarshal(rec.Body, &p) != nil {
		return key, false
	}
	b, err := hex.DecodeString(p.RunKey)
	if err != nil || len(b) != len(key) {
		return key, false
	}
	return [16]byte(b), true
}

// maxPlan bounds the first record: a hash for each of up to a million marks.
const maxPlan = 128 << 20
