package watermark_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

func TestGreenMassIsTheShareOfTheSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, vocab := range []int{1, 63, 64, 65, 1000} {
		for _, gamma := range []float64{0.5, 0.25, 0.375, 3. / 256} {
			m, err := watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: gamma, Delta: 2, Width: 2}, vocab)
			require.NoError(t, err)
			for _, temperature := range []float32{0.3, 1, 2.5} {
				logits := make([]float32, vocab+3) // a padded head
				for i := range logits {
					logits[i] = float32(rng.NormFloat64() * 3)
				}
				logits[vocab/2] = float32(math.NaN())
				logits[vocab/3] = float32(math.Inf(-1))
				logits[0] = 1
				context := []watermark.Token{rng.Int32N(9), 5}
				mask := make([]uint64, (vocab+63)/64)
				m.Mask(mask, context)
				var green, all float64
				for i, x := range logits[:vocab] {
					if w := math.Exp(float64(x) / float64(temperature)); !math.IsNaN(w) {
						all += w
						if mask[i/64]>>(i%64)&1 == 1 {
							green += w
						}
					}
				}
				before := append([]float32(nil), logits...)
				mass, ok := m.GreenMass(logits, context, temperature)
				assert.True(t, ok)
				assert.InDelta(t, green/all, mass, 1e-12)
				for i := range logits {
					assert.True(t, logits[i] == before[i] || logits[i] != logits[i], "logits are only read")
				}
			}
		}
	}
}

// TestGreenMassPredictsTheBias checks that the mass after Process is e^(delta/T) P / (1 +
// (e^(delta/T)-1) P).
func TestGreenMassPredictsTheBias(t *testing.T) {
	const delta, temperature = 1.5, 0.7
	m, err := watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: 0.25, Delta: delta, Width: 1}, 500)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(43, 44))
	logits := make([]float32, 500)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64())
	}
	context := []watermark.Token{3}
	mass, ok := m.GreenMass(logits, context, temperature)
	require.True(t, ok)
	m.Process(logits, context)
	after, ok := m.GreenMass(logits, context, temperature)
	require.True(t, ok)
	a := math.Exp(delta / temperature)
	assert.InDelta(t, a*mass/(1+(a-1)*mass), after, 1e-6)
}

func TestGreenMassOfStrangeRows(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	selector := testKey(t).Derive("selector")
	m, err := watermark.New(testKey(t), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 4,
		watermark.Band{Selector: selector, Lo: 0, Hi: 1})
	require.NoError(t, err)
	_, ok := m.GreenMass([]float32{1, 2, 3, 4}, []watermark.Token{1}, 1)
	assert.False(t, ok, "outside the band")

	m, err = watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 4)
	require.NoError(t, err)
	for _, temperature := range []float32{0, -1, nan, inf} {
		_, ok = m.GreenMass([]float32{1, 2}, nil, temperature)
		assert.False(t, ok, temperature)
	}
	for _, row := range [][]float32{nil, {nan}, {-inf, nan}} {
		_, ok = m.GreenMass(row, nil, 1)
		assert.False(t, ok, row)
	}
	mask := make([]uint64, 1)
	m.Mask(mask, nil)
	bit := func(i int) float64 { return float64(mask[0] >> i & 1) }
	mass, ok := m.GreenMass([]float32{inf, 0, inf, nan}, nil, 1)
	assert.True(t, ok)
	assert.InDelta(t, (bit(0)+bit(2))/2, mass, 1e-15)
}

func TestGreenMassDoesNotAllocate(t *testing.T) {
	if raceEnabled() {
		t.Skip("sync.Pool drops things under the race detector")
	}
	m, err := watermark.New(watermark.NewKey(), watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, 5000)
	require.NoError(t, err)
	h, err := watermark.NewGreenMassHistogram(0.25, 1)
	require.NoError(t, err)
	logits, context := make([]float32, 5000), []watermark.Token{1, 2}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		mass, _ := m.GreenMass(logits, context, 1)
		h.Add(mass)
	}))
}

// testHistogram returns a histogram with steps in the outer bins and in two others.
func testHistogram(t *testing.T) *watermark.GreenMassHistogram {
	h, err := watermark.NewGreenMassHistogram(0.25, 0.8)
	require.NoError(t, err)
	for _, mass := range []float64{0, -1, 1e-300, 1, 2, 1 - 1e-16, 0.5, 0.5, 0.3, math.NaN(), math.Inf(1), math.Inf(-1)} {
		h.Add(mass)
	}
	return h
}

func TestGreenMassHistogram(t *testing.T) {
	h := testHistogram(t)
	assert.Equal(t, 0.25, h.Gamma())
	assert.Equal(t, 0.8, h.Temperature())
	assert.EqualValues(t, 11, h.Steps())
	var masses []float64
	var counts []int64
	for mass, n := range h.Bins() {
		masses, counts = append(masses, mass), append(counts, n)
	}
	assert.Equal(t, []int64{4, 1, 2, 4}, counts)
	assert.InDeltaSlice(t, []float64{0, 0.3, 0.5, 1}, masses, 0.032)
	for range h.Bins() {
		break
	}
}

// TestGreenMassHistogramBins checks that the middle of a bin differs from a mass in it by half the
// width of a bin at most.
func TestGreenMassHistogramBins(t *testing.T) {
	for _, mass := range []float64{0.001, 0.02, 0.3, 0.77, 0.99} {
		one, err := watermark.NewGreenMassHistogram(0.5, 1)
		require.NoError(t, err)
		one.Add(mass)
		for middle := range one.Bins() {
			assert.LessOrEqual(t, math.Abs(math.Log(mass/(1-mass))-math.Log(middle/(1-middle))), 0.125+1e-12, "%v", mass)
		}
	}
}

func TestGreenMassHistogramMerge(t *testing.T) {
	h := testHistogram(t)
	other, err := watermark.NewGreenMassHistogram(0.25, 0.8)
	require.NoError(t, err)
	other.Add(0.5)
	require.NoError(t, h.Merge(other))
	assert.EqualValues(t, 12, h.Steps())
	for _, c := range []struct {
		name               string
		gamma, temperature float64
	}{{"another temperature", 0.25, 1}, {"another gamma", 0.5, 0.8}} {
		t.Run(c.name, func(t *testing.T) {
			differs, err := watermark.NewGreenMassHistogram(c.gamma, c.temperature)
			require.NoError(t, err)
			assert.ErrorContains(t, h.Merge(differs), "differ")
			assert.EqualValues(t, 12, h.Steps())
		})
	}
}

func TestGreenMassHistogramJSON(t *testing.T) {
	h := testHistogram(t)
	text, err := json.Marshal(h)
	require.NoError(t, err)
	var back watermark.GreenMassHistogram
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, *h, back)
	with := func(field string, value any) string {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		fields[field] = value
		changed, err := json.Marshal(fields)
		require.NoError(t, err)
		return string(changed)
	}
	for _, c := range []struct{ name, text, want string }{
		{"another version", `{"version":2}`, "version 2 is not supported"},
		{"another number of bins", `{"version":1,"gamma":0.25,"temperature":1,"logit_from":-8,"logit_to":8,"counts":[1]}`, "1 bins"},
		{"other bins", with("logit_to", 9), "from -8 to 9"},
		{"an unknown field", `{"version":1,"colour":3}`, "colour"},
		{"an array", `[]`, "not a JSON object"},
		{"a negative count", with("counts", append([]int64{-1}, make([]int64, 63)...)), "count -1 of bin 0"},
		{"gamma 1", with("gamma", 1), "gamma"},
		{"temperature 0", with("temperature", 0), "temperature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, json.Unmarshal([]byte(c.text), &back), c.want)
			assert.Equal(t, *h, back, "unchanged")
		})
	}
}

func TestNewGreenMassHistogramRefuses(t *testing.T) {
	for _, c := range []struct {
		name               string
		gamma, temperature float64
		param              string
	}{
		{"gamma 0", 0, 1, "gamma"}, {"gamma 1", 1, 1, "gamma"}, {"gamma NaN", math.NaN(), 1, "gamma"},
		{"temperature 0", 0.5, 0, "temperature"}, {"negative temperature", 0.5, -1, "temperature"},
		{"infinite temperature", 0.5, math.Inf(1), "temperature"}, {"temperature NaN", 0.5, math.NaN(), "temperature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := watermark.NewGreenMassHistogram(c.gamma, c.temperature)
			var param *watermark.ParamError
			require.ErrorAs(t, err, &param)
			assert.Equal(t, c.param, param.Param)
		})
	}
}
