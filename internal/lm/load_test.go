package lm

import (
	"context"
	"fmt"
	"go/build"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// fable writes a corpus of a few files and returns its directory.
func fable(t testing.TB) string {
	files := map[string]string{}
	for i, animal := range []string{"fox", "wolf", "bear", "hen", "owl"} {
		var b strings.Builder
		for j, verb := range strings.Fields("sees eats likes knows meets helps fears hears finds") {
			fmt.Fprintf(&b, "The %s %s the %s in the forest, %s.\n\n", animal, verb, "grape",
				strings.Repeat("and then comes back again, ", 10+j)+"and it is good")
		}
		files[fmt.Sprintf("%d.txt", i)] = strings.Repeat(b.String(), 5)
	}
	return tree(t, files)
}

func TestLoad(t *testing.T) {
	ctx := context.Background()
	cache := filepath.Join(t.TempDir(), "cache")
	var stages []string
	last := map[string][2]int64{}
	progress := func(stage string, done, total int64) {
		assert.LessOrEqual(t, last[stage][0], done)
		assert.LessOrEqual(t, done, total)
		last[stage] = [2]int64{done, total}
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
	}
	c := Config{Tokenizer: toy{}, Dir: fable(t), CacheDir: cache, Progress: progress}
	b, err := Load(ctx, c)
	require.NoError(t, err)
	assert.False(t, b.FromCache)
	assert.Empty(t, b.Warnings)
	assert.Equal(t, []string{StageRead, StageTokenize, StageTrain}, stages)
	for stage, x := range last {
		assert.Equal(t, x[1], x[0], stage)
	}
	assert.EqualValues(t, 5, b.Files)
	assert.Equal(t, "text files", b.Corpus)
	assert.EqualValues(t, 259, b.Model.Vocab())
	assert.Len(t, b.HeldOut, int(b.Documents)/heldOutEvery)
	held := 0
	for _, d := range b.HeldOut {
		held += len(d)
	}
	assert.Equal(t, b.Tokens, b.Model.Tokens()+int64(held))

	row := make([]float32, 259)
	b.Model.Logits(row, nil)
	assert.True(t, math.IsInf(float64(row[257]), -1), "a special token")
	assert.True(t, math.IsInf(float64(row[258]), -1), "an id that no text gives")
	assert.False(t, math.IsInf(float64(row[0]), -1), "an unseen id that a text can give")
	assert.Equal(t, row[:257], func() []float32 {
		again := make([]float32, 259)
		b.Model.Logits(again, []int32{'a', 'b', 'c', 'd', '.', 256})
		return again[:257]
	}(), "a blank line ends a paragraph")
	likeliest := slices.Index(row, slices.Max(row))
	assert.Equal(t, int('T'), likeliest, "the first letter of all paragraphs")

	stages, last = nil, map[string][2]int64{}
	again, err := Load(ctx, c)
	require.NoError(t, err)
	assert.True(t, again.FromCache)
	assert.Equal(t, []string{StageCheck}, stages)
	assert.Equal(t, b.Model.Digest(), again.Model.Digest())
	assert.Equal(t, b.HeldOut, again.HeldOut)
	assert.Equal(t, b.Documents, again.Documents)

	corpus := tree(t, map[string]string{"a.txt": "Something else entirely is here."})
	for _, c := range []struct {
		name   string
		config Config
	}{
		{"another tokenizer", Config{Tokenizer: toy{"2"}, Dir: c.Dir, CacheDir: cache}},
		{"another order", Config{Tokenizer: toy{}, Dir: c.Dir, CacheDir: cache, Order: 3}},
		{"another corpus", Config{Tokenizer: toy{}, Dir: corpus, CacheDir: cache}},
		{"no cache", Config{Tokenizer: toy{}, Dir: c.Dir, CacheDir: cache, NoCache: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Load(ctx, c.config)
			require.NoError(t, err)
			assert.False(t, b.FromCache)
		})
	}
}

func TestLoadSurvivesADamagedCache(t *testing.T) {
	ctx := context.Background()
	c := Config{Tokenizer: toy{}, Dir: fable(t), CacheDir: t.TempDir()}
	first, err := Load(ctx, c)
	require.NoError(t, err)
	names, err := filepath.Glob(filepath.Join(c.CacheDir, "*"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	data, err := os.ReadFile(names[0])
	require.NoError(t, err)

	flipped := slices.Clone(data)
	flipped[len(data)/2] ^= 1
	for _, bad := range []struct {
		name string
		data []byte
	}{
		{"a flipped bit", flipped},
		{"a byte less", data[:len(data)-1]},
		{"ten bytes", data[:10]},
		{"empty", nil},
	} {
		t.Run(bad.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(names[0], bad.data, 0o600))
			b, err := Load(ctx, c)
			require.NoError(t, err)
			assert.False(t, b.FromCache)
			assert.Equal(t, first.Model.Digest(), b.Model.Digest())
			require.Len(t, b.Warnings, 1)
			assert.ErrorIs(t, b.Warnings[0], errCache)
			assert.ErrorContains(t, b.Warnings[0], "trained the model again: ")

			b, err = Load(ctx, c)
			require.NoError(t, err)
			assert.True(t, b.FromCache, "the damaged file was replaced")
			assert.Empty(t, b.Warnings)
		})
	}
}

func TestLoadWithoutAUsableCacheDirectory(t *testing.T) {
	ctx := context.Background()
	dir := fable(t)
	file := filepath.Join(tree(t, map[string]string{"file": ""}), "file")
	b, err := Load(ctx, Config{Tokenizer: toy{}, Dir: dir, CacheDir: filepath.Join(file, "sub")})
	require.NoError(t, err)
	require.Len(t, b.Warnings, 1)
	assert.ErrorContains(t, b.Warnings[0], "the model is not cached: ")

	// The user's cache directory, if the system knows it and if not.
	home := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	b, err = Load(ctx, Config{Tokenizer: toy{}, Dir: dir})
	require.NoError(t, err)
	assert.Empty(t, b.Warnings)
	user, err := os.UserCacheDir()
	require.NoError(t, err)
	assert.True(t, anyCached(filepath.Join(user, "isotope")))

	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, "")
	}
	b, err = Load(ctx, Config{Tokenizer: toy{}, Dir: dir})
	require.NoError(t, err)
	assert.Len(t, b.Warnings, 1)
}

func TestLoadErrors(t *testing.T) {
	ctx := context.Background()
	_, err := Load(ctx, Config{})
	assert.ErrorContains(t, err, "needs a tokenizer")
	_, err = Load(ctx, Config{Tokenizer: toy{}, Dir: t.TempDir(), NoCache: true})
	assert.ErrorIs(t, err, ErrEmpty)
	_, err = Load(ctx, Config{Tokenizer: toy{}, Dir: fable(t), NoCache: true, Order: 99})
	assert.ErrorContains(t, err, "order 99")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = Load(cancelled, Config{Tokenizer: toy{}, Dir: fable(t), NoCache: true})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestFindGo(t *testing.T) {
	dir := tree(t, map[string]string{"src/builtin/builtin.go": "package builtin\n"})
	was := build.Default.GOROOT
	defer func() { build.Default.GOROOT = was }()
	build.Default.GOROOT = ""

	t.Setenv("PATH", t.TempDir()) // no go command
	t.Setenv("GOROOT", dir)
	root, err := FindGo(context.Background())
	require.NoError(t, err)
	assert.Equal(t, dir, root)

	t.Setenv("GOROOT", t.TempDir())
	_, err = FindGo(context.Background())
	require.ErrorIs(t, err, ErrNoGo)
	assert.ErrorContains(t, err, "--corpus DIR")
	_, err = Load(context.Background(), Config{Tokenizer: toy{}, NoCache: true})
	assert.ErrorIs(t, err, ErrNoGo)

	build.Default.GOROOT = dir
	root, err = FindGo(context.Background())
	require.NoError(t, err)
	assert.Equal(t, dir, root)
}

func TestPrompts(t *testing.T) {
	m := mustTrain(t, [][]int32{{1}}, 10, Options{Break: func(id int32) bool { return id == 0 }})
	b := &Bundle{Model: m, HeldOut: [][]int32{
		{1, 2, 3, 0, 5, 6, 7, 0, 1, 2, 8, 0}, {1, 2, 4, 5}, {7, 8}, {}, {9, 8, 7, 0, 4, 0, 3, 2, 1},
	}}
	assert.Equal(t, [][]int32{{1, 2}, {9, 8}, {5, 6}, {3, 2}}, b.Prompts(2),
		"of longer paragraphs, all different")
	assert.Equal(t, [][]int32{{1}, {7}, {9}, {5}, {4}, {3}}, b.Prompts(1))
	assert.Empty(t, b.Prompts(4))
	assert.Empty(t, b.Prompts(0))
	p := b.Prompts(2)[0]
	_ = append(p, 99)
	assert.EqualValues(t, 3, b.HeldOut[0][2], "appending to a prompt does not change the document")
}

// TestGoDistribution trains the model of the demo: real comments and a real tokenizer.
func TestGoDistribution(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on a whole Go distribution")
	}
	ctx := context.Background()
	if _, err := FindGo(ctx); err != nil {
		t.Skip(err)
	}
	tok, err := tokenize.Get("cl100k_base")
	require.NoError(t, err)
	b, err := Load(ctx, Config{Tokenizer: tok, NoCache: true})
	require.NoError(t, err)
	assert.Empty(t, b.Warnings)
	assert.Greater(t, b.Tokens, int64(500_000))
	prompts := b.Prompts(12)
	assert.Greater(t, len(prompts), 500)

	// A uniform model needs ln 100,000 = 11.5 nats per token, and one of single tokens about 7.
	var nats float64
	var n int
	for _, d := range b.HeldOut {
		for i, id := range d {
			nats -= b.Model.LogProb(d[:i], id)
			n++
		}
	}
	assert.Less(t, nats/float64(n), 5.2)

	row := make([]float32, b.Model.Vocab())
	for _, p := range append(prompts[:20:20], nil) {
		b.Model.Logits(row, p)
		sum := 0.0
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		assert.InDelta(t, 1, sum, 1e-5)
	}
	// The model never generates an id without a text.
	var text []byte
	for id, x := range row {
		if _, err := tok.Decode(text[:0], []int32{int32(id)}); err != nil {
			assert.True(t, math.IsInf(float64(x), -1), "id %d", id)
		}
	}
}
