// Package speed holds the benchmarks of marking, sampling and scoring, and baselines
// written from their published descriptions. docs/performance.md is drawn from them:
//
//	go run ./cmd/performance
//
// in the directory above runs them, writes results/speed.txt and draws the page.
//
// Absolute times on shared machines are noise. So each benchmark runs its work and a
// floor in turns, in one process, and reports the ratio of their lower deciles as x_floor,
// beside the interquartile range of the ratio of a turn in percent (x_iqr%). The floor is an
// AVX2 loop that adds a constant to a row of the same size: what it costs at least to touch
// every logit and write it back.
package speed
