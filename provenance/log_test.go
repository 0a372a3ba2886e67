package provenance

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

// digestEntry returns an entry with a number in it.
func digestEntry(n int) Entry {
	return Entry{Kind: KindReceipt, Time: formatTime(noon), Digest: fmt.Sprintf("sha256:%064x", n)}
}

// newLog returns a log with so many entries, appended in steps.
func newLog(t *testing.T, steps ...int) (*Log, note.Signer, note.Verifier) {
	t.Helper()
	s, v := testSigner(t, "example.com/log", 1)
	l, err := CreateLog(filepath.Join(t.TempDir(), "log"), v)
	require.NoError(t, err)
	for _, n := range steps {
		var list []Entry
		for range n {
			list = append(list, digestEntry(int(l.Size())+len(list)))
		}
		_, err := l.Append(s, list...)
		require.NoError(t, err)
	}
	return l, s, v
}

func TestLog(t *testing.T) {
	for _, steps := range [][]int{{1}, {1, 1, 1}, {255, 1}, {256}, {257, 300}, {1, 65, 1000}} {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			l, _, v := newLog(t, steps...)
			again, err := OpenLog(l.dir, v)
			require.NoError(t, err)
			assert.Equal(t, l.Size(), again.Size())
			assert.Equal(t, l.Checkpoint(), again.Checkpoint())
			for i := int64(0); i < again.Size(); i += 37 {
				p, err := again.Prove(i)
				require.NoError(t, err)
				parsed, err := ParseProof(p.Text())
				require.NoError(t, err)
				c, err := parsed.Check(again.Line(i), v)
				require.NoError(t, err)
				assert.Equal(t, again.Size(), c.Size)
				if again.Size() > 1 {
					_, err = parsed.Check(again.Line((i+1)%again.Size()), v)
					assert.Error(t, err)
				}
				parsed.Index = (parsed.Index + 1) % again.Size()
				if again.Size() > 1 {
					_, err = parsed.Check(again.Line(i), v)
					assert.Error(t, err, "another index")
				}
			}
			_, err = again.Prove(again.Size())
			assert.Error(t, err)
			whole, err := again.root(again.Size())
			require.NoError(t, err)
			for old := int64(1); old <= again.Size(); old += 41 {
				proof, err := again.ProveGrowth(old)
				require.NoError(t, err)
				root, err := again.root(old)
				require.NoError(t, err)
				assert.NoError(t, tlog.CheckTree(proof, again.Size(), whole, old, root))
			}
		})
	}
}

// TestTilesAreThoseOfTheFormat reads a log as other programs do: by its tiles alone.
func TestTilesAreThoseOfTheFormat(t *testing.T) {
	l, _, _ := newLog(t, 700)
	root, err := l.root(700)
	require.NoError(t, err)
	for _, name := range []string{"checkpoint", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/188", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2"} {
		assert.FileExists(t, filepath.Join(l.dir, filepath.FromSlash(name)))
	}
	r := tlog.TileHashReader(tlog.Tree{N: 700, Hash: root}, tileFiles(l.dir))
	for _, i := range []int64{0, 255, 256, 699} {
		p, err := tlog.ProveRecord(700, i, r)
		require.NoError(t, err)
		assert.NoError(t, tlog.CheckRecord(p, 700, root, i, tlog.RecordHash(l.Line(i))))
	}
}

// tileFiles reads tiles by the names of c2sp.org/tlog-tiles.
type tileFiles string

func (d tileFiles) Height() int                     { return 8 }
func (d tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (d tileFiles) ReadTiles(tiles []tlog.Tile) (out [][]byte, err error) {
	for _, t := range tiles {
		name := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
		text, err := os.ReadFile(filepath.Join(string(d), filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// TestEveryChangedByteOfALogShows changes each file of a log in turn.
func TestEveryChangedByteOfALogShows(t *testing.T) {
	l, _, v := newLog(t, 3, 300)
	files := 0
	require.NoError(t, filepath.WalkDir(l.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(filepath.Dir(path), "000.p") || filepath.Base(filepath.Dir(path)) == historyName {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, at := range []int{0, len(text) / 3, len(text) - 2} {
			other := bytes.Clone(text)
			other[at] ^= 1
			require.NoError(t, os.WriteFile(path, other, 0o644))
			_, err := OpenLog(l.dir, v)
			assert.Error(t, err, "byte %d of %s", at, path)
		}
		for _, cut := range [][]byte{nil, text[:len(text)-1], append(bytes.Clone(text), 'x')} {
			require.NoError(t, os.WriteFile(path, cut, 0o644))
			_, err := OpenLog(l.dir, v)
			assert.Error(t, err, "%d bytes of %s", len(cut), path)
		}
		require.NoError(t, os.Remove(path))
		_, err = OpenLog(l.dir, v)
		assert.Error(t, err, "without %s", path)
		require.NoError(t, os.WriteFile(path, text, 0o644))
		return nil
	}))
	assert.Greater(t, files, 4)
	_, err := OpenLog(l.dir, v)
	assert.NoError(t, err)
}

// TestACrashLosesNothing opens a log whose next entries were written, and whose checkpoint was not.
func TestACrashLosesNothing(t *testing.T) {
	l, s, v := newLog(t, 5)
	old := l.Checkpoint()
	_, err := l.Append(s, digestEntry(77), digestEntry(78))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(l.dir, checkpointName), old, 0o644))
	_, err = l.Append(s, digestEntry(79))
	assert.ErrorContains(t, err, "another program has appended")
	again, err := OpenLog(l.dir, v)
	require.NoError(t, err)
	assert.EqualValues(t, 5, again.Size())
	first, err := again.Append(s, digestEntry(80), digestEntry(81))
	require.NoError(t, err)
	assert.EqualValues(t, 5, first)
	again, err = OpenLog(l.dir, v)
	require.NoError(t, err)
	assert.Equal(t, digestEntry(80).Digest, again.Entry(5).Digest)
	assert.NoError(t, again.CheckGrowth(old))
}

func TestLogRefuses(t *testing.T) {
	l, s, v := newLog(t, 5)
	other, otherV := testSigner(t, "example.com/log", 2)
	named, namedV := testSigner(t, "example.com/other", 1)
	_, err := l.Append(other, digestEntry(1))
	assert.ErrorContains(t, err, "give the key of the log")
	_, err = l.Append(named, digestEntry(1))
	assert.ErrorContains(t, err, "give the key of the log")
	_, err = l.Append(s)
	assert.Error(t, err)
	early := digestEntry(1)
	early.Time = formatTime(noon.Add(-time.Hour))
	_, err = l.Append(s, early)
	assert.ErrorContains(t, err, "set the clock")
	_, err = OpenLog(l.dir, otherV)
	assert.ErrorContains(t, err, "does not have a signature of")
	_, err = OpenLog(l.dir, namedV)
	assert.ErrorContains(t, err, "does not have a signature of")
	_, err = OpenLog(filepath.Join(l.dir, "none"), v)
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = CreateLog(l.dir, v)
	assert.ErrorContains(t, err, "has a log already")
	forked, _, _ := newLog(t, 4)
	again, err := OpenLog(l.dir, v)
	require.NoError(t, err)
	_, err = forked.Append(s, digestEntry(99))
	require.NoError(t, err)
	assert.ErrorContains(t, again.CheckGrowth(forked.Checkpoint()), "written anew")
	longer, _, _ := newLog(t, 6)
	assert.ErrorContains(t, again.CheckGrowth(longer.Checkpoint()), "entries were removed")
}

func TestKeyBook(t *testing.T) {
	s, v := testSigner(t, "example.com/log", 1)
	l, err := CreateLog(t.TempDir(), v)
	require.NoError(t, err)
	profile, err := watermark.ParseProfile([]byte(`{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":1,"vocab":500,"tokenizer":"none"}`))
	require.NoError(t, err)
	commit := func(k watermark.Key, scheme string) Entry {
		e, err := NewCommitment(k, "2026-11", scheme, noon)
		require.NoError(t, err)
		return e
	}
	good, gone, out, forged, fresh := testKey(1), testKey(2), testKey(3), testKey(4), testKey(5)
	lie := commit(forged, profile.ID())
	lie.Commitment = commit(good, profile.ID()).Commitment
	_, err = l.Append(s, commit(good, profile.ID()), commit(gone, profile.ID()), commit(out, profile.ID()), lie,
		Entry{Kind: KindRevoke, Time: formatTime(noon), Key: gone.ID(), Reason: "lost"},
		Entry{Kind: KindReveal, Time: formatTime(noon), Key: out.ID(), Reason: "case 7"})
	require.NoError(t, err)
	book := l.Keys()
	for _, c := range []struct {
		name          string
		key           watermark.Key
		epoch, scheme string
		wants         string
	}{
		{"committed", good, "2026-11", profile.ID(), ""},
		{"committed, anything", good, "", "", ""},
		{"another epoch", good, "2026-12", profile.ID(), "no commitment"},
		{"another profile", good, "2026-11", testScheme, "no commitment"},
		{"revoked", gone, "", "", "was revoked at 2026-11-30T12:00:00Z"},
		{"revealed", out, "", "", "was revealed at"},
		{"the id of the key and the commitment of another", forged, "", "", "no commitment"},
		{"not committed", fresh, "", "", "no commitment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := book.Check(c.epoch, c.scheme, c.key)
			if c.wants == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.wants)
			}
		})
	}
	m, err := book.Mark(profile, good)
	require.NoError(t, err)
	assert.Equal(t, good.ID(), m.KeyID())
	_, err = book.Mark(profile, fresh)
	assert.Error(t, err)

	root, err := KeyRoot(testKey(9))
	require.NoError(t, err)
	r, err := NewRotation(root, Schedule{Overlap: 48 * time.Hour}, func(epoch string, k watermark.Key) error { return book.Check(epoch, "", k) }, "m")
	require.NoError(t, err)
	_, err = r.Keys(t.Context(), noon)
	assert.ErrorContains(t, err, "no commitment")
}

func TestRotation(t *testing.T) {
	k := testKey(9)
	root, err := KeyRoot(k)
	require.NoError(t, err)
	r, err := NewRotation(root, Schedule{Overlap: 48 * time.Hour}, nil, "model", "m1")
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		at   time.Time
		want []string
	}{
		{"within a month", noon, []string{"2026-11"}},
		{"its last second", time.Date(2026, 11, 30, 23, 59, 59, 999999999, time.UTC), []string{"2026-11"}},
		{"the first of the next", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), []string{"2026-12", "2026-11"}},
		{"the end of the overlap", time.Date(2026, 12, 2, 23, 59, 59, 0, time.UTC), []string{"2026-12", "2026-11"}},
		{"after it", time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC), []string{"2026-12"}},
		{"a new year", time.Date(2027, 1, 1, 1, 0, 0, 0, time.UTC), []string{"2027-01", "2026-12"}},
		{"the clock goes back", time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC), []string{"2026-12"}},
		{"another zone", time.Date(2026, 12, 1, 1, 0, 0, 0, time.FixedZone("east", 2*3600)), []string{"2026-11"}},
		{"summer time", time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), []string{"2026-03"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := r.Keys(t.Context(), c.at)
			require.NoError(t, err)
			require.Len(t, keys, len(c.want))
			for i, epoch := range c.want {
				assert.True(t, keys[i].Equal(k.Derive("model", "m1", epoch)))
			}
		})
	}
	for _, d := range []time.Duration{-1, 29 * 24 * time.Hour} {
		_, err := NewRotation(root, Schedule{Overlap: d}, nil)
		assert.Error(t, err)
	}
}

func TestPad(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 8, 9} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var list []Entry
			for i := range n {
				e, err := NewCommitment(testKey(byte(i+1)), "2026-11", testScheme, noon)
				require.NoError(t, err)
				list = append(list, e)
			}
			out, err := Pad(list)
			require.NoError(t, err)
			assert.Equal(t, 0, len(out)&(len(out)-1), "a power of two")
			assert.Less(t, len(out), 2*n+1)
			opened := 0
			for _, e := range out {
				_, err := e.Line()
				require.NoError(t, err)
				for i := range n {
					if e.Opens(testKey(byte(i + 1))) {
						opened++
					}
				}
			}
			assert.Equal(t, n, opened)
		})
	}
	a, err := NewCommitment(testKey(1), "2026-11", testScheme, noon)
	require.NoError(t, err)
	b := a
	b.Epoch = "2026-12"
	_, err = Pad([]Entry{a, b})
	assert.Error(t, err)
	_, err = Pad(nil)
	assert.Error(t, err)
	_, err = NewCommitment(watermark.Key{}, "2026-11", testScheme, noon)
	assert.Error(t, err)
}

// TestParseEntryRefuses has lines that a log does not have.
func TestParseEntryRefuses(t *testing.T) {
	good, err := digestEntry(1).Line()
	require.NoError(t, err)
	_, err = ParseEntry(good)
	require.NoError(t, err)
	for _, c := range []struct{ name, old, new string }{
		{"a space", `{"iso`, `{ "iso`},
		{"another version", `_log":1`, `_log":2`},
		{"another kind", "receipt", "receipts"},
		{"a repeated field", `"kind"`, `"kind":"plan","kind"`},
		{"an unknown field", `"kind"`, `"x":1,"kind"`},
		{"another case", `"kind"`, `"Kind"`},
		{"a field of another kind", `"digest"`, `"key":"0011223344556677","digest"`},
		{"no digest", `,"digest":"sha256:` + strings.Repeat("0", 63) + `1"`, ""},
		{"capitals", "sha256:", "SHA256:"},
		{"a short digest", "0000", ""},
		{"a time with a zone", "12:00:00Z", "13:00:00+01:00"},
		{"a time with a fraction", "12:00:00Z", "12:00:00.5Z"},
		{"no time", "2026-11-30T12:00:00Z", "now"},
		{"more after it", `"}`, `"}{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := strings.Replace(string(good), c.old, c.new, 1)
			require.NotEqual(t, string(good), line)
			_, err := ParseEntry([]byte(line))
			assert.Error(t, err)
		})
	}
	_, err = ParseEntry(bytes.Repeat([]byte(" "), maxEntry+1))
	assert.Error(t, err)
	for _, reason := range []string{"", strings.Repeat("x", 201), "a\nb", "\x1b[2J"} {
		_, err := Entry{Kind: KindReveal, Time: formatTime(noon), Key: testKey(1).ID(), Reason: reason}.Line()
		assert.Error(t, err, "%q", reason)
	}
}

func FuzzParseEntry(tf *testing.F) {
	f := mutate.New(tf)
	for n := range 3 {
		line, _ := digestEntry(n).Line()
		f.Add(line)
	}
	e, _ := NewCommitment(testKey(1), "2026-11", testScheme, noon)
	line, _ := e.Line()
	f.Add(line)
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			e, err := ParseEntry(data)
			if err != nil {
				return
			}
			again, err := e.Line()
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%q was taken, and is written %q", data, again)
			}
		})
	})
}

// TestProofRefuses has texts that are not proofs.
func TestProofRefuses(t *testing.T) {
	l, _, v := newLog(t, 300)
	p, err := l.Prove(7)
	require.NoError(t, err)
	good := string(p.Text())
	assert.Less(t, len(good), 1024)
	parsed, err := ParseProof([]byte(strings.Replace(good, "index", "extra YQ==\nindex", 1)))
	require.NoError(t, err)
	_, err = parsed.Check(l.Line(7), v)
	assert.NoError(t, err, "extra data is passed over")
	hash := strings.Split(good, "\n")[2]
	for _, c := range []struct{ name, old, new string }{
		{"another title", "@v1", "@v2"},
		{"no index", "index 7\n", ""},
		{"an index with a zero", "index 7", "index 07"},
		{"a negative index", "index 7", "index -7"},
		{"a large index", "index 7", "index 700"},
		{"a long index", "index 7", "index 7777777777777777777777"},
		{"another index", "index 7", "index 6"},
		{"a missing hash", hash + "\n", ""},
		{"a repeated hash", hash, hash + "\n" + hash},
		{"half a hash", hash, hash[:20]},
		{"a hash with white space", hash, hash + " "},
		{"many hashes", hash, strings.Repeat(hash+"\n", 70) + hash},
		{"another size", "\n300\n", "\n301\n"},
		{"another origin", "example.com/log\n300", "example.com/lag\n300"},
		{"no checkpoint", "\n\n", "\n"},
		{"no signature", "— example.com/log", "— example.com/lug"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			require.NotEqual(t, good, text)
			p, err := ParseProof([]byte(text))
			if err == nil {
				_, err = p.Check(l.Line(7), v)
			}
			assert.Error(t, err)
		})
	}
	_, err = ParseProof(bytes.Repeat([]byte("x"), maxProof+1))
	assert.Error(t, err)
}

func FuzzParseProof(tf *testing.F) {
	f := mutate.New(tf)
	s, v := testSigner(f, "example.com/log", 1)
	l, err := CreateLog(f.TempDir(), v)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := l.Append(s, digestEntry(1), digestEntry(2), digestEntry(3)); err != nil {
		f.Fatal(err)
	}
	for i := range int64(3) {
		p, err := l.Prove(i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Text())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			p, err := ParseProof(data)
			if err != nil {
				return
			}
			if _, err := p.Check(l.Line(1), v); err == nil && p.Index != 1 {
				t.Errorf("entry 1 has the proof of %d", p.Index)
			}
		})
	})
}

func FuzzOpenCheckpoint(tf *testing.F) {
	f := mutate.New(tf)
	s, v := testSigner(f, "example.com/log", 1)
	text, err := signCheckpoint(Checkpoint{Origin: "example.com/log", Size: 3}, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("example.com/log\n3\n" + hex.EncodeToString(text) + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		testmark.InTime(t, data, func(data []byte) {
			if c, err := OpenCheckpoint(data, v); err == nil && (c.Size != 3 || c.Origin != "example.com/log") {
				t.Errorf("%v was taken", c)
			}
			_, _ = parseCheckpoint(string(data))
		})
	})
}

func FuzzParseBundle(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte("\x00\x01a\x00\x00"), 2)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		width &= 255
		testmark.InTime(t, data, func(data []byte) {
			if lines, err := parseBundle(data, width); err == nil && len(lines) != width {
				t.Errorf("%d lines of %d", len(lines), width)
			}
		})
	})
}
