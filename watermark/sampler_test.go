package watermark

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowDraw follows Sampler's doc comment step by step, with a full sort.
func slowDraw(p Sampler, row []float32, u float64) Token {
	type item struct {
		id Token
		x  float64
		w  float64
	}
	var items []item
	for i, x := range row {
		if !math.IsNaN(float64(x)) && !math.IsInf(float64(x), -1) {
			items = append(items, item{id: Token(i), x: float64(x)})
		}
	}
	if len(items) == 0 {
		return -1
	}
	slices.SortStableFunc(items, func(a, b item) int {
		switch {
		case a.x > b.x:
			return -1
		case a.x < b.x:
			return 1
		}
		return 0
	})
	if !(p.Temperature > 0) {
		return items[0].id
	}
	if p.TopK > 0 && p.TopK < len(items) {
		items = items[:p.TopK]
	}
	byID := func() { slices.SortFunc(items, func(a, b item) int { return int(a.id - b.id) }) }
	top := items[0].x
	for i := range items {
		items[i].w = 1
		if math.IsInf(top, 1) && items[i].x != top {
			items[i].w = 0 // +Inf beats everything finite
		} else if items[i].x != top {
			items[i].w = math.Exp((items[i].x - top) / float64(p.Temperature))
		}
	}
	if p.TopP > 0 && p.TopP < 1 {
		ranked := slices.Clone(items)
		byID()
		var total float64
		for _, it := range items {
			total += it.w
		}
		var sum float64
		kept := 0
		for sum < float64(p.TopP)*total && kept < len(ranked) {
			sum += ranked[kept].w
			kept++
		}
		items = ranked[:kept]
	}
	if p.MinP > 0 && p.MinP <= 1 {
		items = slices.DeleteFunc(items, func(it item) bool { return it.w < float64(p.MinP) })
	}
	byID()
	var total, sum float64
	for _, it := range items {
		total += it.w
	}
	last := Token(-1)
	for _, it := range items {
		if it.w == 0 {
			continue
		}
		last = it.id
		if sum += it.w; sum > u*total {
			break
		}
	}
	return last
}

func TestDrawFollowsItsRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	var list []candidate
	for range 20_000 {
		row := make([]float32, rng.IntN(60))
		for i := range row {
			switch rng.IntN(20) {
			case 0:
				row[i] = nan
			case 1:
				row[i] = -inf
			case 2:
				if rng.IntN(10) == 0 {
					row[i] = inf
				}
			default:
				row[i] = float32(rng.IntN(9)) - 4 // many ties
			}
		}
		p := Sampler{
			Temperature: []float32{0, 0.1, 1, 5, inf, -1, nan}[rng.IntN(7)],
			TopK:        []int{0, -3, 1, 2, 5, 40, 1000}[rng.IntN(7)],
			TopP:        []float32{0, 0.01, 0.5, 0.9, 1, 2, nan}[rng.IntN(7)],
			MinP:        []float32{0, 0.05, 0.5, 1, 7, nan}[rng.IntN(6)],
		}
		u := []float64{0, rng.Float64(), 1 - 0x1p-53}[rng.IntN(3)]
		var got Token
		got, list = p.draw(list, row, u)
		require.Equal(t, slowDraw(p, row, u), got, "%+v u=%v row=%v", p, u, row)
		if got >= 0 {
			require.False(t, math.IsNaN(float64(row[got])) || row[got] == -inf, "drew %v", row[got])
		}
	}
}

func TestDrawNothing(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, row := range [][]float32{nil, {}, {nan}, {-inf, nan, -inf}} {
		for _, p := range []Sampler{{}, {Temperature: 1}, {Temperature: 1, TopK: 1}, {Temperature: 1, TopP: 0.5, MinP: 0.1}} {
			got, _ := p.draw(nil, row, 0.5)
			assert.Equal(t, Token(-1), got, "%v %+v", row, p)
		}
	}
}

func TestDrawOddRandomNumbers(t *testing.T) {
	for _, u := range []float64{-1, math.NaN(), 1, 2, math.Inf(1)} {
		got, _ := Sampler{Temperature: 1}.draw(nil, []float32{1, 1}, u)
		assert.Contains(t, []Token{0, 1}, got, "u=%v", u)
	}
}

func TestDrawFrequencies(t *testing.T) {
	row := []float32{0, 1, 2, float32(math.Inf(-1)), 0.5}
	const draws = 100_000
	counts := make([]float64, len(row))
	for d := range draws {
		got, _ := Sampler{Temperature: 0.7}.draw(nil, row, (float64(d)+0.5)/draws)
		counts[got]++
	}
	var total float64
	for _, x := range row {
		total += math.Exp(float64(x) / 0.7)
	}
	for i, x := range row {
		assert.InDelta(t, math.Exp(float64(x)/0.7)/total*draws, counts[i], 2, "token %d", i)
	}
}
