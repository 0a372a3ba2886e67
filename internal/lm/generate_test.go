package lm

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func TestGenerateDoesNotDependOnCores(t *testing.T) {
	docs := randomDocs(rand.New(rand.NewPCG(5, 5)), 50, 50, 40)
	m := mustTrain(t, docs, 50, Options{})
	job := Job{Prompts: docs[:20], Tokens: 30, Sampler: watermark.Sampler{Temperature: 1}}
	want, err := m.Generate(context.Background(), job)
	require.NoError(t, err)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	again, err := m.Generate(context.Background(), job)
	require.NoError(t, err)
	assert.Equal(t, want, again)

	distinct := map[string]bool{}
	for i, text := range want {
		require.Len(t, text, 30)
		distinct[string(appendIDs(nil, text))] = true
		alone := Job{Prompts: docs[:i+1], Tokens: 30, Sampler: job.Sampler}
		one, err := m.Generate(context.Background(), alone)
		require.NoError(t, err)
		require.Equal(t, text, one[i], "a text depends on no other")
	}
	assert.Greater(t, len(distinct), 15)
	job.Seed[0] = 1
	other, err := m.Generate(context.Background(), job)
	require.NoError(t, err)
	assert.NotEqual(t, want, other)
}

func appendIDs(dst []byte, ids []int32) []byte {
	for _, id := range ids {
		dst = append(dst, byte(id), byte(id>>8))
	}
	return dst
}

func TestGenerateMarks(t *testing.T) {
	docs := randomDocs(rand.New(rand.NewPCG(6, 6)), 50, 50, 40)
	m := mustTrain(t, docs, 50, Options{})
	const width = 2
	scheme := watermark.GreenList{Gamma: 0.5, Delta: 4, Width: width}
	mark := testmark.Mark(t, testmark.RepeatKey(0x5a), scheme, 50)
	for _, c := range []struct {
		name  string
		marks []*watermark.Mark
	}{{"marked", []*watermark.Mark{mark}}, {"unmarked", nil}} {
		t.Run(c.name, func(t *testing.T) {
			texts, err := m.Generate(context.Background(), Job{
				Prompts: docs[:10], Tokens: 100, Marks: c.marks, Sampler: watermark.Sampler{Temperature: 1},
			})
			require.NoError(t, err)
			pairs, green := map[[width + 1]int32]bool{}, 0
			for _, text := range texts {
				for i := width; i < len(text); i++ {
					pair := [width + 1]int32(text[i-width : i+1])
					if !pairs[pair] && testmark.IsGreen(mark, pair[:width], pair[width]) {
						green++
					}
					pairs[pair] = true
				}
			}
			n := float64(len(pairs))
			require.Greater(t, n, 300.0)
			z := (float64(green) - n/2) / math.Sqrt(n/4)
			if c.marks != nil {
				assert.Greater(t, z, 7.0)
			} else {
				assert.Less(t, math.Abs(z), 3.0)
			}
		})
	}
}

func TestGenerateStops(t *testing.T) {
	m := mustTrain(t, [][]int32{{1, 2, 3}}, 5, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := m.Generate(ctx, Job{Prompts: [][]int32{{1}}, Tokens: 10})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = m.Generate(context.Background(), Job{
		Prompts: [][]int32{{1}}, Tokens: 10, Marks: []*watermark.Mark{nil},
	})
	assert.ErrorContains(t, err, "nil")
	texts, err := m.Generate(context.Background(), Job{})
	require.NoError(t, err)
	assert.Empty(t, texts)
}

func TestGenerateReportsProgress(t *testing.T) {
	m := mustTrain(t, [][]int32{{1, 2, 3}}, 5, Options{})
	var last, calls int64
	progress := func(stage string, done, total int64) {
		assert.Equal(t, StageWrite, stage)
		assert.GreaterOrEqual(t, done, last)
		assert.Equal(t, int64(70), total)
		last = done
		calls++
	}
	job := Job{Prompts: make([][]int32, 7), Tokens: 10, Progress: progress}
	_, err := m.Generate(context.Background(), job)
	require.NoError(t, err)
	assert.Equal(t, int64(70), last)
	assert.Greater(t, calls, int64(2))
}

// TestGenerateSaltsTexts: each text is a request of its own. With two keys, texts after the same prompt
// begin in two ways. With one key they begin in one way.
func TestGenerateSaltsTexts(t *testing.T) {
	docs := randomDocs(rand.New(rand.NewPCG(7, 7)), 50, 50, 40)
	m := mustTrain(t, docs, 50, Options{})
	prompts := make([][]int32, 40)
	for i := range prompts {
		prompts[i] = []int32{3, 4, 5, 6}
	}
	for _, c := range []struct {
		name  string
		dual  float64
		first int // tokens that texts begin with
	}{{"one key", 0, 1}, {"two keys", 0.5, 2}} {
		t.Run(c.name, func(t *testing.T) {
			mark := testmark.Mark(t, testmark.Key(1), watermark.GumbelMax{Width: 4, Dual: c.dual}, 50)
			texts, err := m.Generate(context.Background(), Job{
				Prompts: prompts, Tokens: 1, Marks: []*watermark.Mark{mark},
				Sampler: watermark.Sampler{Temperature: 1},
			})
			require.NoError(t, err)
			first := map[int32]bool{}
			for _, text := range texts {
				first[text[0]] = true
			}
			assert.Len(t, first, c.first)
		})
	}
}
