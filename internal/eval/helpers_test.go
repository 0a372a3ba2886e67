package eval

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/tokenize"
)

// rowsText returns a rows file: texts of n positions, with 12 candidates of the first 500 ids each.
func rowsText(t testing.TB, texts, n int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	var b strings.Builder
	b.WriteString(`{"isotope_reading":1,"kind":"mass","vocab":50257,"tokenizer":"none","model":"m"}` + "\n")
	for range texts {
		tokens, rows := make([]int, n+1), make([]any, n+1)
		for i := range tokens {
			ids := rng.Perm(500)[:12]
			slices.Sort(ids)
			tokens[i] = ids[rng.IntN(12)]
			if i == n {
				break // nothing was asked after the last
			}
			p := make([]float64, 12)
			for j := range p {
				p[j] = 1.0 / 16 * rng.Float64()
			}
			p[rng.IntN(12)] += 0.25
			rows[i] = map[string]any{"ids": ids, "p": p}
		}
		line, err := json.Marshal(map[string]any{"tokens": tokens, "rows": rows})
		require.NoError(t, err)
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// fixed returns a source of given rows.
func fixed(t testing.TB, texts, n int) *Fixed {
	t.Helper()
	f, err := ReadFixed("given", strings.NewReader(rowsText(t, texts, n)), testmark.Must(tokenize.Get("r50k_base")))
	require.NoError(t, err)
	return f
}

// small is a Design that runs in a second.
func small(t testing.TB) *Design {
	return &Design{
		Seed: 3, Sources: []Source{fixed(t, 3, 120)}, Texts: 6, Length: 120, Lengths: []int{50, 100}, Edited: []int{100}, NullKeys: 3,
		Schemes: []Scheme{GumbelMax(2), GreenList(0.5, 2, 1), Peers()[9], Variants("three keys", gumbel2, 3)},
		Attacks: append(IDAttacks(), TextAttacks()...), Means: Means{Second: testmark.Must(tokenize.Get("cl100k_base"))},
	}
}

// outcomes runs a Design.
func outcomes(t testing.TB, d *Design, workers int) map[Item]*Outcome {
	t.Helper()
	all := map[Item]*Outcome{}
	require.NoError(t, d.Run(t.Context(), workers, nil, func(item Item, o *Outcome) error {
		all[item] = o
		return nil
	}))
	return all
}

// encoded returns a result as JSON.
func encoded(t testing.TB, d *Design, all map[Item]*Outcome) string {
	t.Helper()
	r, err := d.Result(all)
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	return string(text)
}
