package scan

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// randomItem returns an item whose optional fields are there or not.
func randomItem(rng *rand.Rand) *itemBody {
	words := []string{"", "text", "a\"b\\c", "ä\u2028<&>", "line\nend\x00\x7f", "choices[].message.content", "\U0001f600"}
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
