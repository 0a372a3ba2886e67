package canonical

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRounded(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		numbers        int
		ok             bool
	}{
		{"equal", `{"a":[1,2.5,{"b":null}],"c":"x","d":true}`, `{"d":true,"c":"x","a":[1,2.5,{"b":null}]}`, 0, true},
		{"a last digit in an array", `{"a":[{"p":-0.25843718729583287},1]}`, `{"a":[{"p":-0.25843718729583987},1]}`, 1, true},
		{"two numbers", `[1e-300,2.0000000000000004]`, `[2e-300,2]`, 2, true},
		{"large numbers", `-1234567890123.25`, `-1234567890123.5`, 1, true},
		{"a number that is far", `{"p":-0.258437}`, `{"p":-0.258438}`, 0, false},
		{"small numbers that are far", `0.000001`, `0.000002`, 0, false},
		{"whole numbers", `{"scored":1000000000000}`, `{"scored":1000000000001}`, 0, false},
		{"too large for a float", `1e999`, `2e999`, 0, false},
		{"a string of digits", `"-0.25843718729583287"`, `"-0.25843718729583987"`, 0, false},
		{"a number for a string", `1.5`, `"1.5"`, 0, false},
		{"an array for an object", `[]`, `{}`, 0, false},
		{"a missing name", `{"a":1}`, `{"b":1}`, 0, false},
		{"one name more", `{"a":1}`, `{"a":1,"b":1}`, 0, false},
		{"one element more", `[1]`, `[1,1]`, 0, false},
		{"another order", `[1.5,2.5]`, `[2.5,1.5]`, 0, false},
		{"null for a number", `null`, `0.0`, 0, false},
		{"null for an array", `[1.5]`, `null`, 0, false},
		{"another truth", `true`, `false`, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, swap := range []bool{false, true} {
				old, new := c.old, c.new
				if swap {
					old, new = new, old
				}
				r, ok, err := Rounded([]byte(old), []byte(new))
				require.NoError(t, err)
				assert.Equal(t, c.ok, ok)
				if ok {
					assert.Equal(t, c.numbers, r.Numbers)
					assert.LessOrEqual(t, r.Largest, Tolerance)
					assert.Equal(t, c.numbers > 0, r.Largest > 0)
				}
			}
		})
	}
	for _, bad := range []string{"", "{", "nul"} {
		_, _, err := Rounded([]byte(bad), []byte("{}"))
		assert.Error(t, err, bad)
		_, _, err = Rounded([]byte("{}"), []byte(bad))
		assert.Error(t, err, bad)
	}
}
