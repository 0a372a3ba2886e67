package openaiserver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

// A testClock is a clock that a test sets.
type testClock struct{ at atomic.Int64 }

func newClock(t time.Time) *testClock {
	c := &testClock{}
	c.at.Store(t.UnixNano())
	return c
}

func (c *testClock) now() time.Time      { return time.Unix(0, c.at.Load()).UTC() }
func (c *testClock) set(t time.Time)     { c.at.Store(t.UnixNano()) }
func (c *testClock) add(d time.Duration) { c.at.Add(int64(d)) }

// A countingRoot is a root that counts its calls, and that can be out of reach.
type countingRoot struct {
	provenance.Root
	calls atomic.Int64
	gone  atomic.Bool
}

func (r *countingRoot) MAC(ctx context.Context, message []byte) ([32]byte, error) {
	r.calls.Add(1)
	if r.gone.Load() {
		return [32]byte{}, errors.New("the key service does not answer")
	}
	return r.Root.MAC(ctx, message)
}

func newCountingRoot(t *testing.T) (*countingRoot, watermark.Key) {
	t.Helper()
	k, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	r, err := provenance.KeyRoot(k)
	require.NoError(t, err)
	return &countingRoot{Root: r}, k
}

// A testLog is a log in a directory, with its key.
type testLog struct {
	dir    string
	signer note.Signer
	*provenance.Log
}

// ones reads as ones, so that keys of tests are fixed.
type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

func newTestLog(t *testing.T) *testLog {
	t.Helper()
	private, public, err := note.GenerateKey(ones{}, "example.com/acme")
	require.NoError(t, err)
	s, err := note.NewSigner(private)
	require.NoError(t, err)
	v, err := note.NewVerifier(public)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "verifier"), []byte(public+"\n"), 0o644))
	l, err := provenance.CreateLog(dir, v)
	require.NoError(t, err)
	return &testLog{dir, s, l}
}

func (l *testLog) append(t *testing.T, entries ...provenance.Entry) {
	t.Helper()
	_, err := l.Append(l.signer, entries...)
	require.NoError(t, err)
}

var december = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func testInfo(vocab int) Info { return Info{Vocab: vocab, Tokenizer: watermark.TokenizerNone} }

// TestRotation crosses the end of a month: keys change without a restart, in an overlap a detector
// has both, and afterwards the old ones are gone.
func TestRotation(t *testing.T) {
	root, key := newCountingRoot(t)
	tenants := testTenants(t)
	clock := newClock(december.Add(-time.Hour))
	source := KeySource{Root: root, Schedule: provenance.Schedule{Overlap: 48 * time.Hour}, Now: clock.now}
	m, err := NewRotatingMarker(t.Context(), source, tenants, testScheme, testInfo(500))
	require.NoError(t, err)
	acme := tenants.List[0]
	ids := func(marks []*watermark.Mark) (list []string) {
		for _, x := range marks {
			list = append(list, x.KeyID())
		}
		return list
	}
	want := func(epoch string) []string {
		return []string{key.Derive("master", epoch).ID(), key.Derive("cohort", "east", epoch).ID(), key.Derive("tenant", "acme", epoch).ID()}
	}
	old, err := m.Marks(acme)
	require.NoError(t, err)
	assert.Equal(t, want("2026-11"), ids(old))
	assert.Equal(t, []string{"2026-11"}, m.Epochs())
	calls := root.calls.Load()
	for range 3 {
		_, err = m.Marks(acme)
		require.NoError(t, err)
	}
	assert.Equal(t, calls, root.calls.Load(), "the root is asked once for each key")
	before, err := m.MarksIn("2026-11", acme)
	require.NoError(t, err)
	assert.Equal(t, old, before)
	_, err = m.MarksIn("2026-12", acme)
	assert.ErrorContains(t, err, "not a current one")

	clock.set(december)
	assert.Equal(t, []string{"2026-12", "2026-11"}, m.Epochs())
	now, err := m.Marks(acme)
	require.NoError(t, err)
	assert.Equal(t, want("2026-12"), ids(now))
	still, err := m.MarksIn("2026-11", acme)
	require.NoError(t, err)
	assert.Equal(t, want("2026-11"), ids(still), "a detector has the keys of both")

	clock.set(december.Add(48 * time.Hour))
	assert.Equal(t, []string{"2026-12"}, m.Epochs())
	_, err = m.MarksIn("2026-11", acme)
	assert.ErrorContains(t, err, "not a current one")
	m.epochs.keys.Range(func(_, k any) bool {
		assert.Equal(t, "2026-12", k.(epochKey).epoch, "old keys are not kept")
		return true
	})

	root.gone.Store(true)
	clock.set(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	_, err = m.Marks(acme)
	assert.ErrorIs(t, err, errUnmarkable)
	assert.ErrorContains(t, err, "the key service does not answer")
	root.gone.Store(false)
	_, err = m.Marks(acme)
	assert.NoError(t, err, "the next request asks again")
	_, err = NewRotatingMarker(t.Context(), KeySource{Root: root, Schedule: provenance.Schedule{Overlap: -1}}, tenants, testScheme, testInfo(500))
	assert.ErrorContains(t, err, "0 to 28 days")
}

// TestCommittedKeysAlone marks with keys that a log has, and not with others, and stops when one is
// revoked.
func TestCommittedKeysAlone(t *testing.T) {
	root, key := newCountingRoot(t)
	tenants := testTenants(t)
	clock := newClock(december.Add(-time.Hour))
	log := newTestLog(t)
	book, err := log.keysAfter(t, clock, provenance.Entry{Kind: provenance.KindReceipt, Time: "2026-11-01T00:00:00Z", Digest: provenance.Digest(nil)})
	require.NoError(t, err)
	m, err := NewRotatingMarker(t.Context(), KeySource{Root: root, Now: clock.now, Keys: book.Book}, tenants, testScheme, testInfo(500))
	require.NoError(t, err)
	acme, globex := tenants.List[0], tenants.List[1]
	_, err = m.Marks(acme)
	assert.ErrorIs(t, err, errUnmarkable)
	assert.ErrorContains(t, err, "the master: provenance: the log has no commitment")

	entries, err := Commitments(t.Context(), root, tenants, testScheme, testInfo(500), "2026-11", clock.now())
	require.NoError(t, err)
	assert.Len(t, entries, 1+2+2, "each level is a power of two")
	log.append(t, entries...)
	clock.add(lookAgain)
	marks, err := m.Marks(acme)
	require.NoError(t, err)
	assert.Len(t, marks, 3)

	log.append(t, provenance.Entry{Kind: provenance.KindRevoke, Time: "2026-11-30T23:00:00Z", Key: key.Derive("tenant", "acme", "2026-11").ID(), Reason: "lost"})
	clock.add(lookAgain - 1)
	_, err = m.Marks(acme)
	assert.NoError(t, err, "within a second it may not be seen")
	clock.add(1)
	_, err = m.Marks(acme)
	assert.ErrorContains(t, err, "the tenant: ")
	assert.ErrorContains(t, err, "was revoked at 2026-11-30T23:00:00Z")
	_, err = m.Marks(globex)
	assert.NoError(t, err, "others go on")

	clock.set(december)
	_, err = m.Marks(globex)
	assert.ErrorContains(t, err, "has no commitment", "the next month needs its own")

	require.NoError(t, os.WriteFile(filepath.Join(log.dir, "checkpoint"), []byte("changed"), 0o644))
	clock.add(lookAgain)
	_, err = m.Marks(globex)
	assert.ErrorIs(t, err, errUnmarkable, "a log that cannot be read lets nothing mark")
	_, err = OpenLogKeys(t.TempDir(), nil)
	assert.ErrorContains(t, err, "isotope log new")
}

// keysAfter opens the keys of a log that has an entry.
func (l *testLog) keysAfter(t *testing.T, clock *testClock, e provenance.Entry) (*LogKeys, error) {
	l.append(t, e)
	return OpenLogKeys(l.dir, clock.now)
}

// TestRotationInTheServer serves over the end of a month: the text of each is found under its keys.
func TestRotationInTheServer(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1000 tokens")
	}
	root, key := newCountingRoot(t)
	clock := newClock(december.Add(-time.Hour))
	s := start(t, func(c *Config) {
		m, err := NewRotatingMarker(t.Context(), KeySource{Root: root, Schedule: provenance.Schedule{Overlap: time.Hour}, Now: clock.now}, c.Tenants, testScheme, c.Model.Info())
		require.NoError(t, err)
		c.Marker = m
	})
	before := texts(t, s, acmeKey, 1)
	clock.set(december)
	after := texts(t, s, acmeKey, 1)
	p := func(text []string, epoch string) float64 {
		selector := key.Derive("selector", epoch)
		profile := watermark.Profile{Scheme: testScheme, Vocab: s.ngram.tokenizer.Vocab(), Tokenizer: s.ngram.tokenizer.Name(), TokenizerDigest: s.ngram.tokenizer.Digest(), BandHi: 32768, Selector: selector.ID()}
		mark, err := profile.Mark(key.Derive("master", epoch), selector)
		require.NoError(t, err)
		acc := detect.NewAccumulator(mark, nil)
		acc.Add(s.ngram.tokenizer.Append(nil, []byte(text[0])))
		return acc.Result().Log10P
	}
	assert.Less(t, p(before, "2026-11"), -5.0)
	assert.Greater(t, p(before, "2026-12"), -4.0)
	assert.Less(t, p(after, "2026-12"), -5.0)
	assert.Greater(t, p(after, "2026-11"), -4.0)
	assert.Regexp(t, `(?s)"msg":"epoch","marks":"2026-11","also_tested":\[\].*"msg":"epoch","marks":"2026-12","also_tested":\["2026-11"\]`, s.log.String())
}
