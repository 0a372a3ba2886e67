package strictjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

type inner struct {
	A int   `json:"a"`
	B []int `json:"b,omitempty"`
}

type embedded struct {
	E string `json:"e"`
}

type sample struct {
	Name  string              `json:"name"`
	X     float64             `json:"x"`
	In    inner               `json:"in"`
	Ptr   *inner              `json:"ptr"`
	List  []*inner            `json:"list"`
	Map   map[string]inner    `json:"map"`
	Heads map[string][]string `json:"heads"`
	Raw   json.RawMessage     `json:"raw"`
	Any   any                 `json:"any"`
	At    time.Time           `json:"at"`
	Bytes []byte              `json:"bytes"`
	Next  []sample            `json:"next"`
	Skip  int                 `json:"-"`
	Bare  bool
	embedded
	Embedded
}

type Embedded struct {
	F string `json:"f"`
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"empty object", `{}`},
		{"white space", " \t\r\n{ \"name\" : \"n\" ,\n\"x\":1e3 } \n"},
		{"nested", `{"in":{"a":1,"b":[1,2]},"ptr":{"a":2},"list":[{"a":3},null],"map":{"A":{"a":4},"a":{"a":5}}}`},
		{"null where it may stand", `{"ptr":null,"list":null,"map":null,"raw":null,"any":null,"bytes":null,"next":null}`},
		{"free forms", `{"raw":{"Any":{"b":[{}]}},"any":{"x":[1,{"y":null}]}}`},
		{"headers", `{"heads":{"Content-Type":["a","b"],"X":[]}}`},
		{"escaped name", `{"n\u0061me":"\u0022quoted\u0022"}`},
		{"brackets in strings", `{"name":"}]\"{[","raw":"\\"}`},
		{"a type that holds itself", `{"next":[{"next":[{"name":"n"}]},{}]}`},
		{"time and bytes", `{"at":"2026-01-02T03:04:05Z","bytes":"AAEC"}`},
		{"a field without a tag", `{"Bare":true}`},
		{"a field of an embedded struct", `{"f":"x"}`},
		{"hundred levels", `{"any":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, want sample
			require.NoError(t, Decode([]byte(c.text), &got))
			require.NoError(t, json.Unmarshal([]byte(c.text), &want))
			assert.Equal(t, want, got)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const secret = "isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	digits := strings.Repeat("0a", 32)
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "empty"},
		{"blanks", strings.Repeat(" ", 100), "empty"},
		{"no JSON", "{x", "not JSON at byte 2"},
		{"cut short", `{"name":"n`, "cut short"},
		{"text after the end", `{}{}`, "not JSON at byte 3"},
		{"an array", `[]`, "not a JSON object at byte"},
		{"a string", `"x"`, "not a JSON object at byte"},
		{"null", ` null`, "null at byte 2"},
		{"not UTF-8", "{\"name\":\"a\xff\"}", "not UTF-8 at byte 11"},
		{"unknown", `{"nam":1}`, `unknown field "nam" at byte 2`},
		{"another case", `{"Name":"n"}`, `unknown field "Name" at byte 2`},
		{"another case inside", `{"in":{"A":1}}`, `unknown field "A" at byte 8`},
		{"unknown in a list", `{"list":[{"a":1},{"c":1}]}`, `unknown field "c"`},
		{"unknown in a map", `{"map":{"any name":{"c":1}}}`, `unknown field "c"`},
		{"unknown in a type that holds itself", `{"next":[{"next":[{"c":1}]}]}`, `unknown field "c"`},
		{"a field that is not decoded", `{"Skip":1}`, `unknown field "Skip"`},
		{"twice", `{"name":"a","name":"a"}`, `field "name" occurs twice, again at byte 13`},
		{"twice, once escaped", `{"name":"a","n\u0061me":"b"}`, `field "name" occurs twice`},
		{"twice in a list", `{"list":[{"a":1,"a":2}]}`, `field "a" occurs twice`},
		{"twice in a map", `{"heads":{"A":[],"A":[]}}`, `field "A" occurs twice`},
		{"twice in a free form", `{"raw":{"x":[{"y":1,"y":1}]}}`, `field "y" occurs twice`},
		{"null for a number", `{"x":null}`, "null at byte 6"},
		{"null for an object", `{"in":null}`, "null at byte 7"},
		{"null in a list of numbers", `{"in":{"b":[1,null]}}`, "null at byte 15"},
		{"another kind", `{"in":{"a":"x"}}`, `field "in.a" is not a whole number in the range of its kind at byte`},
		{"out of range", `{"x":1e999}`, `field "x" is not a number in the range of its kind`},
		{"a time that is none", `{"at":"` + secret + `"}`, "does not have the form"},
		{"too deep", `{"any":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "deeper than 100 levels"},
		{"much too deep", strings.Repeat("[", 1<<20), "deeper than 100 levels"},
		{"too long", `{"name":"` + strings.Repeat("x", MaxSize) + `"}`, "longer than"},
		{"a secret as a name", `{"` + secret + `":1}`, "unknown field (a secret key)"},
		{"the digits of a secret as a name", `{"raw":{"` + digits + `":1,"` + digits + `":1}}`, "field (a secret key) occurs twice"},
		{"a long name", `{"` + strings.Repeat("n", 1000) + `":1}`, strings.Repeat("n", 80) + `"...`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s sample
			err := Decode([]byte(c.text), &s)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "0001020304")
			assert.NotContains(t, err.Error(), digits)
			assert.Less(t, len(err.Error()), 200)
		})
	}
}

func TestDepth(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{{"", 0}, {"1", 0}, {"[]", 1}, {`{"a":[1,{"b":2}]}`, 3}, {`["[[[", "\"[["]`, 1}, {"[][[]]", 2}, {`["`, 1}, {`]]]`, 0}, {`"\`, 0}} {
		t.Run(c.text, func(t *testing.T) { assert.Equal(t, c.want, Depth([]byte(c.text))) })
	}
}

// FuzzDecode holds Decode beside encoding/json: what it accepts has the same value there, and
// no two fields of one object have one name.
func FuzzDecode(tf *testing.F) {
	f := mutate.New(tf)
	for _, text := range []string{`{"name":"n","in":{"a":1}}`, `{"raw":{"x":[{"y":1}]},"any":[null]}`, `{"next":[{"list":[null]}]}`, ` {"map":{"\u0061":{"a":1}}} `, `{"x":nul}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want sample
		if Decode(text, &got) != nil {
			return
		}
		require.NoError(t, json.Unmarshal(text, &want))
		require.True(t, reflect.DeepEqual(want, got))
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(new(sample)))
		// Every name is read from the text exactly once: as many colons outside strings as
		// distinct names, object by object.
		var whole any
		require.NoError(t, json.Unmarshal(text, &whole))
		require.Equal(t, colons(text), names(whole))
	})
}

func colons(text []byte) (n int) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
		case ':':
			n++
		}
	}
	return n
}

func names(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for _, w := range v {
			n += 1 + names(w)
		}
	case []any:
		for _, w := range v {
			n += names(w)
		}
	}
	return n
}

func TestObject(t *testing.T) {
	fields, err := Object([]byte(` {"a":[1,{"x":null}],"b":"\u0061"} `), 3, "a", "c")
	require.NoError(t, err)
	assert.Len(t, fields, 2)
	assert.JSONEq(t, `[1,{"x":null}]`, string(fields["a"]))
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "not a JSON object"},
		{"a list", "[]", "not a JSON object"},
		{"null", "null", "not a JSON object"},
		{"cut short", `{"a":1`, "cut short"},
		{"text after", `{"a":1} x`, "text follows"},
		{"two objects", `{"a":1}{}`, "text follows"},
		{"a field twice", `{"a":1,"a":2}`, "occurs twice"},
		{"a field twice, escaped", `{"a":1,"\u0061":2}`, "occurs twice"},
		{"a field twice within", `{"a":{"y":1,"y":1}}`, "occurs twice"},
		{"another case", `{"A":1}`, `must be spelt "a"`},
		{"deep", `{"a":[[[]]]}`, "nested deeper than 3 levels"},
		{"deep, and no JSON", strings.Repeat("[", 1<<20), "nested deeper"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Object([]byte(c.text), 3, "a", "c")
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestHasNull(t *testing.T) {
	for text, want := range map[string]bool{
		`null`: true, `[1,[null]]`: true, `{"a":null}`: true, `"null"`: false, `["a\"null"]`: false, `[true,false,1e5]`: false, `{"n":"n"}`: false,
	} {
		assert.Equal(t, want, HasNull([]byte(text)), text)
	}
}
