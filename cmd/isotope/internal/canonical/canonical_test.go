package canonical

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"signs of HTML", map[string]string{"b": "<&>", "a": "\u2028\x00\n"}, `{"a":"\u2028\u0000\n","b":"<&>"}`},
		{"fields in order", struct {
			B int     `json:"b"`
			A float64 `json:"a"`
		}{1, 1e-6}, `{"b":1,"a":0.000001}`},
		{"a line end inside", "a\n", `"a\n"`},
		{"nothing", nil, "null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 3 {
				got, err := Encode(c.v)
				require.NoError(t, err)
				assert.Equal(t, c.want, string(got))
			}
		})
	}
	_, err := Encode(math.NaN())
	assert.Error(t, err)
}

func TestDigest(t *testing.T) {
	assert.Equal(t, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Digest([]byte("abc")))
}

func TestCompare(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"equal", `{"a":1,"b":{"c":[1,2]}}`, ` {"b": {"c":[1, 2]}, "a": 1}`, ""},
		{"another escape", `{"a":"<b>\u0026"}`, `{"a":"\u003cb>&"}`, ""},
		{"a number", `{"a":{"b":1e-6}}`, `{"a":{"b":0.01}}`, "a.b was declared as 1e-6 and is now 0.01"},
		{"digits that a float does not hold", `{"a":12345678901234567890}`, `{"a":12345678901234567891}`, "a was declared as 12345678901234567890 and is now 12345678901234567891"},
		{"missing", `{"a":1,"b":2}`, `{"b":2,"c":3}`, "a was declared as 1 and is now missing; c was not declared and is now 3"},
		{"an object for a value", `{"a":{"b":1}}`, `{"a":1}`, "a was not declared and is now 1; a.b was declared as 1 and is now missing"},
		{"an empty object", `{"a":{}}`, `{}`, "a was declared as {} and is now missing"},
		{"the order of an array", `{"a":[1,2]}`, `{"a":[2,1]}`, "a was declared as [1,2] and is now [2,1]"},
		{"a long value", `{"a":"` + strings.Repeat("é", 100) + `"}`, `{"a":0}`, `a was declared as "` + strings.Repeat("é", 38) + "... and is now 0"},
		{"nothing in common", `{}`, `{"z":1,"a":1}`, "a was not declared and is now 1; z was not declared and is now 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes, err := Compare([]byte(c.old), []byte(c.new))
			require.NoError(t, err)
			var said []string
			for _, x := range changes {
				said = append(said, x.String())
			}
			assert.Equal(t, c.want, strings.Join(said, "; "))
		})
	}
	for _, bad := range []string{"", "[]", "{"} {
		_, err := Compare([]byte(bad), []byte("{}"))
		assert.Error(t, err, bad)
		_, err = Compare([]byte("{}"), []byte(bad))
		assert.Error(t, err, bad)
	}
}
