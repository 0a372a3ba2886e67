package openaiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// A KeySource says where the keys of a rotating [Marker] come from, and which of them may mark.
type KeySource struct {
	Root     provenance.Root
	Epoch    string              // the only one; empty for those of Schedule
	Schedule provenance.Schedule // epochs are months, and overlap
	Now      func() time.Time    // nil is time.Now
	// Keys returns what a log says about keys now. A key marks only if the log has its commitment for
	// the epoch and the profile, and it was neither revoked nor revealed. nil lets every key mark.
	Keys func() (*provenance.KeyBook, error)
}

// at returns the epochs now.
func (s *KeySource) at() []string {
	if s.Epoch != "" {
		return []string{s.Epoch}
	}
	return s.Schedule.At(s.Now())
}

// rootWait is how long a root may take for one key.
const rootWait = 30 * time.Second

// epochs are the marks of the current epochs.
type epochs struct {
	source  KeySource
	ctx     context.Context // of the root
	rootID  string
	tenants *Tenants
	scheme  watermark.Scheme
	info    Info
	begun   func(epochs []string) // is told of each change; may be nil

	mu      sync.Mutex
	names   []string // the one that marks first
	markers map[string]*registry.Marker
	keys    sync.Map // epochKey by key id
	checks  sync.Map // of *watermark.Mark to *checkedMark
}

// An epochKey is a key and its epoch.
type epochKey struct {
	epoch string
	key   watermark.Key
}

// A checkedMark is what a log said of the key of a mark.
type checkedMark struct {
	epoch string
	book  *provenance.KeyBook
	err   error
}

// NewRotatingMarker returns a [Marker] whose root need not be in memory. Unless the source names one
// epoch, its keys change at the beginning of each month in UTC, without a restart. Paths of keys end with the epoch, such as "tenant/acme/2026-11", in place of
// that of the tenants' file. It derives the master's key of the current epoch at once, so that a root
// that cannot be reached is found here. ctx ends the use of the root.
func NewRotatingMarker(ctx context.Context, source KeySource, tenants *Tenants, scheme watermark.Scheme, info Info) (*Marker, error) {
	if source.Now == nil {
		source.Now = time.Now
	}
	// The schedule is checked as that of a Rotation is.
	if _, err := provenance.NewRotation(source.Root, source.Schedule, nil); err != nil {
		return nil, err
	}
	e := &epochs{source: source, ctx: ctx, tenants: tenants, scheme: scheme, info: info, markers: map[string]*registry.Marker{}}
	wait, cancel := context.WithTimeout(ctx, rootWait)
	defer cancel()
	var err error
	if e.rootID, err = provenance.RootID(wait, source.Root); err != nil {
		return nil, err
	}
	m := &Marker{epochs: e}
	_, err = e.marker(e.source.at()[0])
	return m, err
}

// Epochs returns the epochs now: the one that marks, and in an overlap the one before, which a
// detector tests besides. It returns nil for a Marker that does not rotate.
func (m *Marker) Epochs() []string {
	if m.epochs == nil {
		return nil
	}
	return m.epochs.current()
}

// MarksIn returns the marks of a tenant in one of the current epochs, for a detector.
func (m *Marker) MarksIn(epoch string, t *Tenant) ([]*watermark.Mark, error) {
	if m.epochs == nil || !slices.Contains(m.epochs.current(), epoch) {
		return nil, fmt.Errorf("%w: epoch %q is not a current one", errUnmarkable, epoch)
	}
	return m.epochs.marks(epoch, t, false)
}

// current returns the epochs now, and forgets the keys of others.
func (e *epochs) current() []string {
	names := e.source.at()
	e.mu.Lock()
	changed := !slices.Equal(names, e.names)
	if changed {
		e.names = names
		for epoch := range e.markers {
			if !slices.Contains(names, epoch) {
				delete(e.markers, epoch)
			}
		}
		e.keys.Range(func(id, k any) bool {
			if !slices.Contains(names, k.(epochKey).epoch) {
				e.keys.Delete(id)
			}
			return true
		})
		e.checks.Range(func(mark, c any) bool {
			if !slices.Contains(names, c.(*checkedMark).epoch) {
				e.checks.Delete(mark)
			}
			return true
		})
	}
	begun := e.begun
	e.mu.Unlock()
	if changed && begun != nil {
		begun(names)
	}
	return names
}

// begins has a function told of each change of the epochs.
func (e *epochs) begins(f func(epochs []string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begun = f
}

// marker returns the marker of an epoch.
func (e *epochs) marker(epoch string) (*registry.Marker, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m, ok := e.markers[epoch]; ok {
		return m, nil
	}
	list := make([]registry.Tenant, len(e.tenants.List))
	for i, t := range e.tenants.List {
		list[i] = registry.Tenant{ID: t.ID, Cohort: t.Cohort}
	}
	reg, err := registry.Generate(e.rootID, epoch, list, 0)
	if err != nil {
		return nil, err
	}
	m, err := reg.MarkerOf(e.rootID, e.derive, epoch, e.scheme, e.info.Vocab, watermark.ScoredOnly{Exempt: e.info.Control})
	if err != nil {
		return nil, err
	}
	e.markers[epoch] = m
	return m, nil
}

// derive asks the root for a key, and keeps it.
func (e *epochs) derive(labels ...string) (watermark.Key, error) {
	ctx, cancel := context.WithTimeout(e.ctx, rootWait)
	defer cancel()
	k, err := provenance.Derive(ctx, e.source.Root, labels...)
	if err == nil {
		e.keys.Store(k.ID(), epochKey{labels[len(labels)-1], k}) // paths end with the epoch
	}
	return k, err
}

// marks returns the marks of a tenant in an epoch, and checks their keys if they are to mark.
func (e *epochs) marks(epoch string, t *Tenant, toMark bool) ([]*watermark.Mark, error) {
	m, err := e.marker(epoch)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnmarkable, err)
	}
	marks, err := m.Marks(t.ID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnmarkable, err)
	}
	if !toMark || e.source.Keys == nil {
		return marks, nil
	}
	book, err := e.source.Keys()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnmarkable, err)
	}
	for _, mark := range marks {
		if err := e.check(book, epoch, mark); err != nil {
			return nil, fmt.Errorf("%w: the %s: %w", errUnmarkable, layerOf(mark), err)
		}
	}
	return marks, nil
}

// check returns an error unless the log lets the key of a mark be used.
func (e *epochs) check(book *provenance.KeyBook, epoch string, mark *watermark.Mark) error {
	old, ok := e.checks.Load(mark)
	if ok && old.(*checkedMark).book == book {
		return old.(*checkedMark).err
	}
	p, err := mark.Profile(e.info.Tokenizer, e.info.TokenizerDigest)
	if err != nil {
		return err
	}
	k, ok := e.keys.Load(mark.KeyID())
	if !ok {
		return errors.New("its epoch has just ended; ask again")
	}
	c := &checkedMark{epoch, book, book.Check(epoch, p.ID(), k.(epochKey).key)}
	e.checks.Store(mark, c)
	return c.err
}

// Commitments returns the entries that commit to all keys of an epoch: those of the master, of each
// cohort and of each tenant with a cohort, each for its own profile. Each level is padded to a power
// of two, so that a log does not show how many tenants there are.
func Commitments(ctx context.Context, root provenance.Root, tenants *Tenants, scheme watermark.Scheme, info Info, epoch string, now time.Time) ([]provenance.Entry, error) {
	e := &epochs{source: KeySource{Root: root}, ctx: ctx, tenants: tenants, scheme: scheme, info: info, markers: map[string]*registry.Marker{}}
	var err error
	if e.rootID, err = provenance.RootID(ctx, root); err != nil {
		return nil, err
	}
	levels := map[string][]provenance.Entry{}
	seen := map[string]bool{}
	for _, t := range tenants.List {
		if t.Cohort == "" {
			continue
		}
		marks, err := e.marks(epoch, t, false)
		if err != nil {
			return nil, err
		}
		for _, mark := range marks {
			if seen[mark.KeyID()] {
				continue
			}
			seen[mark.KeyID()] = true
			p, err := mark.Profile(info.Tokenizer, info.TokenizerDigest)
			if err != nil {
				return nil, err
			}
			k, _ := e.keys.Load(mark.KeyID())
			entry, err := provenance.NewCommitment(k.(epochKey).key, epoch, p.ID(), now)
			if err != nil {
				return nil, err
			}
			levels[layerOf(mark)] = append(levels[layerOf(mark)], entry)
		}
	}
	var out []provenance.Entry
	for _, level := range []string{"master", "cohort", "tenant"} {
		if len(levels[level]) == 0 {
			continue
		}
		padded, err := provenance.Pad(levels[level])
		if err != nil {
			return nil, err
		}
		out = append(out, padded...)
	}
	if len(out) == 0 {
		return nil, errors.New("no tenant has a cohort, so there is no key to commit to")
	}
	return out, nil
}

// CommitEpoch adds the commitments of an epoch to the log in a directory, and returns how many entries
// they are. It refuses an epoch of which the log has a key already. Other programs of this project
// wait meanwhile.
func CommitEpoch(ctx context.Context, dir string, signer note.Signer, root provenance.Root, tenants *Tenants, scheme watermark.Scheme, info Info, epoch string) (n int, err error) {
	entries, err := Commitments(ctx, root, tenants, scheme, info, epoch, time.Now())
	if err != nil {
		return 0, err
	}
	log, unlock, err := lockLog(dir)
	if err != nil {
		return 0, err
	}
	defer unlock()
	mine := map[string]bool{}
	for _, e := range entries {
		mine[e.Commitment] = true
	}
	if at := log.Find(func(e provenance.Entry) bool { return e.Kind == provenance.KindCommit && mine[e.Commitment] }); at >= 0 {
		return 0, fmt.Errorf("entry %d of the log has a key of epoch %s already; commit to new tenants with 'isotope commit'", at, epoch)
	}
	_, err = log.Append(signer, entries...)
	return len(entries), err
}

// lockLog opens a log to append to it, as command isotope does.
func lockLog(dir string) (log *provenance.Log, unlock func(), err error) {
	v, err := LogVerifier(dir)
	if err != nil {
		return nil, nil, err
	}
	if unlock, err = lockedfile.MutexAt(filepath.Join(dir, ".lock")).Lock(); err != nil {
		return nil, nil, fmt.Errorf("the log cannot be locked: %w", err)
	}
	log, err = provenance.OpenLog(dir, v)
	if errors.Is(err, os.ErrNotExist) {
		log, err = provenance.CreateLog(dir, v)
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return log, unlock, nil
}

// LogKeys reads what a log says about keys, and reads it again when it has a new checkpoint. It is
// safe for concurrent use.
type LogKeys struct {
	dir      string
	verifier note.Verifier
	now      func() time.Time

	mu         sync.Mutex
	looked     time.Time
	checkpoint []byte
	book       *provenance.KeyBook
	err        error
}

// lookAgain is how long the log may be read late: a key that was revoked marks no longer than this.
const lookAgain = time.Second

// OpenLogKeys opens the log in a directory, which has the file of its verifier key. now may be nil.
func OpenLogKeys(dir string, now func() time.Time) (*LogKeys, error) {
	v, err := LogVerifier(dir)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	l := &LogKeys{dir: dir, verifier: v, now: now}
	_, err = l.Book()
	return l, err
}

// maxVerifier is the longest file of a verifier key in bytes.
const maxVerifier = 1 << 12

// LogVerifier returns the verifier key in the directory of a log.
func LogVerifier(dir string) (note.Verifier, error) {
	text, err := os.ReadFile(filepath.Join(dir, "verifier"))
	if err != nil {
		return nil, fmt.Errorf("there is no log in %s; make one with 'isotope log new': %w", dir, err)
	}
	if len(text) > maxVerifier {
		return nil, fmt.Errorf("%s has more than %d bytes", filepath.Join(dir, "verifier"), maxVerifier)
	}
	v, err := note.NewVerifier(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("%s is not a verifier key: %w", filepath.Join(dir, "verifier"), err)
	}
	return v, nil
}

// Book returns what the log says. An error stays until the log can be read again.
func (l *LogKeys) Book() (*provenance.KeyBook, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if since := now.Sub(l.looked); l.book != nil && l.err == nil && since >= 0 && since < lookAgain {
		return l.book, nil
	}
	l.looked = now
	text, err := os.ReadFile(filepath.Join(l.dir, "checkpoint"))
	if err == nil && l.err == nil && l.book != nil && bytes.Equal(text, l.checkpoint) {
		return l.book, nil
	}
	log, err := provenance.OpenLog(l.dir, l.verifier)
	if err != nil {
		l.err = err
		return nil, err
	}
	l.book, l.checkpoint, l.err = log.Keys(), log.Checkpoint(), nil
	return l.book, nil
}
