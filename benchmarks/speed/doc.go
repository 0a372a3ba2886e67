// Package speed holds the benchmarks of marking, sampling and scoring. It also has baselines, written
// from their published descriptions. In the directory above,
//
//	go run ./cmd/performance
//
// runs the benchmarks, keeps their output in results/speed and draws docs/performance.md.
//
// Absolute times on shared machines are noise. So each benchmark runs its work and a floor in turns, in
// one process. It reports the ratio of their lower deciles (x_floor), and the interquartile range of the
// ratio of single turns in percent (x_iqr%). The floor is an AVX2 loop that adds a constant to a row of
// the same size. Nothing that changes every logit can be cheaper.
package speed
