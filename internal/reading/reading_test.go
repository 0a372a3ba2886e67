package reading

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	choices    = `{"isotope_reading":1,"kind":"choices","vocab":100,"tokenizer":"none","model":"suspect"}`
	mass       = `{"isotope_reading":1,"kind":"mass","vocab":100,"tokenizer":"none","model":"suspect"}`
	reference  = `{"isotope_reading":1,"kind":"reference","vocab":100,"tokenizer":"none","model":"public","temperature":0.7,"top":1}`
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
	h, texts, err = readAll(reference + "\n" + `{"start":2,"tokens":[1,2,3,4],"rows":[null,{"ids":[3],"p":[0.5]},{"ids":[7],"p":[0.75]},null]}` + "\n" + `{"tokens":[5,6],"rows":[{"ids":[6],"p":[0.25]},null]}`)
	require.NoError(t, err)
	require.Len(t, texts, 2)
	assert.Equal(t, 0.7, h.TemperatureOrOne())
	assert.Equal(t, 1, h.Top)
	assert.Equal(t, []watermark.Token{3, 4}, texts[0].Output())
	assert.Equal(t, texts[0].Model[1:3], texts[0].OutputRows())
	assert.Equal(t, []float64{0.5, 0.25}, Drawn(texts[0].Output(), texts[0].OutputRows()), "a token that is left out has what is left")
	assert.Equal(t, student.Row{}, texts[1].OutputRows()[0], "nothing comes before the first token")
	assert.Equal(t, 0.25, Drawn(texts[1].Output(), texts[1].OutputRows())[1])

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
		{"a temperature of choices", strings.Replace(choices, `}`, `,"temperature":0.7}`, 1)},
		{"a top of rows", strings.Replace(mass, `}`, `,"top":1}`, 1)},
		{"a negative temperature", strings.Replace(reference, `0.7`, `-0.7`, 1)},
		{"a temperature that is none", strings.Replace(reference, `0.7`, `"hot"`, 1)},
		{"a top beyond the vocabulary", strings.Replace(reference, `"top":1`, `"top":101`, 1)},
		{"a negative top", strings.Replace(reference, `"top":1`, `"top":-1`, 1)},
		{"an empty row that has the likeliest token", reference + "\n" + `{"tokens":[1],"rows":[{"ids":[],"p":[]}]}`},
		{"a row of zeros that has the likeliest token", reference + "\n" + `{"tokens":[1],"rows":[{"ids":[1,2],"p":[0,0]}]}`},
		{"a row of unlikely tokens that has the likeliest", reference + "\n" + `{"tokens":[1],"rows":[{"ids":[1,2],"p":[0.001,0.002]}]}`},
		{"a base of a reference", strings.Replace(reference, `"top":1`, `"base":"x"`, 1)},
		{"a start of rows", mass + "\n" + `{"start":1,"tokens":[1,2],"rows":[null,null]}`},
		{"a start at the end", reference + "\n" + `{"start":2,"tokens":[1,2],"rows":[null,null]}`},
		{"a negative start", reference + "\n" + `{"start":-1,"tokens":[1,2],"rows":[null,null]}`},
		{"a reference without rows", reference + "\n" + `{"start":1,"tokens":[1,2]}`},
		{"choices of a reference", reference + "\n" + `{"tokens":[1],"rows":[null],"choices":[2]}`},
		{"damaged gzip", "\x1f\x8b nothing"},
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

func FuzzRead(tf *testing.F) {
	f := mutate.New(tf)
	for _, h := range []string{choices, mass, difference, reference} {
		f.Add(h + "\n" + `{"start":1,"tokens":[1,2],"rows":[{"ids":[3,7],"p":[0.5,0.25]},null]}`)
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
			case Reference:
				s := testmark.Must(student.New(mark, decoys, &student.Options{OutputRows: referencesOf(x)}))
				s.Add(x.Tokens[:x.Start], x.Output())
				s.Result()
				for _, p := range Drawn(x.Output(), x.OutputRows()) {
					require.False(t, p < 0 || p > 1)
				}
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

func referencesOf(t *Text) *References {
	r := NewReferences()
	r.Add(t.Tokens[:t.Start], t.Output(), t.OutputRows())
	return r
}

// TestWriter writes texts that a Reader reads again.
func TestWriter(t *testing.T) {
	temperature := 0.8
	for _, c := range []struct {
		name   string
		header Header
		text   Text
	}{
		{"reference", Header{Kind: Reference, Vocab: 100, Tokenizer: "none", Model: "m", Temperature: &temperature, Top: 1},
			Text{Start: 1, Tokens: []watermark.Token{1, 2, 3}, Model: []student.Row{{Tokens: []watermark.Token{2}, Probs: []float32{Round(0.123456)}}, {Probs: []float32{0.5, Round(1e-30)}}, {}}}},
		{"choices", Header{Kind: Choices, Vocab: 100, Tokenizer: "none", Model: "m", Marked: true},
			Text{Tokens: []watermark.Token{1, 2}, Choices: []watermark.Token{3, -1}}},
		{"difference", Header{Kind: Difference, Vocab: 100, Tokenizer: "none", Model: "m", Base: "b"},
			Text{Tokens: []watermark.Token{1}, Model: []student.Row{{Tokens: []watermark.Token{}, Probs: []float32{}}}, Base: []student.Row{{}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var file bytes.Buffer
			w, err := NewWriter(&file, c.header)
			require.NoError(t, err)
			require.NoError(t, w.Write(&c.text))
			require.NoError(t, w.Flush())
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			_, err = z.Write(file.Bytes())
			require.NoError(t, err)
			require.NoError(t, z.Close())
			for _, text := range []string{file.String(), packed.String()} {
				h, texts, err := readAll(text)
				require.NoError(t, err, text)
				want := c.header
				want.Version = 1
				assert.Equal(t, want, h)
				assert.Equal(t, []*Text{&c.text}, texts)
			}
		})
	}
	assert.EqualValues(t, float32(0.1235), Round(0.123456))
	assert.Zero(t, Round(math.NaN()))
	assert.EqualValues(t, 1, Round(1.0000001))
}

// TestReferences finds rows by their text, and by what comes before it if that is not enough.
func TestReferences(t *testing.T) {
	r := NewReferences()
	row := func(p float32) []student.Row { return []student.Row{{Probs: []float32{p}}} }
	text := []watermark.Token{7}
	r.Add([]watermark.Token{1}, text, row(0.1))
	r.Add([]watermark.Token{2}, text, row(0.2))
	assert.Equal(t, 2, r.Len())
	assert.Zero(t, r.Used())
	for _, c := range []struct {
		name         string
		before, text []watermark.Token
		want         []student.Row
	}{
		{"the second", []watermark.Token{2}, text, row(0.2)},
		{"the first", []watermark.Token{1}, text, row(0.1)},
		{"neither", []watermark.Token{3}, text, row(0.1)},
		{"another text", []watermark.Token{1}, []watermark.Token{8}, nil},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, r.Rows(c.before, c.text)) })
	}
	assert.Equal(t, 2, r.Used())
	_, _, err := ReadReferences(strings.NewReader(mass + "\n"))
	assert.ErrorIs(t, err, ErrFormat)
	got := Drawn([]watermark.Token{1, 5, 2}, []student.Row{{Probs: []float32{0.5, 0.25}}, {Probs: []float32{0.5, 0.25}}})
	assert.Equal(t, []float64{0.25, 0.25}, got[:2])
	assert.True(t, math.IsNaN(got[2]))
}
