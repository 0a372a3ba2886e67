package eval

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

var gumbel2 = watermark.GumbelMax{Width: 2}

// TestWorkersDoNotMatter runs one Design with one, two and eight workers.
func TestWorkersDoNotMatter(t *testing.T) {
	d := small(t)
	want := encoded(t, d, outcomes(t, d, 1))
	for _, workers := range []int{2, 8} {
		assert.Equal(t, want, encoded(t, small(t), outcomes(t, small(t), workers)), "%d workers", workers)
	}
	other := small(t)
	other.Seed++
	assert.NotEqual(t, want, encoded(t, other, outcomes(t, other, 2)))
}

// TestResume kills a run after each few texts, cuts the journal in the middle of a line, and resumes.
func TestResume(t *testing.T) {
	d := small(t)
	want := encoded(t, d, outcomes(t, d, 2))
	path := filepath.Join(t.TempDir(), "journal")
	killed := errors.New("killed")
	for at := range 100 {
		j, err := OpenJournal(path, d)
		require.NoError(t, err)
		n := 0
		err = d.Run(t.Context(), 2, j.Done(), func(item Item, o *Outcome) error {
			if n++; n > 7 {
				return killed
			}
			return j.Keep(item, o)
		})
		all := j.Outcomes()
		require.NoError(t, j.Close())
		if err == nil {
			assert.Positive(t, at, "the run was killed at least once")
			assert.Equal(t, want, encoded(t, d, all))
			break
		}
		require.ErrorIs(t, err, killed)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = f.WriteString(`{"source":"given","scheme":"gumb`)
		require.NoError(t, errors.Join(err, f.Close()))
	}
	again, err := OpenJournal(path, d)
	require.NoError(t, err)
	assert.Len(t, again.Done(), len(d.Items()))
	assert.Equal(t, want, encoded(t, d, again.Outcomes()), "what was read again")
	require.NoError(t, again.Close())

	for _, c := range []struct{ name, text, says string }{
		{"another design", `{"isotope_eval":1,"design":"sha256:00"}` + "\n", "another design"},
		{"no journal", "hello\n", "not a journal"},
		{"a damaged line", headOf(t, d) + "{\n", "damaged"},
		{"a text of another design", headOf(t, d) + `{"source":"x","scheme":"y"}` + "\n", "of no text"},
		{"a text past the last", headOf(t, d) + `{"source":"given","scheme":"gumbelmax width=2","text":99}` + "\n", "of no text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := OpenJournal(path, d)
			assert.ErrorContains(t, err, c.says)
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(left), "it is left as it was")
		})
	}
}

func headOf(t *testing.T, d *Design) string {
	head, err := json.Marshal(journalHead{1, d.Digest()})
	require.NoError(t, err)
	return string(head) + "\n"
}

// TestDigest: whatever changes an outcome changes the digest.
func TestDigest(t *testing.T) {
	want := small(t).Digest()
	assert.Equal(t, want, small(t).Digest())
	for _, c := range []struct {
		name   string
		change func(d *Design)
	}{
		{"seed", func(d *Design) { d.Seed++ }},
		{"texts", func(d *Design) { d.Texts++ }},
		{"lengths", func(d *Design) { d.Lengths = d.Lengths[:1] }},
		{"null keys", func(d *Design) { d.NullKeys++ }},
		{"a parameter that no score depends on", func(d *Design) {
			d.Schemes[1] = Native(d.Schemes[1].Name(), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1})
		}},
		{"variants", func(d *Design) { d.Schemes[3] = Variants("three keys", gumbel2, 4) }},
		{"rates", func(d *Design) { d.Attacks[0].Rates = []float64{0.25} }},
		{"synonyms", func(d *Design) { d.Means.Synonyms = map[string][]string{"a": {"b"}} }},
		{"rows", func(d *Design) { d.Sources[0].(*Fixed).rows[1][7].Probs[0] += 0.01 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := small(t)
			c.change(d)
			assert.NotEqual(t, want, d.Digest())
		})
	}
}

// TestNullIsUniform: unmarked text has small p-values as often as the level says, and not more often,
// under every scheme of other projects too.
func TestNullIsUniform(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of tests")
	}
	schemes := append(Peers(), Variants("three keys", gumbel2, 3))
	d := &Design{Seed: 11, Sources: []Source{fixed(t, 6, 200)}, Schemes: schemes, Texts: 12, Length: 200, Lengths: []int{200}, NullKeys: 20}
	r, err := d.Result(outcomes(t, d, 2))
	require.NoError(t, err)
	for _, c := range r.Clean {
		s := c.Null[0][0]
		require.Equal(t, 240, s.Of)
		// At a level of 0.01, 240 tests have more than 9 in less than one of 10^3 runs.
		assert.LessOrEqual(t, s.Found, 9, c.Scheme)
		assert.Zero(t, c.Null[1][0].Found, "%s at 1e-4", c.Scheme)
		assert.Less(t, c.NullMin, -0.5, "%s: some p-values are small", c.Scheme)
	}
}

// TestPower: longer texts are detected more often, and stronger marks sooner.
func TestPower(t *testing.T) {
	d := small(t)
	d.Attacks, d.Schemes = nil, []Scheme{GumbelMax(2), GreenList(0.5, 1, 1), GreenList(0.5, 3, 1)}
	r, err := d.Result(outcomes(t, d, 2))
	require.NoError(t, err)
	for _, c := range r.Clean {
		for a := range r.Alphas {
			counts := c.Detected[a]
			assert.GreaterOrEqual(t, counts[len(counts)-1], counts[0], c.Scheme)
			if a > 0 {
				for i := range counts {
					assert.LessOrEqual(t, counts[i], c.Detected[a-1][i], "a stricter level detects fewer")
				}
				x, y := c.Needed[a].Half.Tokens, c.Needed[a-1].Half.Tokens
				assert.True(t, x == 0 || y > 0 && x >= y, "and needs more tokens")
			}
			half, most := c.Needed[a].Half, c.Needed[a].Most
			assert.True(t, most.Tokens == 0 || half.Tokens > 0 && most.Tokens >= half.Tokens)
			if half.Tokens > 0 {
				assert.LessOrEqual(t, half.Low, half.Tokens)
				assert.True(t, half.High == 0 || half.High >= half.Tokens)
			}
		}
		assert.InDelta(t, 1, c.Marked.Value, 0.05)
	}
	assert.Zero(t, r.Clean[0].KL.Value)
	assert.Equal(t, 1.0, r.Clean[0].Greedy.Value, "a keyed draw takes no part in greedy text")
	assert.Less(t, r.Clean[2].Greedy.Value, 1.0)
	assert.Less(t, r.Clean[1].KL.Value, r.Clean[2].KL.Value)
	assert.Less(t, r.Clean[2].Log10P[1][0], r.Clean[1].Log10P[1][0])
	require.Positive(t, r.Clean[0].Needed[2].Half.Tokens)
}

// TestDivergence compares the measured cost with the formula for rows of known green mass.
func TestDivergence(t *testing.T) {
	row := Row{IDs: []Token{0, 1, 2, 3}, Probs: []float32{0.25, 0.25, 0.25, 0.25}}
	for _, c := range []struct {
		name    string
		weights []float64
		want    float64
	}{
		{"none", []float64{0.25, 0.25, 0.25, 0.25}, 0},
		{"scaled", []float64{1, 1, 1, 1}, 0},
		{"half of it green, delta 1", []float64{math.E, 1, math.E, 1}, math.E/(1+math.E)*1 - math.Log((1+math.E)/2)},
		{"all of one token", []float64{1, 0, 0, 0}, math.Log(4)},
	} {
		t.Run(c.name, func(t *testing.T) { assert.InDelta(t, c.want, divergence(c.weights, row.Probs), 1e-12) })
	}
}

// TestAgainstDetect: the suite's tests are those of package detect on the whole text.
func TestAgainstDetect(t *testing.T) {
	d := small(t)
	src := d.Sources[0]
	for _, s := range []Scheme{GumbelMax(2), GreenList(0.5, 2, 1)} {
		m, err := d.bind(src, s, "text", 0)
		require.NoError(t, err)
		w, err := d.write(t.Context(), src, m, 0, 120, d.generator("x"))
		require.NoError(t, err)
		o := &detect.Options{}
		if isDraw(m) {
			o.Dedup = detect.DedupContext
		}
		acc := detect.NewAccumulator(m, o)
		acc.Add(w.text.IDs)
		assert.Equal(t, roundUp(acc.Result().Log10P), test(m, w.text, w.rows, []int{120})[0], s.Name())
	}
}

// TestUnits: selfhash and minhash count a coin once, whichever windows tossed it.
func TestUnits(t *testing.T) {
	for _, w := range []Window{{Label: "minhash", Gamma: 0.25, Delta: 2, Width: 4}, {Label: "selfhash", Gamma: 0.25, Delta: 2, Width: 4, Self: true}} {
		t.Run(w.Label, func(t *testing.T) {
			m, err := w.Bind(keyOf(1, "x"), 1000)
			require.NoError(t, err)
			text := []Token{1, 2, 3, 1, 2, 3, 2, 1, 3, 1, 2, 2, 1, 3, 3, 1}
			acc := detect.NewAccumulator(m, nil)
			acc.Add(text)
			coins := map[string]bool{}
			for i := m.Width(); i < len(text); i++ {
				coins[string(m.(detect.UnitNamer).AppendUnit(nil, watermark.Pair{Context: text[i-m.Width() : i], Token: text[i]}))] = true
			}
			assert.EqualValues(t, len(coins), acc.Result().Scored)
			assert.LessOrEqual(t, len(coins), 9, "three tokens toss nine coins at most")
		})
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *Design)
		says   string
	}{
		{"no schemes", func(d *Design) { d.Schemes = nil }, "no scheme"},
		{"no texts", func(d *Design) { d.Texts = 0 }, "no texts"},
		{"one name twice", func(d *Design) { d.Schemes = append(d.Schemes, d.Schemes[0]) }, "one name"},
		{"bad parameters", func(d *Design) { d.Schemes[0] = GumbelMax(0) }, "width"},
		{"neither bias nor draw", func(d *Design) { d.Schemes[0] = silent{} }, "neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := small(t)
			c.change(d)
			assert.ErrorContains(t, d.Check(), c.says)
		})
	}
	d := small(t)
	_, err := d.Result(map[Item]*Outcome{})
	assert.ErrorContains(t, err, "0 of 24")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	assert.ErrorIs(t, d.Run(ctx, 2, nil, func(Item, *Outcome) error { return nil }), context.Canceled)
}

// silent is a scheme whose mark does nothing.
type silent struct{}

func (silent) Name() string { return "silent" }
func (silent) Bind(key watermark.Key, vocab int) (Mark, error) {
	m, err := watermark.New(key, gumbel2, vocab)
	return struct{ detect.Scorer }{m}, err
}

func TestParse(t *testing.T) {
	for _, name := range Families() {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(name, nil)
			require.NoError(t, err)
			_, err = s.Bind(keyOf(1, "x"), 1000)
			assert.NoError(t, err)
			assert.Equal(t, name, s.Name())
		})
	}
	for _, bad := range []string{"", "poetry", "greenlist,delta", "greenlist,delta=x", "greenlist,depth=3", "minhash,width=0", "selfhash,width=1", "greenlist,delta=NaN", "greenlist,kl=0.1", "ewd,kl=0.1,delta=2"} {
		_, err := Parse(bad, nil)
		assert.Error(t, err, bad)
	}
	s, err := Parse("greenlist,delta=1.5,width=0", nil)
	require.NoError(t, err)
	assert.Equal(t, watermark.GreenList{Gamma: 0.5, Delta: 1.5}, s.(native).scheme)
	s, err = Parse("greenlist,kl=0.1", fixed(t, 2, 60))
	require.NoError(t, err)
	assert.InDelta(t, 1, s.(native).scheme.(watermark.GreenList).Delta, 0.5)
}

func TestAtKL(t *testing.T) {
	f := fixed(t, 3, 120)
	delta, err := f.AtKL(0.5, 0, 0.1, 1)
	require.NoError(t, err)
	d := small(t)
	d.Attacks, d.Texts = nil, 12
	d.Schemes = []Scheme{GreenList(0.5, delta, 1)}
	r, err := d.Result(outcomes(t, d, 2))
	require.NoError(t, err)
	assert.InDelta(t, 0.1, r.Clean[0].KL.Value, 0.01)
	gated, err := f.AtKL(0.5, 2.0, 0.1, 1)
	require.NoError(t, err)
	assert.Greater(t, gated, delta, "fewer rows pay more each")
	_, err = f.AtKL(0.5, 0, 9, 1)
	assert.ErrorContains(t, err, "no bias costs")
}

func TestReadFixed(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "empty"},
		{"choices", `{"isotope_reading":1,"kind":"choices","vocab":9,"tokenizer":"none","model":"m"}`, "kind choices"},
		{"no texts", `{"isotope_reading":1,"kind":"mass","vocab":9,"tokenizer":"none","model":"m"}`, "no text has rows"},
		{"a row of zeros", `{"isotope_reading":1,"kind":"mass","vocab":9,"tokenizer":"none","model":"m"}` + "\n" + `{"tokens":[1,2],"rows":[{"ids":[1],"p":[0]},null]}`, "no probability"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadFixed("x", strings.NewReader(c.text), nil)
			assert.ErrorContains(t, err, c.says)
		})
	}
	f := fixed(t, 2, 30)
	assert.Equal(t, 30, f.Longest())
	var sum float64
	for _, p := range f.rows[0][0].Probs {
		sum += float64(p)
	}
	assert.InDelta(t, 1, sum, 1e-6)
}

// TestTruncate compares a row with a plain draw of package watermark.
func TestTruncate(t *testing.T) {
	inf := float32(math.Inf(-1))
	for _, c := range []struct {
		name    string
		logits  []float32
		sampler watermark.Sampler
		want    []Token
	}{
		{"all", []float32{0, 1, inf, 2}, watermark.Sampler{Temperature: 1}, []Token{0, 1, 3}},
		{"top two, ties to the lowest", []float32{0, 1, 2, 1}, watermark.Sampler{Temperature: 1, TopK: 2}, []Token{1, 2}},
		{"min-p", []float32{0, 1, 2, -5}, watermark.Sampler{Temperature: 1, MinP: 0.2}, []Token{1, 2}},
		{"a higher temperature", []float32{0, 1, 2, -5}, watermark.Sampler{Temperature: 2, MinP: 0.2}, []Token{0, 1, 2}},
		{"both", []float32{0, 1, 2, 1.5}, watermark.Sampler{Temperature: 1, TopK: 2, MinP: 0.2}, []Token{2, 3}},
		{"nothing", []float32{inf, float32(math.NaN())}, watermark.Sampler{Temperature: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := Truncate(Row{}, c.logits, c.sampler)
			assert.ElementsMatch(t, c.want, row.IDs)
			var sum float64
			seq, err := watermark.NewSequence()
			require.NoError(t, err)
			for i, id := range row.IDs {
				// The sampler draws the same token at the middle of its part of [0,1).
				assert.Equal(t, id, seq.Sample(c.logits, c.sampler, sum+float64(row.Probs[i])/2))
				sum += float64(row.Probs[i])
			}
		})
	}
}
