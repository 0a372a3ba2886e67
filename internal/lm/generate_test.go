package lm

import (
	"context"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
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
		one, err := m.Generate(context.Background(), Job{Prompts: docs[:i+1], Tokens: 30, Sampler: job.Sampler})
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
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("5a", 32))
	require.NoError(t, err)
	mark, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 4, Width: 2}, 50)
	require.NoError(t, err)
	for _, marks := range [][]*watermark.Mark{{mark}, nil} {
		texts, err := m.Generate(context.Background(), Job{Prompts: docs[:10], Tokens: 100, Marks: marks, Sampler: watermark.Sampler{Temperature: 1}})
		require.NoError(t, err)
		acc := detect.New(mark, &detect.Options{Alpha: 1e-9})
		for _, text := range texts {
			acc.Add(text)
		}
		assert.Equal(t, marks != nil, acc.Result().Verdict == detect.Detected)
	}
}

func TestGenerateStops(t *testing.T) {
	m := mustTrain(t, [][]int32{{1, 2, 3}}, 5, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := m.Generate(ctx, Job{Prompts: [][]int32{{1}}, Tokens: 10})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = m.Generate(context.Background(), Job{Prompts: [][]int32{{1}}, Tokens: 10, Marks: []*watermark.Mark{nil}})
	assert.ErrorContains(t, err, "nil")
	texts, err := m.Generate(context.Background(), Job{})
	require.NoError(t, err)
	assert.Empty(t, texts)
}

func TestGenerateReportsProgress(t *testing.T) {
	m := mustTrain(t, [][]int32{{1, 2, 3}}, 5, Options{})
	var last, calls int64
	_, err := m.Generate(context.Background(), Job{Prompts: make([][]int32, 7), Tokens: 10, Progress: func(stage string, done, total int64) {
		assert.Equal(t, StageWrite, stage)
		assert.GreaterOrEqual(t, done, last)
		assert.Equal(t, int64(70), total)
		last = done
		calls++
	}})
	require.NoError(t, err)
	assert.Equal(t, int64(70), last)
	assert.Greater(t, calls, int64(2))
}
