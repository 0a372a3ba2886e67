package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMessageOfADraw: a keyed draw with variants carries a number, which detect reads with every key
// adjusted for. Without the mark no number is read.
func TestMessageOfADraw(t *testing.T) {
	dir := newDir(t)
	key := dir.file("my.key", secretOf("5a")+"\n")
	other := dir.file("other.key", secretOf("5b")+"\n")
	for _, scheme := range []string{"gumbelmax", "tournament"} {
		t.Run(scheme, func(t *testing.T) {
			profile := dir.file(scheme+".json", mustRun(t, "profile", "new", "-q", "--scheme", scheme, "--variants", "8"))
			write := []string{"generate", "-q", "--key", key, "--profile", profile, "--length", "400", "--seed", "3"}
			read := func(key, text string) (r struct {
				Tests   int64        `json:"tests"`
				Variant *variantJSON `json:"variant"`
			}) {
				require.NoError(t, json.Unmarshal([]byte(mustRun(t, "detect", "-q", "--json", "--key", key, "--profile", profile, text)), &r))
				require.NotNil(t, r.Variant)
				assert.Equal(t, int64(8), r.Tests)
				assert.Equal(t, 8, r.Variant.Of)
				return r
			}
			for _, n := range []int{0, 5, 7} {
				text := dir.file("text", mustRun(t, append(write, "--message", fmt.Sprint(n))...))
				r := read(key, text)
				assert.Equal(t, n, r.Variant.Number)
				assert.True(t, r.Variant.Clear)
				assert.Greater(t, *r.Variant.Log10PNext, -4.0)
				assert.False(t, read(other, text).Variant.Clear)
				assert.Contains(t, mustRun(t, "detect", "-q", "--key", key, "--profile", profile, text), fmt.Sprintf("variant   %d of 0 to 7", n))
			}
			status, _, says := isotope(append(write, "--message", "8")...)
			assert.Equal(t, exitUsage, status)
			assert.Contains(t, says, "--message 8 is not below the 8 variants")
		})
	}
}
