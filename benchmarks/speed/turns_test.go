package speed

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/watermark"
)

// turn is how long work and floor run at a time: long for the clock, short enough for
// both to meet the same machine.
const turn = 400 * time.Microsecond

// inTurns runs floor and work in turns, one of each an iteration, and reports the time of
// work over items as ns/op, its rate, and the ratio to the floor. With ours, which does what a
// baseline does, in turns as well, it also reports how many times as long work takes. Times are
// lower deciles: a median would let what else runs on the machine count more against a baseline
// of milliseconds than against a kernel of microseconds.
func inTurns(b *testing.B, items int, floor, work func(), ours ...func()) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 2 * rows { // until buffers have grown
		work()
	}
	allocs := testing.AllocsPerRun(rows, work)
	turns := append([]func(){floor, work}, ours...)
	run := func(n int, f func()) float64 {
		if n > 1 { // the row and the code are back in the caches
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

// vocabs are those of current models: 32768 Mistral, 50257 GPT-2, 128256 Llama 3, 151936
// Qwen, 200064 o200k, 262144 Gemma 3.
var vocabs = []int{32768, 50257, 128256, 151936, 200064, 262144}

// vocab is where one size must do.
const vocab = 128256

// backends runs f on every implementation of the kernels that this machine has.
func backends(b *testing.B, name string, f func(b *testing.B)) {
	for _, k := range kernel.Available() {
		b.Run(name+"/impl="+k.String(), func(b *testing.B) {
			defer kernel.Use(k)()
			f(b)
		})
	}
}

// tiny is a bias that changes no logit, so that a row stays what it is.
const tiny = 1e-30

// A rotation hands out rows of a vocabulary.
type rotation struct {
	memory []float32
	vocab  int
	at     int
}

// coldMemory is far larger than any last-level cache here.
var coldMemory []float32

// rowsOf returns one row again and again, which stays in the cache, or rows of a memory
// that does not.
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

func (r *rotation) next() []float32 {
	if r.at+r.vocab > len(r.memory) {
		r.at = 0
	}
	row := r.memory[r.at:][:r.vocab]
	r.at += r.vocab
	return row
}

// fill makes a row of logits: "flat", a normal distribution, where many tokens are
// candidates, or "peaked", where a few stand out, as in most steps of a model.
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

// rows is how many different rows a sampler sees: a branch predictor learns one by heart.
const rows = 8

func manyRows(vocab int, shape string) *rotation {
	rng := rand.New(rand.NewPCG(2, uint64(vocab)))
	memory := make([]float32, rows*vocab)
	fill(rng, memory, "flat")
	for i := range rows {
		fill(rng, memory[i*vocab:][:vocab], shape)
	}
	return &rotation{memory: memory, vocab: vocab}
}

func newMark(b testing.TB, scheme watermark.Scheme, vocab int) *watermark.Mark {
	b.Helper()
	key, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	require.NoError(b, err)
	m, err := watermark.New(key, scheme, vocab)
	require.NoError(b, err)
	return m
}
