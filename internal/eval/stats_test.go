package eval

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestShare has intervals of Clopper and Pearson from tables and closed forms.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		name      string
		k, n      int
		low, high float64
	}{
		{"none of ten", 0, 10, 0, 1 - math.Pow(0.025, 0.1)},
		{"all of ten", 10, 10, math.Pow(0.025, 0.1), 1},
		{"five of ten", 5, 10, 0.187086, 0.812914},
		{"1 of 100", 1, 100, 0.000253, 0.054459},
		{"nothing", 0, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Share(c.k, c.n)
			assert.InDelta(t, c.low, s.Low, 1e-5)
			assert.InDelta(t, c.high, s.High, 1e-5)
		})
	}
	for n := 1; n < 40; n += 3 {
		for k := range n {
			assert.Less(t, Share(k, n).Low, Share(k+1, n).Low+1e-15)
			assert.LessOrEqual(t, Share(k, n).Low, Share(k, n).Value)
			assert.GreaterOrEqual(t, Share(k, n).High, Share(k, n).Value)
		}
	}
}

func TestNeededTokens(t *testing.T) {
	grid := []int{10, 20, 30, 40, 50}
	for _, c := range []struct {
		name     string
		detected []int
		of       int
		want     Needed
	}{
		{"a clean step", []int{0, 0, 100, 100, 100}, 100, Needed{30, 0, 0}},
		{"a slope", []int{0, 30, 50, 70, 100}, 100, Needed{30, 30, 40}},
		{"it falls again", []int{0, 60, 40, 60, 60}, 100, Needed{40, 0, 0}},
		{"never", []int{0, 0, 0, 0, 0}, 100, Needed{}},
		{"few texts", []int{0, 1, 1, 2, 3}, 3, Needed{40, 10, 0}},
		{"still open at the end", []int{0, 0, 0, 20, 45}, 100, Needed{0, 50, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := neededTokens(grid, c.detected, c.of, 0.5)
			assert.Equal(t, c.want.Tokens, got.Tokens)
			if c.want.Low > 0 {
				assert.Equal(t, c.want, got)
			}
		})
	}
}

func TestFisher(t *testing.T) {
	for _, c := range []struct {
		name           string
		k1, n1, k2, n2 int
		want           float64
	}{
		{"tea", 3, 4, 1, 4, 34.0 / 70},
		{"all and none", 5, 5, 0, 5, 2.0 / 252},
		{"equal", 3, 10, 3, 10, 1},
		{"nothing", 0, 7, 0, 9, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.InDelta(t, math.Log10(c.want), fisher(c.k1, c.n1, c.k2, c.n2), 1e-9)
		})
	}
}

func TestMeanAndPermutation(t *testing.T) {
	m := mean([]float64{1, 2, 3, 4})
	assert.Equal(t, 2.5, m.Value)
	e := 1.959964 * math.Sqrt(5.0/3/4)
	assert.InDelta(t, 2.5-e, m.Low, 1e-4)
	assert.True(t, math.IsNaN(mean(nil).Value))
	same := []float64{1, 5, 2, 8, 3}
	assert.Zero(t, permute(same, same))
	var low, high []float64
	for i := range 20 {
		low, high = append(low, float64(i)), append(high, float64(i)+100)
	}
	assert.InDelta(t, -4, permute(low, high), 1e-9, "the smallest that 9,999 permutations give")
	assert.True(t, math.IsNaN(permute([]float64{math.NaN()}, same)))
}

func TestROC(t *testing.T) {
	assert.Equal(t, [][2]float64{{-3, 0.25}, {-1, 0.75}, {0, 1}}, ROC([]float64{-1, 0, -3, -1}))
}

// TestCompare: a run is like itself, and another seed gives numbers with p-values.
func TestCompare(t *testing.T) {
	d := small(t)
	d.Attacks = d.Attacks[:1]
	a, err := d.Result(outcomes(t, d, 2))
	require.NoError(t, err)
	read := func(r *Result) *Result {
		var file bytes.Buffer
		require.NoError(t, json.NewEncoder(&file).Encode(map[string]any{"kind": "eval", "result": r}))
		again, err := ReadResult(&file)
		require.NoError(t, err)
		return again
	}
	list, only := Compare(read(a), read(a))
	assert.Zero(t, only)
	assert.NotEmpty(t, list)
	for _, x := range list {
		assert.True(t, math.IsNaN(float64(x.Log10P)) || x.Log10P == 0, "%+v", x)
		assert.Equal(t, x.A.Value, x.B.Value)
	}
	weak := small(t)
	weak.Attacks, weak.Schemes[1] = nil, Native(weak.Schemes[1].Name(), GreenList(0.5, 0.1, 1).(native).scheme)
	b, err := weak.Result(outcomes(t, weak, 2))
	require.NoError(t, err)
	list, only = Compare(read(a), read(b))
	assert.Positive(t, only, "the attack is in one of them")
	least := 0.0
	for _, x := range list {
		if x.Scheme == weak.Schemes[1].Name() && x.Measure == "kl" {
			least = float64(x.Log10P)
		}
	}
	assert.Less(t, least, -1.3, "a smaller delta costs less")
	for _, bad := range []string{"", "{}", `{"kind":"eval"}`, `{"kind":"eval","result":{"version":2}}`, `{"kind":"eval","result":{"version":1,"alphas":[0.1],"clean":[{}]}}`} {
		_, err := ReadResult(bytes.NewBufferString(bad))
		assert.Error(t, err, bad)
	}
}

func TestCSV(t *testing.T) {
	d := small(t)
	r, err := d.Result(outcomes(t, d, 2))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, r.WriteCSV(&out))
	assert.NotContains(t, out.String(), "NaN")
	assert.Contains(t, out.String(), "given,gumbelmax width=2,substitute,share of tokens replaced by tokens of human text,0.1 of 100 tokens,1e-06,6,")
}
