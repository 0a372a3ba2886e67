package prf

import (
	"math"
	"testing"
)

// BenchmarkNegLog reports the time of the exact logarithm and of math.Log.
func BenchmarkNegLog(b *testing.B) {
	const step = 0x9e3779b97f4a7c15
	var n, sum uint64
	b.Run("impl=exact", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n += step
			sum += NegLog(n, 32)
		}
	})
	var x float64
	b.Run("impl=math", func(b *testing.B) {
		for b.Loop() {
			n += step
			x += math.Log(float64(n))
		}
	})
	if sum == 0 && x == 0 {
		b.Fatal("both sums are 0")
	}
}
