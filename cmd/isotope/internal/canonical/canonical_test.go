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
		{"a number", `{"a":{"b":1e-6}}`, `{"a":{"b":0.01}}`, "a.b is 1e-6 there and 0.01 here"},
		{"digits that a float does not hold", `{"a":12345678901234567890}`, `{"a":12345678901234567891}`, "a is 12345678901234567890 there and 12345678901234567891 here"},
		{"missing", `{"a":1,"b":2}`, `{"b":2,"c":3}`, "a is 1 there and missing here; c is missing there and 3 here"},
		{"an object for a value", `{"a":{"b":1}}`, `{"a":1}`, "a is missing there and 1 here; a.b is 1 there and missing here"},
		{"an empty object", `{"a":{}}`, `{}`, "a is {} there and missing here"},
		{"the order of an array", `{"a":[1,2]}`, `{"a":[2,1]}`, "a is [1,2] there and [2,1] here"},
		{"a long value", `{"a":"` + strings.Repeat("é", 100) + `"}`, `{"a":0}`, `a is "` + strings.Repeat("é", 38) + "... there and 0 here"},
		{"nothing in common", `{}`, `{"z":1,"a":1}`, "a is missing there and 1 here; z is missing there and 1 here"},
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
