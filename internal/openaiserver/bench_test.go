package openaiserver

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// BenchmarkMarking measures what marks add to the loop of the server: the time of a text with
// marks over that of an unmarked text of the same length, pair by pair, and the median of these
// ratios. The embedded model takes little time, so the ratio is an upper bound for a server with
// a large model.
func BenchmarkMarking(b *testing.B) {
	s := start(b, nil)
	marks, err := s.config.Marker.Marks(s.config.Tenants.Find(acmeKey))
	require.NoError(b, err)
	const tokens = 100
	j := job{maxTokens: tokens, sampler: watermark.Sampler{Temperature: 1, TopP: 1, TopK: 50, MinP: 0.03}}
	write := func(marks []*watermark.Mark) time.Duration {
		j.marks = marks
		begin := time.Now()
		_, _, err := s.write(context.Background(), j, func(string, []logged) error { return nil })
		require.NoError(b, err)
		return time.Since(begin)
	}
	write(marks)
	write(nil)
	var ratios, plain []float64
	for b.Loop() {
		j.seed[0]++
		with, without := write(marks), write(nil)
		ratios = append(ratios, float64(with)/float64(without))
		plain = append(plain, float64(without.Microseconds())/tokens)
	}
	slices.Sort(ratios)
	slices.Sort(plain)
	b.ReportMetric(ratios[len(ratios)/2], "x-median")
	b.ReportMetric(ratios[len(ratios)/10], "x-p10")
	b.ReportMetric(ratios[len(ratios)*9/10], "x-p90")
	b.ReportMetric(plain[len(plain)/2], "us/token-unmarked")
}
