package detect_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/testmark"
)

func TestShared(t *testing.T) {
	for _, c := range []struct {
		name         string
		texts        [][]Token
		width, least int
		want         [][]Token
	}{
		{"none", [][]Token{{1, 2, 3}, {4, 5, 6}}, 1, 2, [][]Token{}},
		{"a run", [][]Token{{9, 1, 2, 3, 4}, {1, 2, 3, 8}}, 1, 2, [][]Token{{1, 2, 3}}},
		{"too short", [][]Token{{9, 1, 2, 4}, {1, 2, 8}}, 2, 2, [][]Token{}},
		{"two runs", [][]Token{{1, 2, 9, 5, 6}, {1, 2, 8, 5, 6}}, 1, 2, [][]Token{{1, 2}, {5, 6}}},
		{"a part of a longer one", [][]Token{{2, 3, 7}, {1, 2, 3, 4}, {1, 2, 3, 4}}, 1, 2, [][]Token{{1, 2, 3, 4}}},
		{"too few texts", [][]Token{{1, 2}, {1, 2}, {3, 4}}, 1, 3, [][]Token{}},
		{"twice in one text", [][]Token{{1, 2, 1, 2}, {3, 4}}, 1, 2, [][]Token{}},
		{"width 0", [][]Token{{1, 2}, {2, 3}}, 0, 2, [][]Token{{2}}},
		{"empty", nil, 1, 2, [][]Token{}},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, detect.Shared(c.texts, c.width, c.least)) })
	}
	assert.Panics(t, func() { detect.Shared(nil, -1, 2) })
	assert.Panics(t, func() { detect.Shared(nil, 1, 1) })
}

// TestTemplates repeats case 11 of the field cases: sixty clean documents with one template. Under the
// worst of many keys most of them have p <= 0.01, and without the template few.
func TestTemplates(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	template := testmark.Uniform(rng, 400, vocab)
	texts := make([][]Token, 60)
	for i := range texts {
		texts[i] = slices.Concat(template, testmark.Uniform(rng, 100, vocab))
	}
	shared := detect.Shared(texts, 2, 3)
	assert.Equal(t, [][]Token{template}, shared)
	worst := [2]int{}
	for key := range uint64(200) {
		m := testmark.Green(t, testmark.Key(6000+key), 2)
		var small [2]int
		for _, text := range texts {
			with, without := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, nil)
			for _, run := range shared {
				without.Exclude(run)
			}
			for i, a := range []*detect.Accumulator{with, without} {
				a.Add(text)
				if a.Tested().Log10P <= -2 {
					small[i]++
				}
			}
		}
		for i, n := range small {
			worst[i] = max(worst[i], n)
		}
	}
	t.Logf("documents with p <= 0.01 under the worst key: %d with the template, %d without", worst[0], worst[1])
	assert.Greater(t, worst[0], 20)
	assert.Less(t, worst[1], 8)
}
