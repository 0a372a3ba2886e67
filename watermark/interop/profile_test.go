package interop_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

func TestProfilesAreCanonical(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range nullProfiles {
		p := parse(t, c.text)
		t.Run(name(p), func(t *testing.T) {
			text, err := json.Marshal(p)
			require.NoError(t, err)
			again := parse(t, string(text))
			assert.Equal(t, p, again)
			assert.Equal(t, p.ID(), again.ID())
			assert.False(t, ids[p.ID()])
			ids[p.ID()] = true
			assert.NotEmpty(t, p.Engine())
			any, err := interop.ParseAny(text)
			require.NoError(t, err)
			assert.Equal(t, p, any.Engine)
			assert.Equal(t, p.Scheme, any.Scheme())
			assert.Equal(t, p.ID(), any.ID())
		})
	}
}

func TestProfileRefusals(t *testing.T) {
	vllm := func(more string) string {
		return `{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":1000,"tokenizer":"none"` + more + `}`
	}
	replace := func(old, new string) string { return strings.Replace(vllm(""), old, new, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"not an object", `[]`, "not a JSON object"},
		{"empty", ``, "not a JSON object"},
		{"text after", vllm("") + "x", "text follows"},
		{"two objects", vllm("") + "{}", "text follows"},
		{"unknown field", vllm(`,"colour":1`), `unknown field "colour"`},
		{"field of another scheme", vllm(`,"gamma":0.25`), `"gamma" is not one of scheme vllm-gumbel`},
		{"repeated field", vllm(`,"width":4`), "occurs twice"},
		{"null", vllm(`,"dedup":null`), "null"},
		{"null in a list", vllm(`,"exempt":[1,null]`), "null"},
		{"unknown scheme", replace("vllm-gumbel", "vllm"), "unknown; use one of"},
		{"scheme without source", replace("vllm-gumbel", "trtllm-gumbel"), "cannot be read"},
		{"version", replace(`"isotope":1`, `"isotope":2`), "version 2"},
		{"no version", replace(`"isotope":1,`, ``), `"isotope" is missing`},
		{"no width", replace(`"width":4,`, ``), `"width" is missing`},
		{"width 0", replace(`"width":4`, `"width":0`), "outside 1 to 16"},
		{"width 17", replace(`"width":4`, `"width":17`), "outside 1 to 16"},
		{"width of a text", replace(`"width":4`, `"width":"4"`), "want int"},
		{"vocab", replace(`"vocab":1000`, `"vocab":1`), "vocab"},
		{"vocab too large", replace(`"vocab":1000`, `"vocab":16777215`), "vocab"},
		{"dedup", vllm(`,"dedup":"ngram"`), "dedup"},
		{"prompt", vllm(`,"prompt_context":true`), "prompt_context"},
		{"exempt order", vllm(`,"exempt":[2,1]`), "exempt"},
		{"exempt outside", vllm(`,"exempt":[1000]`), "exempt"},
		{"tokenizer", replace(`"none"`, `"o200k"`), "tokenizer_digest"},
		{"key in a name", replace(`vllm-gumbel`, `integer-key-1:98765`), "secret key"},
		{"cuda", `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none","generator":"torch-cuda"}`, "card"},
		{"generator", `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none","generator":"numpy"}`, "generator"},
		{"gamma 0", `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none","gamma":0}`, "gamma"},
		{"gamma 1", `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none","gamma":1}`, "gamma"},
		{"list without ids", `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":10,"tokenizer":"none","gamma":0.05}`, "gamma"},
		{"tgi width", `{"isotope":1,"scheme":"tgi","width":2,"vocab":1000,"tokenizer":"none"}`, "width"},
		{"no preset", `{"isotope":1,"scheme":"kgw","vocab":1000,"tokenizer":"none"}`, `"preset" is missing`},
		{"preset", `{"isotope":1,"scheme":"kgw","preset":"lefthashes","vocab":1000,"tokenizer":"none"}`, "preset"},
		{"preset with a key", `{"isotope":1,"scheme":"kgw","preset":"ff-additive_prf-4-False-99","vocab":1000,"tokenizer":"none"}`, "key file"},
		{"preset width", `{"isotope":1,"scheme":"kgw","preset":"selfhash","width":3,"vocab":1000,"tokenizer":"none"}`, "is not 4"},
		{"preset too wide", `{"isotope":1,"scheme":"kgw","preset":"ff-additive_prf-17-False","vocab":1000,"tokenizer":"none"}`, "width"},
		{"skipgrams of one", `{"isotope":1,"scheme":"kgw","preset":"ff-minskipgram_prf-1-False","vocab":1000,"tokenizer":"none"}`, "width of 2"},
		{"sbw preset", `{"isotope":1,"scheme":"sbw","preset":"gpu-fused-minhash","vocab":1000,"tokenizer":"none"}`, "not a seeding scheme"},
		{"sbw candidates", `{"isotope":1,"scheme":"sbw","preset":"gpu-selfhash-x","vocab":1000,"tokenizer":"none"}`, "not a seeding scheme"},
		{"mixing", `{"isotope":1,"scheme":"vllm-dual-gumbel","width":4,"vocab":1000,"tokenizer":"none","mixing":1.5}`, "mixing"},
		{"sglang mixing", `{"isotope":1,"scheme":"sglang-dual-gumbel","width":4,"vocab":1000,"tokenizer":"none","mixing":1}`, "mixing"},
		{"contexts", `{"isotope":1,"scheme":"sglang-gumbel","width":4,"vocab":1000,"tokenizer":"none","max_contexts":4097}`, "max_contexts"},
		{"message", `{"isotope":1,"scheme":"three-bricks-gumbel","width":4,"vocab":1000,"tokenizer":"none","message":1000}`, "message"},
		{"textseal width", `{"isotope":1,"scheme":"textseal-gumbel","width":11,"vocab":1000,"tokenizer":"none"}`, "1 to 10"},
		{"no depth", `{"isotope":1,"scheme":"synthid-hf","width":4,"vocab":1000,"tokenizer":"none"}`, `"depth" is missing`},
		{"depth", `{"isotope":1,"scheme":"synthid-hf","width":4,"depth":65,"vocab":1000,"tokenizer":"none"}`, "depth"},
		{"table", `{"isotope":1,"scheme":"synthid-hf","width":4,"depth":9,"table_size":33554432,"vocab":1000,"tokenizer":"none"}`, "table_size"},
		{"eos", `{"isotope":1,"scheme":"synthid-hf","width":4,"depth":9,"eos":1000,"vocab":1000,"tokenizer":"none"}`, "eos"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := interop.ParseProfile([]byte(c.text))
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "98765")
			_, err = interop.ParseAny([]byte(c.text))
			require.Error(t, err)
		})
	}
}

// TestMixingDefaults: a profile without the field has the engine's default, and 0 is a value.
func TestMixingDefaults(t *testing.T) {
	for _, c := range []struct {
		scheme, more string
		want         float64
	}{{"vllm-dual-gumbel", "", 0.1}, {"vllm-dual-gumbel", `,"mixing":0`, 0}, {"sglang-dual-gumbel", "", 0.5}, {"textseal-dual", "", 0.5}, {"vllm-gumbel", "", 0}} {
		t.Run(c.scheme+c.more, func(t *testing.T) {
			p := parse(t, `{"isotope":1,"scheme":"`+c.scheme+`","width":4,"vocab":1000,"tokenizer":"none"`+c.more+`}`)
			assert.Equal(t, c.want, p.Mixing)
		})
	}
}

func TestCheckRefusesForeignFields(t *testing.T) {
	p := &interop.Profile{Scheme: "vllm-gumbel", Width: 4, Vocab: 100, Tokenizer: "none", Gamma: 0.5}
	var wrong *watermark.ParamError
	require.ErrorAs(t, p.Check(), &wrong)
	assert.Equal(t, "gamma", wrong.Param)
	assert.Empty(t, p.ID())
	p.Gamma = 0
	require.NoError(t, p.Check())
	require.Error(t, (&interop.Profile{}).Check())
}

func TestBindRefusesKeys(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		key           []uint64
		want          string
	}{
		{"count", `{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":1000,"tokenizer":"none"}`, []uint64{1, 2}, "has 2 numbers"},
		{"layers", `{"isotope":1,"scheme":"synthid-hf","width":4,"depth":9,"vocab":1000,"tokenizer":"none"}`, []uint64{1}, "needs 9"},
		{"tgi", `{"isotope":1,"scheme":"tgi","width":1,"vocab":1000,"tokenizer":"none"}`, []uint64{1 << 60}, "2^64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, c.profile).Bind(newKey(t, c.key...))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := parse(t, `{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":1000,"tokenizer":"none"}`).Bind(interop.Key{})
	require.ErrorContains(t, err, "zero Key")
}

func TestIDsNameWhatScoresDependOn(t *testing.T) {
	const text = `{"isotope":1,"scheme":"hf-lefthash","width":1,"vocab":1000,"tokenizer":"none"`
	id := func(more string, key uint64) string {
		s, err := parse(t, text+more+`}`).Bind(newKey(t, key))
		require.NoError(t, err)
		return s.ID()
	}
	base := id("", 1)
	assert.Equal(t, base, id(`,"dedup":"context","exempt":[3]`, 1))
	for _, other := range []string{id(`,"gamma":0.5`, 1), id("", 2)} {
		assert.NotEqual(t, base, other)
	}
	wide, err := parse(t, strings.Replace(text, "1000", "1004", 1)+`}`).Bind(newKey(t, 1))
	require.NoError(t, err)
	assert.NotEqual(t, base, wide.ID())
}

func TestReadProfiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	require.NoError(t, os.WriteFile(path, []byte(nullProfiles[0].text), 0o644))
	p, err := interop.ReadProfile(path)
	require.NoError(t, err)
	assert.Equal(t, "vllm-gumbel", p.Scheme)
	d, err := interop.ReadAny(path)
	require.NoError(t, err)
	assert.Equal(t, p, d.Engine)
	_, err = interop.ReadAny(path + "x")
	assert.True(t, errors.Is(err, os.ErrNotExist))
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20+1), 0o644))
	_, err = interop.ReadProfile(path)
	assert.ErrorContains(t, err, "too large")
}

// TestAnyKinds: profiles and keys of both kinds go together, and no others.
func TestAnyKinds(t *testing.T) {
	trace, err := watermark.TraceProfile(1000, watermark.TokenizerNone, "", 0.1)
	require.NoError(t, err)
	text, err := json.Marshal(trace)
	require.NoError(t, err)
	native, err := interop.ParseAny(text)
	require.NoError(t, err)
	require.NotNil(t, native.Native)
	assert.Equal(t, "greenlist", native.Scheme())
	assert.Equal(t, 1000, native.Vocab())
	assert.Equal(t, interop.DedupPair, native.Dedup())
	assert.True(t, native.PromptContext())
	assert.True(t, native.IsColours())
	assert.Equal(t, trace.ID(), native.ID())
	engine, err := interop.ParseAny([]byte(`{"isotope":1,"scheme":"vllm-gumbel","width":4,"vocab":1000,"tokenizer":"none","exempt":[5]}`))
	require.NoError(t, err)
	assert.Equal(t, interop.DedupContext, engine.Dedup())
	assert.False(t, engine.PromptContext())
	assert.False(t, engine.IsColours())
	assert.Equal(t, []watermark.Token{5}, engine.Exempt())

	ours, theirs := interop.AnyKey{Native: watermark.NewKey()}, interop.AnyKey{Engine: newKey(t, 1<<60)}
	for _, c := range []struct {
		name string
		d    *interop.Description
		k    interop.AnyKey
		ok   bool
	}{{"native", native, ours, true}, {"engine", engine, theirs, true}, {"swapped", native, theirs, false}, {"swapped back", engine, ours, false}, {"zero", engine, interop.AnyKey{}, false}} {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.d.Bind(c.k)
			if !c.ok {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Len(t, b, 1)
			_, isMark := b[0].Scorer.(*watermark.Mark)
			assert.Equal(t, c.d.Native != nil, isMark)
			frame := b[0].Frame(nil, []watermark.Token{1, 2, 3, 4, 5})
			assert.Len(t, frame.Tokens, 5+frame.Before)
			assert.Empty(t, b[0].Limits().Warnings)
			sum := b[0].Sum(func(yield func(watermark.Pair) bool) {
				yield(watermark.Pair{Context: make([]watermark.Token, b[0].Scorer.Width()), Token: 1})
			})
			assert.GreaterOrEqual(t, sum, 0.0)
		})
	}
	trace.Scheme = watermark.GumbelMax{Width: 4}
	trace.Variants = 3
	text, err = json.Marshal(trace)
	require.NoError(t, err)
	variants, err := interop.ParseAny(text)
	require.NoError(t, err)
	b, err := variants.Bind(ours)
	require.NoError(t, err)
	assert.Len(t, b, 3)
}
