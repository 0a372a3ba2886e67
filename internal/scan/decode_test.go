package scan

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// randomItem returns an item whose optional fields are there or not.
func randomItem(rng *rand.Rand) *itemBody {
	return randomItemOf(rng, []string{"", "text", "a\"b\\c", "ä\u2028<&>", "line\nend\x00\x7f", "choices[].message.content", "\U0001f600"})
}

// randomItemOf is randomItem with texts of some words.
func randomItemOf(rng *rand.Rand, words []string) *itemBody {
	word := func() string { return words[rng.IntN(len(words))] }
	list := func() []string {
		var l []string
		for range rng.IntN(3) {
			l = append(l, word())
		}
		return l
	}
	place := Place{File: word(), Members: list(), Row: rng.Int64N(9), Line: rng.Int64N(2) * rng.Int64(), URL: word(), RecordID: word()}
	if len(place.Members) == 0 {
		place.Members = nil
	}
	n, group := rng.Int64(), rng.IntN(9)
	if rng.IntN(2) == 0 {
		place.Offset = &n
	}
	if rng.IntN(2) == 0 {
		place.Stored = new(int64)
	}
	if rng.IntN(2) == 0 {
		place.RowGroup = &group
	}
	if rng.IntN(5) == 0 {
		return &itemBody{Skip: &skipped{Place: place, Reason: word(), Detail: word(), Rest: rng.IntN(2) == 0}}
	}
	f := &finding{
		Place: place, Digest: word(), Kinds: list(), Bytes: rng.Int64(), Tokens: rng.Int64N(5), Mark: rng.IntN(5), Scored: rng.Int64(), Green: rng.Int64N(1000),
		Sum: -rng.Int64(), P: -rng.ExpFloat64() * 1e3, Best: -rng.ExpFloat64() * 1e-9, Foreign: rng.Int64N(2),
	}
	if l := list(); len(l) > 0 {
		f.Fields = l
	}
	if l := list(); len(l) > 0 {
		f.Notes = l
	}
	if rng.IntN(3) == 0 {
		f.Spans = []Span{{Start: 1, End: 5, Field: word(), ByteStart: &group, Log10PAdjusted: f.P}}
	}
	if rng.IntN(3) == 0 {
		f.Unread = []unread{{word(), word()}}
	}
	return &itemBody{Doc: f}
}

// TestItemsAreThoseOfJSON compares what is written and read with encoding/json.
func TestItemsAreThoseOfJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(81, 82))
	var d decoder
	for range 200 {
		want := itemsBody{itemsHead: itemsHead{File: rng.IntN(5), From: rng.Int64(), Digest: "x"}, Items: []itemBody{}}
		if rng.IntN(2) == 0 {
			want.Source = &sourceBody{Format: `,"items":[`, Notes: []string{`x,"items":[`}, Passed: map[string]int64{"a": 1}}
		}
		for range rng.IntN(20) {
			want.Items = append(want.Items, *randomItem(rng))
		}
		want.Count = int64(len(want.Items))
		body, err := encodeItems(&want.itemsHead, func(dst []byte) []byte {
			for i := range want.Items {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendItem(dst, &want.Items[i])
			}
			return dst
		})
		require.NoError(t, err)
		var plain itemsBody
		require.NoError(t, json.Unmarshal(body, &plain))
		require.Equal(t, want, plain, "%s", body)
		got, err := d.items(body, false)
		require.NoError(t, err)
		require.Equal(t, &want, got, "%s", body)
		head, err := itemsHeadOf(body)
		require.NoError(t, err)
		require.Equal(t, &want.itemsHead, head)
		brief, err := d.items(body, true)
		require.NoError(t, err)
		for i, x := range brief.Items {
			if x.Doc == nil {
				require.NotNil(t, want.Items[i].Skip)
				continue
			}
			require.Equal(t, &finding{Digest: want.Items[i].Doc.Digest, Mark: want.Items[i].Doc.Mark, Best: want.Items[i].Doc.Best}, x.Doc)
		}
	}
}

// usualBody returns a record of items like most of those of a journal.
func usualBody(t require.TestingT, rng *rand.Rand, n int) []byte {
	head := itemsHead{File: rng.IntN(5), From: rng.Int64N(1e6), Count: int64(n), Digest: "0c0d"}
	if rng.IntN(2) == 0 {
		head.Source = &sourceBody{Format: "jsonl", By: "content", Bytes: 7, Notes: []string{"a \"note\""}, Passed: map[string]int64{"a": 1}}
	}
	body, err := encodeItems(&head, func(dst []byte) []byte {
		for i := range n {
			x := randomItemOf(rng, []string{"", "text", "choices[].message.content", "https://host.example/path?q=1", "<&>\x7f"})
			for x.Doc == nil {
				x = randomItemOf(rng, []string{"text"})
			}
			f := x.Doc
			f.File, f.Spans, f.Unread, f.Foreign = "", nil, nil, 0
			f.Bytes, f.Scored, f.Sum, f.Line = f.Bytes%1e9, f.Scored%1e9, f.Sum%1e15, f.Line%1e6
			if f.Offset != nil {
				*f.Offset %= 1e12
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendItem(dst, x)
		}
		return dst
	})
	require.NoError(t, err)
	return body
}

// sameItems compares the two ways to read a record. It reports whether the body has the usual form.
func sameItems(t require.TestingT, body []byte, last [2][]string) bool {
	usual := false
	for _, brief := range []bool{false, true} {
		fast, slow := decoder{kinds: last[0], fields: last[1]}, decoder{kinds: last[0], fields: last[1]}
		got, ok := fast.own(body, brief)
		if !ok {
			continue
		}
		usual = true
		want, err := slow.parsed(body, brief)
		require.NoError(t, err, "%s", body)
		require.Equal(t, want, got, "%s", body)
		if !brief {
			require.Equal(t, slow.kinds, fast.kinds)
			require.Equal(t, slow.fields, fast.fields)
		}
	}
	return usual
}

// TestItemsOfTheUsualForm compares the two ways to read a record.
func TestItemsOfTheUsualForm(t *testing.T) {
	rng := rand.New(rand.NewPCG(83, 84))
	for range 300 {
		require.True(t, sameItems(t, usualBody(t, rng, rng.IntN(8)), [2][]string{nil, {"text"}}))
	}
	const head = `{"file":0,"from":0,"count":1,"digest":"","source":null,"items":[`
	for _, c := range []struct {
		name, body string
		usual      bool
	}{
		{"the smallest", head + `{"doc":{}}]}`, true},
		{"no item", head + `]}`, true},
		{"more items than said", head + `{"doc":{}},{"doc":{}}]}`, false},
		{"names in another order", head + `{"doc":{"a":-1,"m":0}}]}`, false},
		{"a name twice", head + `{"doc":{"m":0,"m":0}}]}`, false},
		{"an unknown name", head + `{"doc":{"z":0}}]}`, false},
		{"a space", head + `{"doc": {}}]}`, false},
		{"a zero before a number", head + `{"doc":{"m":01}}]}`, false},
		{"minus zero", head + `{"doc":{"m":-0}}]}`, false},
		{"a number of 19 digits", head + `{"doc":{"b":1234567890123456789}}]}`, false},
		{"a float with a zero before it", head + `{"doc":{"a":-01}}]}`, false},
		{"a float that ends with a point", head + `{"doc":{"a":1.}}]}`, false},
		{"a float without a whole part", head + `{"doc":{"a":.5}}]}`, false},
		{"a float out of range", head + `{"doc":{"a":1e999}}]}`, false},
		{"a float with an exponent", head + `{"doc":{"p":-1.5e-07,"a":-0}}]}`, true},
		{"an escape", head + `{"doc":{"d":"\u0041"}}]}`, false},
		{"another alphabet", head + `{"doc":{"url":"ä"}}]}`, false},
		{"a comma too many", head + `{"doc":{"m":0,}}]}`, false},
		{"a comma too many in a list", head + `{"doc":{"k":["a",]}}]}`, false},
		{"a list that does not end", head + `{"doc":{"k":["a"`, false},
		{"a skip", head + `{"skip":{"row":1}}]}`, false},
		{"no source", `{"file":0,"from":0,"count":1,"digest":"","source":,"items":[]}`, false},
		{"a source with a name twice", `{"file":0,"from":0,"count":1,"digest":"","source":{"by":"a","by":"a"},"items":[]}`, false},
		{"more than one value", head + `]} `, false},
		{"nothing", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.usual, sameItems(t, []byte(c.body), [2][]string{}))
		})
	}
}

// FuzzItems: whatever is read in the fast way is read in the same way by the parser.
func FuzzItems(tf *testing.F) {
	f := mutate.New(tf)
	rng := rand.New(rand.NewPCG(85, 86))
	for n := range 4 {
		f.Add(usualBody(tf, rng, n))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		testmark.InTime(t, body, func(body []byte) { sameItems(t, body, [2][]string{{"text"}, nil}) })
	})
}

// TestDamagedItems: a value of another kind is an error, in whatever field.
func TestDamagedItems(t *testing.T) {
	const head = `{"file":0,"from":0,"count":1,"digest":"","source":null,"items":[`
	var d decoder
	_, err := d.items([]byte(head+`{"doc":{"d":"x","k":[],"p":-1}}]}`), false)
	require.NoError(t, err)
	for _, c := range []struct{ name, body string }{
		{"a text for a number", head + `{"doc":{"b":"1"}}]}`},
		{"a fraction for a whole number", head + `{"doc":{"b":1.5}}]}`},
		{"a number for a text", head + `{"doc":{"d":1}}]}`},
		{"a text for a list", head + `{"doc":{"k":"x"}}]}`},
		{"a list of numbers", head + `{"doc":{"k":[1]}}]}`},
		{"not a number", head + `{"doc":{"a":NaN}}]}`},
		{"a number out of range", head + `{"doc":{"p":1e999}}]}`},
		{"spans that are none", head + `{"doc":{"x":7}}]}`},
		{"a skip that is none", head + `{"skip":7}]}`},
		{"items that are no list", `{"items":{}}`},
		{"cut", head + `{"doc":{"b":1}}`},
		{"more than one value", head + `]} {}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.items([]byte(c.body), false)
			assert.Error(t, err)
		})
	}
}
