package reading

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	choices    = `{"isotope_reading":1,"kind":"choices","vocab":100,"tokenizer":"none","model":"suspect"}`
	mass       = `{"isotope_reading":1,"kind":"mass","vocab":100,"tokenizer":"none","model":"suspect"}`
	difference = `{"isotope_reading":1,"kind":"difference","vocab":100,"tokenizer":"none","model":"suspect","base":"public"}`
)

// readAll reads until an error, which is nil at the end.
func readAll(text string) (Header, []*Text, error) {
	r, err := NewReader(strings.NewReader(text))
	if err != nil {
		return Header{}, nil, err
	}
	var texts []*Text
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header(), texts, nil
		}
		if err != nil {
			return r.Header(), texts, err
		}
		texts = append(texts, t)
	}
}

func TestRead(t *testing.T) {
	h, texts, err := readAll(choices + "\r\n\n" + `{"tokens":[1,2,3],"choices":[4,-1,99]}` + "\n" + `{"tokens":[5],"choices":[0]}`)
	require.NoError(t, err)
	assert.Equal(t, Header{Version: 1, Kind: Choices, Vocab: 100, Tokenizer: "none", Model: "suspect"}, h)
	assert.Equal(t, []*Text{
		{Tokens: []watermark.Token{1, 2, 3}, Choices: []watermark.Token{4, -1, 99}},
		{Tokens: []watermark.Token{5}, Choices: []watermark.Token{0}},
	}, texts)

	_, texts, err = readAll(difference + "\n" + `{"tokens":[1,2],"rows":[{"ids":[3,7],"p":[0.5,0.25]},null],"base":[{"p":[0.5,0.5]},{"ids":[],"p":[]}]}` + "\n")
	require.NoError(t, err)
	require.Len(t, texts, 1)
	assert.Equal(t, []student.Row{{Tokens: []watermark.Token{3, 7}, Probs: []float32{0.5, 0.25}}, {}}, texts[0].Model)
	assert.Equal(t, []student.Row{{Probs: []float32{0.5, 0.5}}, {Tokens: []watermark.Token{}, Probs: []float32{}}}, texts[0].Base)

	_, texts, err = readAll(mass + "\n" + `{"tokens":[1],"rows":[{"ids":[3],"p":[0.5]}]}`)
	require.NoError(t, err)
	assert.Nil(t, texts[0].Base)
	h, texts, err = readAll(strings.Replace(choices, `}`, `,"marked":true,"note":"logs of May","tokenizer_digest":"sha256:00"}`, 1))
	require.NoError(t, err)
	assert.Empty(t, texts)
	assert.True(t, h.Marked)
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"empty", ""},
		{"no header", `{"tokens":[1],"choices":[2]}`},
		{"a blank first line", "\n" + choices},
		{"another version", strings.Replace(choices, ":1,", ":2,", 1)},
		{"another kind", strings.Replace(choices, `"choices"`, `"guesses"`, 1)},
		{"no vocabulary", strings.Replace(choices, `100`, `0`, 1)},
		{"a vocabulary too large", strings.Replace(choices, `100`, `100000000`, 1)},
		{"an unknown field", strings.Replace(choices, `"vocab"`, `"vokab":1,"vocab"`, 1)},
		{"no model", strings.Replace(choices, `"suspect"`, `""`, 1)},
		{"no tokenizer", strings.Replace(choices, `"none"`, `""`, 1)},
		{"a base of choices", strings.Replace(choices, `}`, `,"base":"x"}`, 1)},
		{"a difference of nothing", strings.Replace(difference, `"public"`, `""`, 1)},
		{"marked rows", strings.Replace(mass, `}`, `,"marked":true}`, 1)},
		{"text after the header", choices + "{}"},
		{"a repeated field", strings.Replace(choices, `"vocab"`, `"vocab":7,"vocab"`, 1)},
		{"another case", strings.Replace(choices, `"vocab"`, `"Vocab"`, 1)},
		{"a null for a number", strings.Replace(choices, `100`, `null`, 1)},
		{"repeated tokens", choices + "\n" + `{"tokens":[1],"choices":[2],"tokens":[3]}`},
		{"repeated ids in a row", mass + "\n" + `{"tokens":[1],"rows":[{"ids":[1],"p":[0.1],"ids":[2]}]}`},
		{"a null among tokens", choices + "\n" + `{"tokens":[null],"choices":[2]}`},
		{"an array", choices + "\n[1]"},
		{"a string", choices + "\n\"x\""},
		{"null", choices + "\nnull"},
		{"no tokens", choices + "\n" + `{"tokens":[],"choices":[]}`},
		{"too few choices", choices + "\n" + `{"tokens":[1,2],"choices":[1]}`},
		{"too many choices", choices + "\n" + `{"tokens":[1],"choices":[1,2]}`},
		{"rows for choices", choices + "\n" + `{"tokens":[1],"choices":[1],"rows":[null]}`},
		{"choices for rows", mass + "\n" + `{"tokens":[1],"choices":[1],"rows":[null]}`},
		{"a base for a mass", mass + "\n" + `{"tokens":[1],"rows":[null],"base":[null]}`},
		{"no base", difference + "\n" + `{"tokens":[1],"rows":[null]}`},
		{"a short base", difference + "\n" + `{"tokens":[1,2],"rows":[null,null],"base":[null]}`},
		{"a token outside", choices + "\n" + `{"tokens":[100],"choices":[1]}`},
		{"a negative token", choices + "\n" + `{"tokens":[-1],"choices":[1]}`},
		{"a choice outside", choices + "\n" + `{"tokens":[1],"choices":[100]}`},
		{"a choice below -1", choices + "\n" + `{"tokens":[1],"choices":[-2]}`},
		{"a fraction", choices + "\n" + `{"tokens":[1.5],"choices":[1]}`},
		{"a large token", choices + "\n" + `{"tokens":[99999999999],"choices":[1]}`},
		{"a row without p", mass + "\n" + `{"tokens":[1],"rows":[{"ids":[1]}]}`},
		{"ids that go down", mass + "\n" + `{"tokens":[1],"rows":[{"ids":[2,1],"p":[0.1,0.1]}]}`},
		{"fewer p than ids", mass + "\n" + `{"tokens":[1],"rows":[{"ids":[1,2],"p":[0.1]}]}`},
		{"p above 1", mass + "\n" + `{"tokens":[1],"rows":[{"p":[1.1]}]}`},
		{"p below 0", mass + "\n" + `{"tokens":[1],"rows":[{"p":[-0.1]}]}`},
		{"p out of range", mass + "\n" + `{"tokens":[1],"rows":[{"p":[1e99]}]}`},
		{"p that is none", mass + "\n" + `{"tokens":[1],"rows":[{"p":[NaN]}]}`},
		{"logits", mass + "\n" + `{"tokens":[1],"rows":[{"p":[5.25,-3]}]}`},
		{"an unknown field inside", mass + "\n" + `{"tokens":[1],"rows":[{"p":[0.5],"k":1}]}`},
		{"cut", choices + "\n" + `{"tokens":[1],"choi`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readAll(c.text)
			assert.ErrorIs(t, err, ErrFormat)
		})
	}
	_, texts, err := readAll(choices + "\n" + `{"tokens":[1],"choices":[1]}` + "\n\n{")
	assert.ErrorContains(t, err, "line 4")
	assert.Len(t, texts, 1)
	r, err := NewReader(io.MultiReader(strings.NewReader(choices+"\n"), failingReader{}))
	require.NoError(t, err)
	_, err = r.Next()
	assert.ErrorIs(t, err, errDisk)
}

type failingReader struct{}

var errDisk = errors.New("disk")

func (failingReader) Read([]byte) (int, error) { return 0, errDisk }

// An endlessReader is a line without an end.
type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestLinesAreBounded(t *testing.T) {
	_, err := NewReader(endlessReader{})
	assert.ErrorIs(t, err, ErrFormat)
	assert.ErrorContains(t, err, "longer")
}

func FuzzRead(f *testing.F) {
	for _, h := range []string{choices, mass, difference} {
		f.Add(h + "\n" + `{"tokens":[1,2],"choices":[3,-1]}`)
		f.Add(h + "\n" + `{"tokens":[1,2],"rows":[{"ids":[3,7],"p":[0.5,0.25]},null]}`)
		f.Add(h + "\n" + `{"tokens":[1],"rows":[{"p":[0.5]}],"base":[{"ids":[1],"p":[1]}]}`)
	}
	mark, err := watermark.New(testmark.Key(7), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 100)
	require.NoError(f, err)
	decoys, err := student.NewDecoys([16]byte{7}, 100, func(k watermark.Key) (detect.Scorer, error) {
		return watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 100)
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		h, texts, _ := readAll(text)
		if h.Vocab > 100 {
			return
		}
		for _, x := range texts {
			// A test takes whatever the parser accepts.
			switch h.Kind {
			case Choices:
				require.NoError(t, testmark.Must(student.NewChoices(mark, decoys, nil)).Add(x.Tokens, x.Choices))
				require.NoError(t, testmark.Must(student.NewMarked(mark, decoys, nil)).Add(x.Tokens, x.Choices))
			case Mass:
				require.NoError(t, testmark.Must(student.NewMass(mark, decoys, nil)).Add(x.Tokens, x.Model, x.Base))
			default:
				require.NoError(t, testmark.Must(student.NewDifference(mark, decoys, nil)).Add(x.Tokens, x.Model, x.Base))
			}
		}
	})
}
