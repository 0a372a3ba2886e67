package sequential

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// TestFutileTextIsFound draws texts of which a share is marked, and as many units as futileAt asks
// for. The e-process finds at least 9 of 10. By the rule before 2026-11-30 (the size of a fixed test)
// it found 0.3 % of the Gumbel texts with a share of 0.1, and none of the biases of 5 nats.
func TestFutileTextIsFound(t *testing.T) {
	greens := func(gamma, delta float64) watermark.Bernoulli {
		e := math.Exp(delta)
		return watermark.Bernoulli{P: gamma, Marked: gamma * e / (1 + gamma*(e-1))}
	}
	weighted := watermark.Layers{Depth: 30, Weighted: true, Marked: 0.75}
	for _, c := range []struct {
		name   string
		law    watermark.Law
		share  float64
		texts  int
		before int64 // units from which silence was not_detected, in the review of 2026-11-30
	}{
		{"green list 1/2, 5", greens(0.5, 5), 1, 200, 29},
		{"green list 1/4, 5", greens(0.25, 5), 1, 200, 15},
		{"green list 1/2, 4", greens(0.5, 4), 1, 200, 33},
		{"green list 1/2, 2", greens(0.5, 2), 0.1, 200, 0},
		{"green list 1/2, 2", greens(0.5, 2), 0.05, 50, 0},
		{"gumbel", watermark.Exponential{First: 1}, 0.4, 200, 1355},
		{"gumbel", watermark.Exponential{First: 1}, 0.2, 200, 5215},
		{"gumbel", watermark.Exponential{First: 1}, 0.1, 60, 20450},
		{"gumbel", watermark.Exponential{First: 1}, 0.05, 12, 0},
		{"dual 3/4", watermark.Exponential{First: 0.75, Second: 0.25}, 0.1, 60, 32534},
		{"dual, sum", watermark.Exponential{First: 1, Second: 1}, 0.1, 60, 40520},
		{"tournament", weighted, 0.1, 30, 18030},
		{"tournament, mean", watermark.Layers{Depth: 30, Marked: 0.75}, 0.1, 30, 0},
	} {
		t.Run(fmt.Sprintf("%s, share %v", c.name, c.share), func(t *testing.T) {
			if testing.Short() && c.share < 0.2 {
				t.Skip("needs long texts")
			}
			const level = -6
			full, _ := null.Of(c.law).Full()
			n := futileAt(c.law, newProcess(c.law), c.share*full, level)
			require.Less(t, n, int64(math.MaxInt64))
			rng := rand.New(rand.NewPCG(5, 2))
			found, early := 0, 0
			for range c.texts {
				p := newProcess(c.law)
				for at := range n {
					if at == c.before && p.Log10P() <= level {
						early++
					}
					if rng.Float64() < c.share {
						p.add(marked(rng, c.law))
					} else {
						p.add(lawtest.Draw(rng, c.law))
					}
				}
				if p.Log10P() <= level {
					found++
				}
			}
			t.Logf("silence counts from %d units (before: %d): found %d of %d by then, %d by the old number",
				n, c.before, found, c.texts, early)
			assert.Greater(t, tail.Binomial(int64(c.texts-found), int64(c.texts), 0.1), -4.0)
		})
	}
}

// marked draws the score of a marked token of the reference text.
func marked(rng *rand.Rand, law watermark.Law) int64 {
	if l, ok := law.(watermark.Bernoulli); ok {
		if rng.Float64() < l.Marked {
			return 1
		}
		return 0
	}
	return lawtest.DrawMarked(rng, law)
}

// TestReaches compares the smallest sum with the process itself.
func TestReaches(t *testing.T) {
	for _, c := range lawtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			const n = 400
			top := null.Of(c.Law).Top()
			p := newProcess(c.Law)
			sum, ok := p.reaches(n, 6, top)
			require.True(t, ok)
			for i := range int64(n) { // spread evenly
				p.add(sum*(i+1)/n - sum*i/n)
			}
			if _, linear := p.(*betProcess); linear {
				assert.GreaterOrEqual(t, p.Log10E(), 6.0)
				if b := null.Of(c.Law).Bets()[0]; b.Tilt > 0 {
					assert.Less(t, p.Log10E(), 6.2) // a score is a whole number
				} // else bets that are not linear add to it
				return
			}
			assert.GreaterOrEqual(t, p.Log10E(), 6.0)
			green := NewEProcessFor(c.Law.(watermark.Bernoulli))
			green.AddCounts(sum-1, n)
			assert.Less(t, green.Log10E(), 6.0)
			_, ok = p.reaches(3, 6, top)
			assert.False(t, ok)
		})
	}
}

// TestStatesOfTheSecondVersion: an encoding from before the small tilts is read, continues with the
// parts that it had, and is written as it was.
func TestStatesOfTheSecondVersion(t *testing.T) {
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
		tag    string
	}{
		{"green list", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, testTag},
		{"strong green list", watermark.GreenList{Gamma: 0.5, Delta: 5, Width: 2}, testTagMore},
		{"gumbel", watermark.GumbelMax{Width: 2}, testTagMore},
		{"tournament", watermark.Tournament{Width: 2, Depth: 30}, testTagMore},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := testmark.Mark(t, testmark.Key(5), c.scheme, 100)
			text := testmark.Uniform(rand.New(rand.NewPCG(1, 3)), 300, 100)
			old := New(m, nil)
			old.process = firstProcess(m.Law())
			old.Add(text[:200])
			data, err := old.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, testTag, string(data[:len(testTag)]))

			q := New(m, nil)
			require.NoError(t, q.UnmarshalBinary(data))
			again, err := q.MarshalBinary()
			require.NoError(t, err)
			assert.Equal(t, data, again)
			old.Add(text[200:])
			q.Add(text[200:])
			assert.Equal(t, old.Result(), q.Result())

			now := New(m, nil)
			now.Add(text)
			data, err = now.MarshalBinary()
			require.NoError(t, err)
			assert.Equal(t, c.tag, string(data[:len(testTag)]))
			require.NoError(t, q.UnmarshalBinary(data))
			assert.Equal(t, now.Result(), q.Result())
			q.Reset()
			assert.Equal(t, New(m, nil).process.parts(), q.process.parts())
			assert.Zero(t, q.Result().Scored)
		})
	}
}
