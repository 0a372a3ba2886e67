package watermark_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	assert.Equal(t, base, id(" "+strings.ReplaceAll(minimal, ",", " ,\n")+"\n"))
	assert.Equal(t, base, id(strings.Replace(minimal, "0.5", "5e-1", 1)))
	assert.Equal(t, base, id(strings.Replace(minimal, "}", `,"dedup":"pair","mask":"none","exempt":[],"lane":0}`, 1)))
	assert.NotEqual(t, base, id(strings.Replace(minimal, `"delta":2`, `"delta":2.5`, 1)))
	assert.NotEqual(t, base, id(strings.Replace(minimal, "}", `,"exempt":[5]}`, 1)))
	assert.NotEqual(t, base, id(strings.Replace(minimal, "}", `,"dedup":"context"}`, 1)))
}

func TestParseProfileRefuses(t *testing.T) {
	with := func(field string) string { return strings.Replace(minimal, "}", ","+field+"}", 1) }
	without := func(field string) string { return strings.Replace(minimal, field, "", 1) }
	for text, says := range map[string]string{
		"":                                       "not a JSON object",
		"[]":                                     "not a JSON object",
		`"x"`:                                    "not a JSON object",
		"{":                                      "EOF",
		minimal + "}":                            "follows",
		with(`"exempt":[null]`):                  "null",
		minimal + "{}":                           "follows",
		minimal[:len(minimal)-1]:                 "EOF",
		with(`"Gamma":0.5`):                      `unknown field "Gamma"`,
		with(`"key":"x"`):                        `unknown field "key"`,
		with(`"gamma":0.5`):                      "twice",
		with(`"mask":null`):                      "null",
		with(`"mask":"both"`):                    "both",
		with(`"dedup":"none"`):                   "none",
		with(`"band":[0]`):                       "1 numbers",
		with(`"band":[0,0]`):                     "empty",
		with(`"band":[5,4]`):                     "[5,4)",
		with(`"band":[0,70000]`):                 "70000",
		with(`"band":[0,100]`):                   "key id",
		with(`"selector":"0011223344556677"`):    "everything",
		with(`"band":[0,100],"selector":"0011"`): "0011",
		with(`"exempt":[5,5]`):                   "ascending",
		with(`"exempt":[100]`):                   "below",
		with(`"exempt":[-1]`):                    "below",
		with(`"lane":128`):                       "128",
		with(`"group":-1`):                       "group",
		with(`"payload":21`):                     "0 to 20",
		with(`"payload":-1`):                     "0 to 20",
		with(`"payload":1.5`):                    "payload",
		with(`"payload":"16"`):                   "payload",
		with(`"tokenizer_digest":"` + digest + `"`):                              "no tokenizer",
		without(`"gamma":0.5,`):                                                  `"gamma" is missing`,
		without(`"delta":2,`):                                                    `"delta" is missing`,
		without(`"width":2,`):                                                    `"width" is missing`,
		without(`"vocab":100,`):                                                  `"vocab" is missing`,
		without(`"isotope":1,`):                                                  `"isotope" is missing`,
		without(`,"tokenizer":"none"`):                                           `"tokenizer" is missing`,
		strings.Replace(minimal, `"isotope":1`, `"isotope":2`, 1):                "wire format 2",
		strings.Replace(minimal, "greenlist", "redlist", 1):                      "redlist",
		strings.Replace(minimal, `"gamma":0.5`, `"gamma":0.3`, 1):                "nearest",
		strings.Replace(minimal, `"width":2`, `"width":2.5`, 1):                  "width",
		strings.Replace(minimal, `"width":2`, `"width":17`, 1):                   "17",
		strings.Replace(minimal, `"vocab":100`, `"vocab":0`, 1):                  "vocab",
		strings.Replace(minimal, `"tokenizer":"none"`, `"tokenizer":""`, 1):      "empty",
		strings.Replace(minimal, `"tokenizer":"none"`, `"tokenizer":"gpt 2"`, 1): "name",
		strings.Replace(minimal, `"tokenizer":"none"`, `"tokenizer":"x"`, 1):     "tokenizer_digest",
	} {
		_, err := watermark.ParseProfile([]byte(text))
		require.ErrorContains(t, err, says, text)
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

// A pointer to a scheme has its methods, and would make a profile without a scheme.
func TestPointersAreNoSchemes(t *testing.T) {
	for _, s := range []watermark.Scheme{
		&watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}, &watermark.Tournament{Depth: 3, Width: 1}, (*watermark.GumbelMax)(nil),
	} {
		_, err := watermark.New(testKey(t), s, 100)
		assert.ErrorContains(t, err, "schemes are values")
		_, err = (&watermark.Profile{Scheme: s, Vocab: 100, Tokenizer: watermark.TokenizerNone}).MarshalJSON()
		assert.ErrorContains(t, err, "schemes are values")
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

func FuzzParseProfile(f *testing.F) {
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
