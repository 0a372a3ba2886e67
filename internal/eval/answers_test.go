package eval

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

func TestRight(t *testing.T) {
	q := Question{Answer: []string{"Paris", "la ville lumière", "7"}}
	for _, c := range []struct {
		text string
		want bool
	}{
		{"The capital is PARIS.", true},
		{"**Paris**, of course", true},
		{"Parisian", false},
		{"La Ville-Lumière!", true},
		{"la ville", false},
		{"It is 7.", true},
		{"It is 17.", false},
		{"", false},
	} {
		t.Run(c.text, func(t *testing.T) { assert.Equal(t, c.want, q.Right(c.text)) })
	}
}

func TestReadQuestions(t *testing.T) {
	list := Questions()
	require.Len(t, list, 40)
	for _, q := range list {
		assert.False(t, q.Right(q.Ask), "%s: the question does not answer itself", q.Ask)
		for _, a := range q.Answer {
			assert.True(t, q.Right("It is "+a+"."), q.Ask)
		}
	}
	for _, c := range []struct{ name, text, says string }{
		{"empty", "\n", "no questions"},
		{"no JSON", "what?", "line 1"},
		{"no answer", "\n" + `{"question":"what?"}`, `line 2 has no "question" or no "answers"`},
		{"an answer of no words", `{"question":"what?","answers":["!"]}`, "without words"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadQuestions(strings.NewReader(c.text))
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// answerer answers each question by three tokens of a fixed row.
type answerer struct{ *Fixed }

func (answerer) Questions() int { return 5 }

func (a answerer) Answer(_ context.Context, question, n int, draw func(Row) Token) (Answered, error) {
	for i := range 3 {
		draw(a.rows[0][question*3+i])
	}
	return Answered{Tokens: question, Ended: question < 3, Right: question == 0}, nil
}

// TestAnswers sums up answers: each text has the next four questions.
func TestAnswers(t *testing.T) {
	d := small(t)
	d.Attacks, d.Texts, d.Schemes = nil, 5, d.Schemes[:2]
	without := d.Digest()
	d.Sources[0] = answerer{d.Sources[0].(*Fixed)}
	assert.NotEqual(t, without, d.Digest())
	r, err := d.Result(outcomes(t, d, 2))
	require.NoError(t, err)
	for _, c := range r.Clean {
		assert.Equal(t, counted(4, 20), c.Answers.Right)
		assert.Equal(t, counted(12, 20), c.PlainAnswers.Ended)
		assert.InDelta(t, 2, c.Answers.Tokens.Value, 1e-12)
	}
	var csv strings.Builder
	require.NoError(t, r.WriteCSV(&csv))
	assert.Contains(t, csv.String(), "given,gumbelmax width=2,right answers,share of answers,,,20,0.2,")
	list, only := Compare(r, r)
	assert.Zero(t, only)
	n := 0
	for _, x := range list {
		if x.Measure == "right answers" {
			n++
			assert.Zero(t, x.Log10P)
		}
	}
	assert.Equal(t, 2, n)
	r.Clean[0].Answers.Right.Found = 21
	assert.ErrorContains(t, r.check(), "damaged")
}

// TestGivenIsTestedAsByDetect: the test of a given text is that of package detect by the profile, with
// the ids that the profile leaves out.
func TestGivenIsTestedAsByDetect(t *testing.T) {
	for _, c := range []struct {
		name    string
		profile watermark.Profile
	}{
		{"draw", watermark.Profile{Scheme: gumbel2, Dedup: watermark.DedupContext}},
		{"pairs", watermark.Profile{Scheme: gumbel2, Dedup: watermark.DedupPair}},
		{"bias", watermark.Profile{Scheme: watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 1}}},
		{"exempt", watermark.Profile{Scheme: watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, Exempt: []Token{3, 7}}},
		{"a draw with exempt ids", watermark.Profile{Scheme: gumbel2, Dedup: watermark.DedupContext, Exempt: []Token{3, 7, 11}}},
		{"variants", watermark.Profile{Scheme: gumbel2, Variants: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.profile
			p.Vocab, p.Tokenizer = 20, watermark.TokenizerNone
			key := keyOf(1, "mine")
			rng := (&Design{Seed: 8}).generator(c.name)
			g := NewGiven("mine", key, p.Vocab, 80)
			var texts [][]Token
			for range 3 {
				text := make([]Token, 90)
				for i := range text {
					text[i] = Token(rng.IntN(20))
				}
				texts = append(texts, text)
				long, err := g.Add(text)
				require.NoError(t, err)
				require.True(t, long)
			}
			d := &Design{Seed: 2, Sources: []Source{g}, Schemes: []Scheme{OfMarked("p", &p)}, Texts: 3, Length: 80, Lengths: []int{80}, NullKeys: 2}
			found := outcomes(t, d, 2)
			marks, err := p.Marks(key)
			require.NoError(t, err)
			null := map[float64]bool{}
			for i, text := range texts {
				all := &allTests{}
				for _, m := range marks {
					acc := detect.NewAccumulator(m, nil)
					acc.Add(text[:80])
					all.tests = append(all.tests, done(acc.Result().Log10P))
				}
				assert.Equal(t, roundUp(all.Log10P()), found[Item{Text: i}].Clean[len(found[Item{Text: i}].Clean)-1])
				for _, p := range found[Item{Text: i}].Null {
					null[p] = true
				}
			}
			assert.Greater(t, len(null), 1, "each under a key of its own")
		})
	}
	g := NewGiven("mine", keyOf(1, "mine"), 20, 80)
	long, err := g.Add([]Token{1, 2})
	assert.NoError(t, err)
	assert.False(t, long)
	assert.Equal(t, 1, g.Short())
	_, err = g.Add([]Token{20})
	assert.ErrorContains(t, err, "the id 20")
	d := &Design{Sources: []Source{g}, Schemes: []Scheme{GumbelMax(2)}, Texts: 1, Length: 80}
	assert.ErrorContains(t, d.Check(), "asks for more")
}

type done float64

func (done) Add([]Token, Token, *Row) {}
func (d done) Log10P() float64        { return float64(d) }

// TestGivenCost compares the cost of a given text with that of the text as it was written.
func TestGivenCost(t *testing.T) {
	d := small(t)
	src := d.Sources[0]
	for _, s := range []Scheme{GreenList(0.5, 2, 1), GumbelMax(2)} {
		m, err := d.bind(src, s, "x", 0)
		require.NoError(t, err)
		w, err := d.write(t.Context(), src, m, 0, 120, d.generator("x"))
		require.NoError(t, err)
		c := costOf(m, w, 120)
		assert.InDelta(t, float64(w.cost.Entropy), float64(c.Entropy), 1e-12)
		assert.InDelta(t, float64(w.cost.Surprise), float64(c.Surprise), 1e-12)
		assert.InDelta(t, float64(w.cost.KL)*120/float64(120-isBias(m)*m.Width()), float64(c.KL), 1e-12, s.Name())
		assert.Equal(t, w.cost.Distinct, c.Distinct)
	}
}

func isBias(m Mark) int {
	if isDraw(m) {
		return 0
	}
	return 1
}
