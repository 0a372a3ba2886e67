package watermark_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	digest   = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	minimal  = `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":2,"vocab":100,"tokenizer":"none"}`
	complete = `{"isotope":1,"scheme":"greenlist","gamma":0.5,"delta":2,"width":2,"vocab":100277,
"tokenizer":"cl100k_base","tokenizer_digest":"` + digest + `","band":[0,65536],"mask":"none","prompt_context":true,"dedup":"pair"}`
)

func TestProfileCanonicalForm(t *testing.T) {
	p, err := watermark.ParseProfile([]byte(complete))
	require.NoError(t, err)
	text, err := p.MarshalJSON()
	require.NoError(t, err)
	want := `{"band":[0,65536],"dedup":"pair","delta":2,"exempt":[],"gamma":0.5,"group":0,"isotope":1,"lane":0,"mask":"none",` +
		`"payload":0,"prompt_context":true,"scheme":"greenlist","tokenizer":"cl100k_base","tokenizer_digest":"` + digest + `","vocab":100277,"width":2}`
	assert.Equal(t, want, string(text))
	sum := sha256.Sum256([]byte(want))
	assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), p.ID())

	again, err := watermark.ParseProfile(text)
	require.NoError(t, err)
	assert.Equal(t, p, again)
}

func TestProfileIDIgnoresSpelling(t *testing.T) {
	id := func(text string) string {
		p, err := watermark.ParseProfile([]byte(text))
		require.NoError(t, err, text)
		return p.ID()
	}
	base := id(minimal)
	for _, c := range []struct {
		name, text string
		same       bool
	}{
		{"white space", " " + strings.ReplaceAll(minimal, ",", " ,\n") + "\n", true},
		{"a number", strings.Replace(minimal, "0.5", "5e-1", 1), true},
		{"defaults", strings.Replace(minimal, "}", `,"dedup":"pair","mask":"none","exempt":[],"lane":0}`, 1), true},
		{"another delta", strings.Replace(minimal, `"delta":2`, `"delta":2.5`, 1), false},
		{"an exempt id", strings.Replace(minimal, "}", `,"exempt":[5]}`, 1), false},
		{"another dedup", strings.Replace(minimal, "}", `,"dedup":"context"}`, 1), false},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.same, base == id(c.text)) })
	}
}

func TestParseProfileRefuses(t *testing.T) {
	with := func(field string) string { return strings.Replace(minimal, "}", ","+field+"}", 1) }
	without := func(field string) string { return strings.Replace(minimal, field, "", 1) }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "not a JSON object"},
		{"an array", "[]", "not a JSON object"},
		{"a string", `"x"`, "not a JSON object"},
		{"an open brace", "{", "cut short"},
		{"a brace more", minimal + "}", "follows"},
		{"null in a list", with(`"exempt":[null]`), "null"},
		{"text after the end", minimal + "{}", "follows"},
		{"cut short", minimal[:len(minimal)-1], "cut short"},
		{"with Gamma:0.5", with(`"Gamma":0.5`), `unknown field "Gamma"`},
		{"with key:x", with(`"key":"x"`), `unknown field "key"`},
		{"with gamma:0.5", with(`"gamma":0.5`), "twice"},
		{"with mask:null", with(`"mask":null`), "null"},
		{"with mask:both", with(`"mask":"both"`), "both"},
		{"with dedup:none", with(`"dedup":"none"`), "none"},
		{"with band:[0]", with(`"band":[0]`), "1 numbers"},
		{"with band:[0,0]", with(`"band":[0,0]`), "empty"},
		{"with band:[5,4]", with(`"band":[5,4]`), "[5,4)"},
		{"with band:[0,70000]", with(`"band":[0,70000]`), "70000"},
		{"with band:[0,100]", with(`"band":[0,100]`), "key id"},
		{"with selector:0011223344556677", with(`"selector":"0011223344556677"`), "everything"},
		{"with band:[0,100],selector:0011", with(`"band":[0,100],"selector":"0011"`), "0011"},
		{"with exempt:[5,5]", with(`"exempt":[5,5]`), "ascending"},
		{"with exempt:[100]", with(`"exempt":[100]`), "below the vocabulary"},
		{"with exempt:[-1]", with(`"exempt":[-1]`), "below"},
		{"with lane:128", with(`"lane":128`), "128"},
		{"with group:-1", with(`"group":-1`), "group"},
		{"with payload:21", with(`"payload":21`), "0 to 20"},
		{"deep", with(`"exempt":` + strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000)), "nested deeper than 4 levels"},
		{"five levels", with(`"exempt":[[[[1]]]]`), "nested deeper than 4 levels"},
		{"large", with(`"exempt":[` + strings.Repeat("1,", 1<<19) + `1]`), "too large"},
		{"null in a list", with(`"exempt":[1,null]`), "contains null"},
		{"with payload:-1", with(`"payload":-1`), "0 to 20"},
		{"with payload:1.5", with(`"payload":1.5`), "payload"},
		{"with payload:16", with(`"payload":"16"`), "payload"},
		{"with tokenizer_digest:` + digest + `", with(`"tokenizer_digest":"` + digest + `"`), "leave it out"},
		{"without gamma", without(`"gamma":0.5,`), `"gamma" is missing`},
		{"without delta", without(`"delta":2,`), `"delta" is missing`},
		{"without width", without(`"width":2,`), `"width" is missing`},
		{"without vocab", without(`"vocab":100,`), `"vocab" is missing`},
		{"without isotope", without(`"isotope":1,`), `"isotope" is missing`},
		{"without tokenizer", without(`,"tokenizer":"none"`), `"tokenizer" is missing`},
		{"isotope:2", strings.Replace(minimal, `"isotope":1`, `"isotope":2`, 1), "wire format 2"},
		{"redlist", strings.Replace(minimal, "greenlist", "redlist", 1), "redlist"},
		{"gamma:0.3", strings.Replace(minimal, `"gamma":0.5`, `"gamma":0.3`, 1), "nearest"},
		{"width:2.5", strings.Replace(minimal, `"width":2`, `"width":2.5`, 1), "width"},
		{"width:17", strings.Replace(minimal, `"width":2`, `"width":17`, 1), "17"},
		{"vocab:0", strings.Replace(minimal, `"vocab":100`, `"vocab":0`, 1), "vocab"},
		{"tokenizer:", strings.Replace(minimal, `"tokenizer":"none"`, `"tokenizer":""`, 1), "empty"},
		{"tokenizer:gpt 2", strings.Replace(minimal, `"tokenizer":"none"`, `"tokenizer":"gpt 2"`, 1), "name"},
		{"tokenizer:x", strings.Replace(minimal, `"tokenizer":"none"`, `"tokenizer":"x"`, 1), "tokenizer_digest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.ParseProfile([]byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestProfileMakesItsMark(t *testing.T) {
	k, sel := testKey(t), watermark.NewKey()
	p := &watermark.Profile{
		Scheme: watermark.GreenList{Gamma: 0.25, Delta: 1.5, Width: 2}, Vocab: 500, Tokenizer: watermark.TokenizerNone,
		BandLo: 100, BandHi: 50000, Selector: sel.ID(), Mask: watermark.MaskContext, Dedup: watermark.DedupContext,
		Lane: watermark.Lane{Group: 2, Index: 7},
	}
	m, err := p.Mark(k, sel)
	require.NoError(t, err)
	want := newMark(t, k, watermark.GreenList{Gamma: 0.25, Delta: 1.5, Width: 2}, 500,
		watermark.Band{Selector: sel, Lo: 100, Hi: 50000}, watermark.Lane{Group: 2, Index: 7}, watermark.MaskRepeats{})
	assert.Equal(t, want.ID(), m.ID())

	_, err = p.Mark(k)
	assert.ErrorContains(t, err, sel.ID(), "the selector is missing")
	_, err = p.Mark(k, k)
	assert.ErrorContains(t, err, sel.ID(), "the selector is another key")
	p.BandLo, p.BandHi, p.Selector = 0, 0, ""
	_, err = p.Mark(k, sel)
	assert.ErrorContains(t, err, "everything")
	_, err = p.Mark(k)
	assert.NoError(t, err)
	_, err = (&watermark.Profile{}).Mark(k)
	assert.ErrorContains(t, err, "scheme")
	assert.Empty(t, (&watermark.Profile{}).ID())
}

// TestMarkProfile checks the road from a mark to the profile of its detector: the profile
// binds a mark with the same lists, also once it has been written and read.
func TestMarkProfile(t *testing.T) {
	k, sel := testKey(t), testKey(t).Derive("selector")
	green := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	for _, c := range []struct {
		name     string
		scheme   watermark.Scheme
		opts     []watermark.Option
		selector []watermark.Key
		dedup    string
	}{
		{"green list", green, nil, nil, watermark.DedupPair},
		{"masked", green, []watermark.Option{watermark.MaskRepeats{}}, nil, watermark.DedupContext},
		{"band", green, []watermark.Option{watermark.Band{Selector: sel, Lo: 1, Hi: 40000}}, []watermark.Key{sel}, watermark.DedupPair},
		{"lane", green, []watermark.Option{watermark.Lane{Group: 3, Index: 5}}, nil, watermark.DedupPair},
		{"payload", green, []watermark.Option{watermark.Payload{Bits: 8, Message: 77}}, nil, watermark.DedupPair},
		{"no prompt context", green, []watermark.Option{watermark.NoPromptContext{}}, nil, watermark.DedupPair},
		{"draw", watermark.GumbelMax{Width: 4}, nil, nil, watermark.DedupContext},
		{"two keys", watermark.GumbelMax{Width: 4, Dual: 0.5}, nil, nil, watermark.DedupContext},
		{"repeats marked", watermark.GumbelMax{Width: 4}, []watermark.Option{watermark.MarkRepeats{}}, nil, watermark.DedupPair},
		{"tournament", watermark.Tournament{Depth: 30, Width: 4}, nil, nil, watermark.DedupContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMark(t, k, c.scheme, 1000, c.opts...)
			p, err := m.Profile("cl100k_base", digest)
			require.NoError(t, err)
			assert.Equal(t, []string{"cl100k_base", digest, c.dedup}, []string{p.Tokenizer, p.TokenizerDigest, p.Dedup})
			assert.Equal(t, slices.Contains(c.opts, watermark.Option(watermark.NoPromptContext{})), p.NoPromptContext)
			text, err := p.MarshalJSON()
			require.NoError(t, err)
			read, err := watermark.ParseProfile(text)
			require.NoError(t, err)
			assert.Equal(t, p, read)
			again, err := read.Mark(k, c.selector...)
			require.NoError(t, err)
			assert.Equal(t, m.ID(), again.ID())
			assert.Equal(t, m.MasksRepeats(), again.MasksRepeats())
			p2, err := again.Profile("cl100k_base", digest)
			require.NoError(t, err)
			assert.Equal(t, p.ID(), p2.ID(), "masks and prompts too")
		})
	}
}

func TestMarkProfileOfParts(t *testing.T) {
	k := testKey(t)
	dual := newMark(t, k, watermark.GumbelMax{Width: 2, Dual: 0.5}, 100)
	first, second, ok := dual.Halves()
	require.True(t, ok)
	one, err := first.Profile(watermark.TokenizerNone, "")
	require.NoError(t, err)
	m, err := one.Mark(k)
	require.NoError(t, err)
	assert.Equal(t, first.ID(), m.ID(), "the first half has the lists of a mark of one key")
	_, err = second.Profile(watermark.TokenizerNone, "")
	assert.ErrorContains(t, err, "second half")
	_, err = dual.Profile("cl100k_base", "")
	var param *watermark.ParamError
	require.ErrorAs(t, err, &param)
	assert.Equal(t, "tokenizer_digest", param.Param)
	unweighted, err := dual.Unweighted().Profile(watermark.TokenizerNone, "")
	require.NoError(t, err)
	whole, err := dual.Profile(watermark.TokenizerNone, "")
	require.NoError(t, err)
	assert.Equal(t, whole, unweighted, "weights belong to a test and not to a profile")
}

// TestPointersAreNotSchemes checks that a pointer to a scheme is refused. It has the methods of
// a scheme, and would make a profile without one.
func TestPointersAreNotSchemes(t *testing.T) {
	for _, s := range []watermark.Scheme{
		&watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, &watermark.Tournament{Depth: 3, Width: 1}, (*watermark.GumbelMax)(nil),
	} {
		t.Run(fmt.Sprintf("%T", s), func(t *testing.T) {
			_, err := watermark.New(testKey(t), s, 100)
			assert.ErrorContains(t, err, "not a pointer")
			_, err = (&watermark.Profile{Scheme: s, Vocab: 100, Tokenizer: watermark.TokenizerNone}).MarshalJSON()
			assert.ErrorContains(t, err, "not a pointer")
		})
	}
}

func TestReadProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	require.NoError(t, os.WriteFile(path, []byte(complete), 0o644))
	p, err := watermark.ReadProfile(path)
	require.NoError(t, err)
	assert.Equal(t, 100277, p.Vocab)

	require.NoError(t, os.WriteFile(path, []byte(`{"isotope":1}`), 0o644))
	_, err = watermark.ReadProfile(path)
	assert.ErrorContains(t, err, path)
	_, err = watermark.ReadProfile(path + "x")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParseProfile(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(minimal))
	f.Add([]byte(complete))
	f.Add([]byte(strings.Replace(minimal, "}", `,"payload":20}`, 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := watermark.ParseProfile(text)
		if err != nil {
			return
		}
		canonical, err := p.MarshalJSON()
		require.NoError(t, err)
		again, err := watermark.ParseProfile(canonical)
		require.NoError(t, err)
		require.Equal(t, p.ID(), again.ID())
	})
}
