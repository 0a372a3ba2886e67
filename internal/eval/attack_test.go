package eval

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/tokenize"
)

// victim returns a marked text and what an attacker has.
func victim(t *testing.T) (*Env, Text) {
	t.Helper()
	d := small(t)
	src := d.Sources[0]
	m, err := d.bind(src, GumbelMax(2), "text", 0)
	require.NoError(t, err)
	w, err := d.write(t.Context(), src, m, 0, 120, d.generator("x"))
	require.NoError(t, err)
	e := &Env{Source: src, Rows: w.rows, Means: d.Means}
	e.Other = func(n int) (Text, error) { return foreign(src.Human(1)[:n]), nil }
	e.Again = func(before []Token, row Row, number uint32, u float64) Token { return row.IDs[int(number)%2] }
	return e, w.text
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// TestAttacks: every attack is deterministic, leaves its input alone, and returns as many rows as ids.
func TestAttacks(t *testing.T) {
	for _, a := range append(IDAttacks(), TextAttacks()...) {
		t.Run(a.Name, func(t *testing.T) {
			e, text := victim(t)
			before := Text{slices.Clone(text.IDs), slices.Clone(text.At)}
			if a.Name == "paraphrase" {
				_, err := a.Apply(e, text, 1, seeded())
				require.ErrorIs(t, err, ErrNotHere)
				words, err := e.Source.Tokenizer().Decode(nil, text.IDs)
				require.NoError(t, err)
				e.Paraphrase = map[string]string{readable(string(words)): "quite another text"}
			}
			require.NotEmpty(t, a.Rates)
			require.NotEmpty(t, a.Unit)
			for _, rate := range a.Rates {
				x, err := a.Apply(e, text, rate, seeded())
				require.NoError(t, err)
				y, err := a.Apply(e, text, rate, seeded())
				require.NoError(t, err)
				assert.Equal(t, x, y, "one seed, one text")
				assert.Equal(t, before, text, "the text stays as it was")
				assert.Len(t, x.At, len(x.IDs))
				assert.NotEmpty(t, x.IDs)
				if a.Rows {
					assert.NotContains(t, x.At, int32(-1), "every token has a row")
				}
			}
		})
	}
}

// TestEdits says what the edits do to the number of tokens, and to which.
func TestEdits(t *testing.T) {
	all := map[string]Attack{}
	for _, a := range append(IDAttacks(), TextAttacks()...) {
		all[a.Name] = a
	}
	e, text := victim(t)
	apply := func(name string, rate float64) Text {
		t.Helper()
		x, err := all[name].Apply(e, text, rate, seeded())
		require.NoError(t, err)
		return x
	}
	kept := func(x Text) (n int) {
		for i, id := range x.IDs {
			if x.At[i] >= 0 && text.IDs[x.At[i]] == id {
				n++
			}
		}
		return n
	}
	assert.Equal(t, text, apply("substitute", 0))
	assert.InDelta(t, 60, kept(apply("substitute", 0.5)), 20)
	assert.Empty(t, apply("delete", 1).IDs)
	assert.InDelta(t, 60, len(apply("delete", 0.5).IDs), 20)
	assert.Len(t, apply("insert", 1).IDs, 240)
	assert.Equal(t, 120, kept(apply("insert", 0.5)), "nothing is lost")
	swapped := apply("swap", 1)
	assert.Equal(t, text.IDs[:2], []Token{swapped.IDs[1], swapped.IDs[0]})
	cut := apply("truncate", 0.75)
	assert.Len(t, cut.IDs, 30)
	assert.Equal(t, text.IDs[cut.At[0]:cut.At[0]+30], cut.IDs, "one piece")
	pasted := apply("paste 4", 0.75)
	assert.Len(t, pasted.IDs, 480)
	assert.Equal(t, 120, kept(pasted))
	pieces := 0
	for i := range pasted.At {
		if pasted.At[i] >= 0 && (i == 0 || pasted.At[i-1] < 0) {
			pieces++
		}
	}
	assert.Equal(t, 4, pieces, "pieces do not touch for this seed")
	assert.Len(t, apply("mix", 0.5).IDs, 120)
	assert.Equal(t, 0, kept(apply("mix", 1)))
	for i, id := range apply("redraw", 1).IDs {
		assert.Positive(t, e.Rows[i].Prob(id), "drawn from the row")
	}
	for i, id := range apply("average", 3).IDs {
		even := e.Rows[i].IDs[:2]
		assert.Contains(t, even, id, "the token that two of three answers have")
	}
	then := all["delete"].Then(all["substitute"], 1)
	x, err := then.Apply(e, text, 0.5, seeded())
	require.NoError(t, err)
	assert.Less(t, len(x.IDs), 100)
	assert.Less(t, kept(x), 20)
	assert.Equal(t, "delete, then substitute 1", then.Name)
}

// TestTextEdits has what the edits of characters do.
func TestTextEdits(t *testing.T) {
	tok := testmark.Must(tokenize.Get("r50k_base"))
	all := map[string]Attack{}
	for _, a := range TextAttacks() {
		all[a.Name] = a
	}
	for _, c := range []struct {
		name, attack, text, want string
		rate                     float64
	}{
		{"case", "case", "The encoder writes", "the Encoder Writes", 1},
		{"no case", "case", "The encoder writes", "The encoder writes", 0},
		{"lower", "lower", "The Encoder of ÉCOLE", "the encoder of école", 1},
		{"normalize", "normalize", "“a”  b\n\nﬁn — … c", `"a" b fin - ... c`, 1},
		{"markdown", "markdown", "A *b* `c`\n\n# d\n\n1. e & <f>", "A b c\nd\n\ne &", 1},
		{"no synonym", "synonyms", "Zebra methodology", "Zebra methodology", 1},
		{"a synonym", "synonyms", "People", "Persons", 1},
		{"read again", "read again", "a  b\t🙂", "a  b\t🙂", 1},
		{"retokenize", "retokenize", "a  b\t🙂", "a  b\t🙂", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &Env{Source: &Fixed{tok: tok}, Means: Means{Second: testmark.Must(tokenize.Get("cl100k_base"))}}
			x, err := all[c.attack].Apply(e, foreign(tok.Append(nil, []byte(c.text))), c.rate, seeded())
			require.NoError(t, err)
			got, err := tok.Decode(nil, x.IDs)
			require.NoError(t, err)
			assert.Equal(t, c.want, strings.TrimSpace(string(got)))
		})
	}
	ids := append(tok.Append(nil, []byte("a")), 50256) // the end of a text, which has no characters
	x, err := all["read again"].Apply(&Env{Source: &Fixed{tok: tok}}, foreign(ids), 1, seeded())
	require.NoError(t, err)
	assert.Equal(t, ids[:1], x.IDs)
	_, err = all["case"].Apply(&Env{Source: &Fixed{}}, Text{}, 1, seeded())
	assert.ErrorIs(t, err, ErrNotHere)
	_, err = all["retokenize"].Apply(&Env{Source: &Fixed{tok: tok}}, foreign([]Token{1}), 1, seeded())
	assert.ErrorIs(t, err, ErrNotHere)
}

func TestLists(t *testing.T) {
	list, err := ReadSynonyms(strings.NewReader(synonymList))
	require.NoError(t, err)
	assert.Greater(t, len(list), 200)
	for w, others := range list {
		assert.NotContains(t, others, w)
	}
	_, err = ReadSynonyms(strings.NewReader("a b\nc\n"))
	assert.ErrorContains(t, err, "line 2 has one word")
	var again string
	text, err := json.Marshal("a\xff\xfeb")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, again, readable("a\xff\xfeb"), "as it comes back from JSON")
	pairs, err := ReadParaphrases(strings.NewReader(`{"text":"a","paraphrase":"b","number":3}` + "\n\n"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b"}, pairs)
	_, err = ReadParaphrases(strings.NewReader(`{"text":"a"}`))
	assert.ErrorContains(t, err, "write both")
	_, err = ReadParaphrases(strings.NewReader(`{`))
	assert.ErrorContains(t, err, "line 1")
}
