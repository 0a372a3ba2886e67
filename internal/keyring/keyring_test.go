package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// TestParse reads keyrings as editors write them: a byte order mark or a CR in a label would give another key,
// under which nothing is found.
func TestParse(t *testing.T) {
	read := func(text string) ([]Entry, error) { return Parse("-", []byte(text)) }
	entries, err := read("\ufefftenant/a\r\n# note\r\n\r\n tenant/b")
	require.NoError(t, err)
	assert.Equal(t, []Entry{{Label: "tenant/a", Path: "tenant/a"}, {Label: "tenant/b", Path: "tenant/b"}}, entries)
	entries, err = read("\ufeff" + `[{"path":"tenant/a"},{"label":"b","key_file":"b.key","profile":"b.json"}]`)
	require.NoError(t, err)
	assert.Equal(t, []Entry{{Label: "tenant/a", Path: "tenant/a"}, {Label: "b", KeyFile: "b.key", Profile: json.RawMessage(`"b.json"`)}}, entries)
	for _, c := range []struct{ name, text, says string }{
		{"a long line", "tenant/a\n" + strings.Repeat("x", 1<<17), "line 2 is longer than 4096 bytes"},
		{"not UTF-8", "tenant/\xff", "line 1 is not UTF-8"},
		{"UTF-16", "ok\nt\x00/\x00a\x00", "line 2 has a NUL or a CR"},
		{"lines that end in CR", "tenant/a\rtenant/b", "line 1 has a NUL or a CR"},
		{"a key in a comment", "# isotope-secret-key-1:00", "line 1 holds a secret key"},
		{"a key after a byte order mark", "\ufeffisotope-secret-key-1:00", "line 1 holds a secret key"},
		{"a key after a name", "\n\nacme = isotope-secret-key-1:00", "line 3 holds a secret key"},
		{"a byte order mark alone", "\ufeff", "no derivation path"},
		{"a path again", "\ufefftenant/a\ntenant/a", "line 2 repeats line 1"},
		{"an object", `{"path":"a"}`, "write [{...}]"},
		{"an empty list", "[]", "no derivation path and no key"},
		{"neither path nor file", `[{"label":"a"}]`, "key 1 has neither or both"},
		{"path and file", `[{"path":"a","key_file":"b"}]`, "key 1 has neither or both"},
		{"a label again", `[{"path":"a"},{"label":"a","key_file":"b"}]`, "key 2 has the label of key 1"},
		{"an unknown field", `[{"path":"a","secret":"b"}]`, "secret"},
		{"a key in a list", `[{"path":"` + "isotope-secret-key-1:" + strings.Repeat("5a", 32) + `"}]`, "the keyring holds a secret key"},
		{"an engine's key in a list", `[{"label":"integer-key-1:15485863,42","path":"a"}]`, "the keyring holds a secret key"},
		{"a key after the longest line", strings.Repeat("a", 4096) + "\n" + "isotope-secret-key", "line 2 holds a secret key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.text)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// TestParsePaths: a list of paths may be empty, and a byte order mark is not a part of the first path.
func TestParsePaths(t *testing.T) {
	entries, err := ParsePaths("\ufefftenant/a\n")
	require.NoError(t, err)
	assert.Equal(t, []Entry{{Label: "tenant/a", Path: "tenant/a"}}, entries)
	entries, err = ParsePaths("# nothing\n")
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// TestReader: where keys and profiles of entries come from.
func TestReader(t *testing.T) {
	root, other := watermark.NewKey(), watermark.NewKey()
	native := &interop.Description{Native: &watermark.Profile{Scheme: watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, Vocab: 1000, Tokenizer: watermark.TokenizerNone}}
	engine := &interop.Profile{Scheme: "vllm-gumbel", Width: 4, Vocab: 1000, Tokenizer: watermark.TokenizerNone}
	inline, err := json.Marshal(native.Native)
	require.NoError(t, err)

	var asked []string
	roots := 0
	reader := func() *Reader {
		asked, roots = nil, 0
		return &Reader{
			Dir:     "ring",
			Root:    func() (watermark.Key, error) { roots++; return root, nil },
			Profile: native,
			ReadKey: func(path string) (interop.AnyKey, error) {
				asked = append(asked, path)
				return interop.AnyKey{Native: other}, nil
			},
			ReadProfile: func(path string) (*interop.Description, error) {
				asked = append(asked, path)
				return &interop.Description{Engine: engine}, nil
			},
		}
	}
	absolute, err := filepath.Abs("somewhere.key")
	require.NoError(t, err)
	derived := root.Derive("tenant", "a")
	ofEngine, err := interop.DeriveKey(engine, derived)
	require.NoError(t, err)
	quote := func(s string) json.RawMessage { return json.RawMessage(fmt.Sprintf("%q", s)) }
	for _, x := range []struct {
		name     string
		entry    Entry
		key      string
		engine   bool // the profile is that of the engine
		selector string
		asked    []string
	}{
		{"a path", Entry{Path: "tenant/a"}, derived.ID(), false, "", nil},
		{"a path of an engine", Entry{Path: "tenant/a", Profile: quote("p.json")}, ofEngine.ID(), true, "", []string{filepath.Join("ring", "p.json")}},
		{"a key file", Entry{KeyFile: "sub/a.key"}, other.ID(), false, "", []string{filepath.Join("ring", "sub", "a.key")}},
		{"an absolute name", Entry{KeyFile: absolute}, other.ID(), false, "", []string{absolute}},
		{"a profile in the entry", Entry{Path: "tenant/a", Profile: inline}, derived.ID(), false, "", nil},
		{"null is no profile", Entry{Path: "tenant/a", Profile: json.RawMessage("null")}, derived.ID(), false, "", nil},
		{"a selector", Entry{Path: "tenant/a", Selector: "s.key"}, derived.ID(), false, filepath.Join("ring", "s.key"), nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.entry.Label = x.name
			m, err := reader().Mark(&x.entry)
			require.NoError(t, err)
			assert.Equal(t, x.name, m.Label)
			assert.Equal(t, x.key, m.Key.ID())
			assert.Equal(t, x.engine, m.Profile.Engine != nil)
			assert.Equal(t, x.selector, m.Selector)
			assert.Equal(t, x.asked, asked)
		})
	}
	t.Run("each file once", func(t *testing.T) {
		r := reader()
		for range 3 {
			_, err := r.Mark(&Entry{Path: "tenant/a", Profile: quote("p.json")})
			require.NoError(t, err)
		}
		assert.Len(t, asked, 1, "the profile")
		assert.Equal(t, 1, roots)
	})
	t.Run("no folder", func(t *testing.T) {
		r := reader()
		r.Dir = ""
		_, err := r.Mark(&Entry{KeyFile: "./a.key"})
		require.NoError(t, err)
		assert.Equal(t, []string{"./a.key"}, asked)
	})
	t.Run("errors", func(t *testing.T) {
		r := reader()
		r.Root, r.Profile = nil, nil
		_, err := r.Mark(&Entry{Path: "a"})
		require.ErrorIs(t, err, ErrNoProfile)
		_, err = r.Mark(&Entry{Path: "a", Profile: inline})
		require.ErrorIs(t, err, ErrNoRoot)
		broken := errors.New("the disk is away")
		r.ReadKey = func(string) (interop.AnyKey, error) { return interop.AnyKey{}, broken }
		_, err = r.Mark(&Entry{KeyFile: "a", Profile: inline})
		require.ErrorIs(t, err, broken)
		r.Root = func() (watermark.Key, error) { return watermark.Key{}, broken }
		_, err = r.Mark(&Entry{Path: "a", Profile: inline})
		require.ErrorIs(t, err, broken)
		r.ReadProfile = func(string) (*interop.Description, error) { return nil, broken }
		_, err = r.Mark(&Entry{Path: "a", Profile: quote("p.json")})
		require.ErrorIs(t, err, broken)
		_, err = r.Mark(&Entry{Path: "a", Profile: json.RawMessage("{}")})
		require.Error(t, err)
	})
}

// FuzzKeyring: a keyring of anybody is read in time, and has a key or an error.
func FuzzKeyring(tf *testing.F) {
	f := mutate.New(tf)
	for _, text := range []string{
		"tenant/acme\n# a comment\ntenant/globex\r\n",
		`[{"label":"a","path":"tenant/a"},{"key_file":"b.key","profile":{"isotope":1},"selector":"s.key"}]`,
		`[{"path":"a","path":"b"}]`, `[{"PATH":"a"}]`, "[]", "{}", "a\x00b", "\xff\xfea\x00",
		"[" + strings.Repeat("[", 1000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		testmark.InTime(t, text, func(text []byte) {
			entries, err := Parse("keyring", text)
			if err != nil {
				assert.Empty(t, entries)
				assert.Contains(t, err.Error(), "keyring")
				return
			}
			labels := map[string]bool{}
			for _, e := range entries {
				assert.NotEqual(t, e.Path == "", e.KeyFile == "", "one of path and key_file")
				assert.False(t, labels[e.Label], "labels differ")
				labels[e.Label] = true
			}
		})
	})
}
