package secret

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowHolds is Holds without a glance.
func slowHolds(text string) bool {
	known := anyRemembered()
	return known && holdsLeaf([]byte(text)) || views([]byte(text), func(view []byte) bool { return holdsView(view, known) })
}

// TestGlance: a look that is quick finds what the slow one finds, in every writing, place and cut, and in
// random text. It is worth having: it finds nothing in prose and in code.
func TestGlance(t *testing.T) {
	const used = "5eed5eed33445566778899aabbccddeeff0123456789abcdeffedcba98765432"
	Remember("isotope-secret-key-1:" + used)
	rng := rand.New(rand.NewPCG(80, 80))
	secrets := []string{key, used, "integer-key-1:15485863,42", "age-secret-key-1qqpqyqszq00000000000000000000", key[:30], "Isotope-Secret-Kex-1:" + digits}
	held := 0
	check := func(text string) {
		want := slowHolds(text)
		if want {
			held++
		}
		require.Equal(t, want, Holds(text), "%q", text)
	}
	for _, w := range writings {
		for _, s := range secrets {
			for range 5 {
				text := randomText(rng, rng.IntN(60)) + w.write(s) + randomText(rng, rng.IntN(60))
				check(text)
				check(writings[rng.IntN(len(writings))].write(text))
				from := rng.IntN(len(text))
				check(text[from:])
				check(text[:from] + string(rune(rng.IntN(300))) + text[from:])
			}
		}
	}
	// NULs anywhere, as UTF-16 and UTF-32 have them in other places.
	for i := range 90 {
		text := strings.Repeat("x", i%3)
		for _, r := range []string{key, secrets[2], secrets[3]}[i/3%3] {
			text += strings.Repeat("\x00", rng.IntN(3)) + string(r)
		}
		view := []byte(base64.StdEncoding.EncodeToString([]byte(text)))
		require.True(t, holdsView(view, false), "%q", text)
		require.True(t, glance{}.may(view), "%q", text)
	}
	assert.Greater(t, held, 500)
	for range 1500 {
		check(randomText(rng, rng.IntN(400)))
	}
	for name, text := range map[string]string{
		"prose":          strings.Repeat("A line of ordinary prose, with nothing in it that would be an escape. ", 20),
		"code":           "for i := range pages { integers = append(integers, i*2) } // the isotopes of an agent, aged 12\n",
		"code of base64": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("harmless text ", 20))),
	} {
		view, _ := squeeze([]byte(text))
		assert.False(t, glance{digits: true}.may(view), name)
	}
}

// randomText has words, codes and escapes of every kind.
func randomText(rng *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		switch rng.IntN(6) {
		case 0:
			fmt.Fprintf(&b, "%x", rng.Uint64())
		case 1:
			b.WriteString(base64.StdEncoding.EncodeToString(fmt.Append(nil, rng.Uint64(), "iso", rng.IntN(9))))
		case 2:
			b.WriteString([]string{`\u0069`, "%69", "&#105;", "=69", `\\`, "&amp;", "\n", "\x00", "\u200b"}[rng.IntN(9)])
		case 3:
			b.WriteRune(rune(rng.IntN(0x2100)))
		default:
			b.WriteString([]string{"isotope", "integer-", "age-", "secret", "key-1:", " the ", "00112233", ", "}[rng.IntN(8)])
		}
	}
	return b.String()
}
