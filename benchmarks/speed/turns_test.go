package speed

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// turn is the time of one turn of work or floor. It is long enough for the clock, and short enough for
// both to meet the same machine.
const turn = 400 * time.Microsecond

// inTurns runs floor and work in turns, one of each per iteration. It reports the time of work over
// items as ns/op, its rate, and its ratio to floor. If work is a baseline, ours is the same task in this
// library, and inTurns also reports the time of work over that of ours.
//
// Times are lower deciles. With medians, other programs on the machine would slow down a baseline of
// milliseconds more than a kernel of microseconds.
func inTurns(b *testing.B, items int, floor, work func(), ours ...func()) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 2 * rows { // buffers grow
		work()
	}
	allocs := testing.AllocsPerRun(rows, work)
	turns := append([]func(){floor, work}, ours...)
	run := func(n int, f func()) float64 {
		if n > 1 { // bring row and code back into the caches
			for range rows {
				f()
			}
		}
		start := now()
		for range n {
			f()
		}
		return float64((now() - start).Nanoseconds()) / float64(n)
	}
	calls := make([]int, len(turns))
	for i, f := range turns {
		run(1, f)
		calls[i] = 1 + int(float64(turn)/max(run(1, f), 1))
	}
	times, ratios := make([][]float64, len(turns)), []float64(nil)
	for b.Loop() {
		for i, f := range turns {
			times[i] = append(times[i], run(calls[i], f))
		}
		n := len(times[0]) - 1
		ratios = append(ratios, times[1][n]/times[0][n])
	}
	for _, t := range times {
		slices.Sort(t)
	}
	slices.Sort(ratios)
	n := len(ratios)
	quiet := times[1][n/10]
	b.ReportMetric(quiet/float64(items), "ns/op")
	b.ReportMetric(quiet/times[0][n/10], "x_floor")
	b.ReportMetric(100*(ratios[n*3/4]-ratios[n/4])/ratios[n/2], "x_iqr%")
	b.ReportMetric(allocs, "allocs")
	if items > 1 {
		b.ReportMetric(1e3*float64(items)/quiet, "M/s")
	}
	if len(ours) > 0 {
		b.ReportMetric(quiet/times[2][n/10], "x_ours")
	}
}

// vocabs lists vocabulary sizes of models: 32768 Mistral, 50257 GPT-2, 128256 Llama 3, 151936 Qwen,
// 200064 o200k, 262144 Gemma 3.
var vocabs = []int{32768, 50257, 128256, 151936, 200064, 262144}

// vocab is the size for benchmarks with a single size.
const vocab = 128256

// backends runs f on every backend of this machine, as benchmark name/impl=backend.
func backends(b *testing.B, name string, f func(b *testing.B)) {
	b.Run(name, func(b *testing.B) {
		testmark.EachBackend(b, func(b *testing.B, _ kernel.Backend) { f(b) })
	})
}

// tiny is a bias so small that it does not change a logit.
const tiny = 1e-30

// A rotation returns one row after the other.
type rotation struct {
	memory []float32
	vocab  int
	at     int
}

// coldMemory is far larger than the last-level cache.
var coldMemory []float32

// rowsOf returns rows for benchmarks. With mem "hot" they are one row, which stays in the cache. With
// "dram" they lie in coldMemory.
func rowsOf(vocab int, mem string) *rotation {
	if mem == "hot" {
		row := make([]float32, vocab)
		fill(rand.New(rand.NewPCG(1, 1)), row, "flat")
		return &rotation{memory: row, vocab: vocab}
	}
	if coldMemory == nil {
		coldMemory = make([]float32, 64<<20)
		for i := range coldMemory {
			coldMemory[i] = 1
		}
	}
	return &rotation{memory: coldMemory, vocab: vocab}
}

// next returns the next row.
func (r *rotation) next() []float32 {
	if r.at+r.vocab > len(r.memory) {
		r.at = 0
	}
	row := r.memory[r.at:][:r.vocab]
	r.at += r.vocab
	return row
}

// fill fills a row of logits. With shape "flat" they are normal, and many tokens are candidates. With
// "peaked" 30 tokens stand out, as in most steps of a model.
func fill(rng *rand.Rand, row []float32, shape string) {
	for i := range row {
		row[i] = float32(rng.NormFloat64() * 3)
	}
	if shape == "peaked" {
		for i := range 30 {
			row[rng.IntN(len(row))] = 20 - float32(i)*0.7 + float32(rng.NormFloat64())
		}
	}
}

// rows is the number of different rows. A branch predictor would learn a single row.
const rows = 8

// manyRows returns a rotation of rows of a shape.
func manyRows(vocab int, shape string) *rotation {
	rng := rand.New(rand.NewPCG(2, uint64(vocab)))
	memory := make([]float32, rows*vocab)
	fill(rng, memory, "flat")
	for i := range rows {
		fill(rng, memory[i*vocab:][:vocab], shape)
	}
	return &rotation{memory: memory, vocab: vocab}
}

// newMark returns a mark under a fixed key.
func newMark(b testing.TB, scheme watermark.Scheme, vocab int) *watermark.Mark {
	b.Helper()
	return testmark.Mark(b, testmark.SecretKey(), scheme, vocab)
}
