package provenance

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSizes measures a log of many keys. The numbers are in docs/provenance.md.
func TestSizes(t *testing.T) {
	n := 1 << 11
	if !testing.Short() && testing.Verbose() {
		n = 1 << 17
	}
	s, v := testSigner(t, "example.com/log", 1)
	l, err := CreateLog(t.TempDir(), v)
	require.NoError(t, err)
	begin := time.Now()
	list := make([]Entry, n)
	root := testKey(1)
	for i := range list {
		list[i], err = NewCommitment(root.Derive(fmt.Sprint(i)), "2026-11", testScheme, noon)
		require.NoError(t, err)
	}
	derived := time.Since(begin)
	begin = time.Now()
	_, err = l.Append(s, list...)
	require.NoError(t, err)
	appended := time.Since(begin)
	begin = time.Now()
	again, err := OpenLog(l.dir, v)
	require.NoError(t, err)
	opened := time.Since(begin)
	p, err := again.Prove(int64(n / 3))
	require.NoError(t, err)
	assert.Less(t, len(p.Text()), 1100, "a proof is about 1 KB")
	begin = time.Now()
	_, err = p.Check(again.Line(int64(n/3)), v)
	require.NoError(t, err)
	checked := time.Since(begin)
	begin = time.Now()
	_, err = again.Append(s, digestEntry(1))
	require.NoError(t, err)
	t.Logf("%d keys: derived and committed in %v, appended in %v, opened and checked in %v; proof %d bytes, checked in %v; one entry more in %v; checkpoint %d bytes",
		n, derived, appended, opened, len(p.Text()), checked, time.Since(begin), len(l.Checkpoint()))
}

// TestConcentration separates an even crawl, which has a little of many accounts, from text of few
// accounts. The numbers are in docs/threat-model.md.
func TestConcentration(t *testing.T) {
	const accounts, rate, runs = 1000, 1e-3, 4000
	// The largest of n standard normal numbers is above x with probability 1 - F(x)^n. The mean of
	// all accounts is subtracted, which makes each number slightly smaller than that.
	low, high := 0.0, 10.0
	for range 100 {
		x := (low + high) / 2
		if -math.Expm1(accounts*math.Log1p(-math.Erfc(x/math.Sqrt2)/2)) > rate {
			low = x
		} else {
			high = x
		}
	}
	threshold := high
	zipf := make([]float64, accounts)
	sum := 0.0
	for i := range zipf {
		zipf[i] = 1 / float64(i+1)
		sum += zipf[i]
	}
	for _, c := range []struct {
		name      string
		mean      func(i int) float64
		low, high float64
	}{
		{"no marked text", func(int) float64 { return 0 }, 0, 0.003},
		{"an even crawl", func(int) float64 { return 1 }, 0, 0.003},
		{"an uneven crawl", func(i int) float64 { return zipf[i] / sum * accounts }, 0.99, 1},
		{"one account, and an even crawl", func(i int) float64 {
			if i == 0 {
				return 9
			}
			return 1
		}, 0.98, 1},
		{"ten accounts, and an even crawl", func(i int) float64 {
			if i < 10 {
				return 7
			}
			return 1
		}, 0.95, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(c.name))))
			above := 0
			for range runs {
				largest, total := math.Inf(-1), 0.0
				for i := range accounts {
					z := c.mean(i) + rng.NormFloat64()
					total += z
					largest = max(largest, z)
				}
				if largest-total/accounts > threshold {
					above++
				}
			}
			share := float64(above) / runs
			t.Logf("threshold %.4f: %.4f", threshold, share)
			assert.GreaterOrEqual(t, share, c.low)
			assert.LessOrEqual(t, share, c.high)
		})
	}
}
