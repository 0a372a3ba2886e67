package lm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

// encoded returns the encoding of a model.
func encoded(t testing.TB, m *Model) []byte {
	var b bytes.Buffer
	require.NoError(t, m.encode(&b))
	return b.Bytes()
}

// testBundle returns a small bundle in which every field is set.
func testBundle(t testing.TB) *Bundle {
	docs := without8(randomDocs(rand.New(rand.NewPCG(8, 8)), 30, 20, 30))
	return &Bundle{
		Model: mustTrain(t, docs, 30, modTen), HeldOut: [][]int32{{1, 2, 3}, {}, {4}},
		Corpus: "a test", Files: 3, Documents: 23, Tokens: 400,
	}
}

func TestModelRoundTrip(t *testing.T) {
	for order := 1; order <= MaxOrder; order++ {
		for _, o := range []Options{{}, modTen} {
			o.Order = order
			docs := without8(randomDocs(rand.New(rand.NewPCG(9, 9)), 30, 20, 30))
			m := mustTrain(t, docs, 30, o)
			back, err := decodeModel(encoded(t, m))
			require.NoError(t, err)
			require.Equal(t, m.Digest(), back.Digest())
			require.Equal(t, m.Tokens(), back.Tokens())
			require.Equal(t, encoded(t, m), encoded(t, back))
			a, b := make([]float32, 30), make([]float32, 30)
			for _, d := range docs {
				m.Logits(a, d)
				back.Logits(b, d)
				require.Equal(t, a, b)
			}
			require.InDelta(t, len(encoded(t, m)), m.encodedSize(), 64)
		}
	}
}

func TestCacheRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "isotope")
	b, key := testBundle(t), cacheKey("c", "t", 30, 5)
	_, err := readCache(dir, key)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.False(t, anyCached(dir))
	require.NoError(t, writeCache(dir, key, b))
	require.NoError(t, writeCache(dir, key, b), "again")
	require.True(t, anyCached(dir))

	back, err := readCache(dir, key)
	require.NoError(t, err)
	assert.Equal(t, b.Model.Digest(), back.Model.Digest())
	b.Model, back.Model = nil, nil
	assert.Equal(t, b, back)

	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, list, 1, "files, without a temporary one")
}

// TestCacheDamage changes bytes and truncates the file. Decoding must find every change.
func TestCacheDamage(t *testing.T) {
	key := cacheKey("c", "t", 30, 5)
	data, err := encodeBundle(testBundle(t), key)
	require.NoError(t, err)
	_, err = decodeBundle(data, key)
	require.NoError(t, err)

	for i := 0; i < len(data); i += 1 + len(data)/2000 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x10
		_, err := decodeBundle(bad, key)
		require.ErrorIs(t, err, errCache, "byte %d", i)
	}
	for i := 0; i < len(data); i += 1 + len(data)/500 {
		_, err := decodeBundle(data[:i], key)
		require.ErrorIs(t, err, errCache, "%d bytes", i)
	}
	_, err = decodeBundle(append(bytes.Clone(data), 0), key)
	require.ErrorIs(t, err, errCache)
	_, err = decodeBundle(data, cacheKey("other", "t", 30, 5))
	require.ErrorContains(t, err, "another model")
}

func TestCacheKeyCoversEverything(t *testing.T) {
	keys := map[[32]byte]bool{}
	for _, k := range [][32]byte{
		cacheKey("a", "b", 1, 5), cacheKey("x", "b", 1, 5), cacheKey("a", "x", 1, 5),
		cacheKey("a", "b", 2, 5), cacheKey("a", "b", 1, 4), cacheKey("ab", "", 1, 5),
	} {
		keys[k] = true
	}
	assert.Len(t, keys, 6)
}

func TestSweepKeepsTheLastUsed(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	touch := func(name string, age time.Duration) {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, nil, 0o600))
		require.NoError(t, os.Chtimes(p, now.Add(-age), now.Add(-age)))
	}
	for i := range keepCached + 2 {
		touch(fmt.Sprintf("lm-%d.bin", i), time.Duration(i)*time.Minute)
	}
	touch("lm-1.tmp", time.Minute)
	touch("lm-2.tmp", 2*time.Hour)
	touch("other.bin", 1000*time.Hour)
	sweep(dir)
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{"lm-0.bin", "lm-1.bin", "lm-1.tmp", "lm-2.bin", "lm-3.bin", "other.bin"}, names)
}

// TestDecodeChecksWhatLogitsRelyOn: the hash of a cache file finds damage, but the decoder does not rely
// on it.
func TestDecodeChecksWhatLogitsRelyOn(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name  string
		spoil func(m *Model)
	}{
		{"siblings out of order", func(m *Model) { ids := m.levels[1].ids; ids[0], ids[1] = ids[1], ids[0] }},
		{"a repeated sibling", func(m *Model) { m.levels[1].ids[1] = m.levels[1].ids[0] }},
		{"id outside the vocabulary", func(m *Model) { m.levels[2].ids[0] = 30 }},
		{"negative id", func(m *Model) { m.levels[2].ids[0] = -1 }},
		{"children that overlap", func(m *Model) { m.levels[1].first[3] = m.levels[1].first[9] }},
		{"children beyond the end", func(m *Model) { m.levels[1].first[3] = 1 << 30 }},
		{"children before the first", func(m *Model) { m.levels[1].first[0] = 1 }},
		{"children without a parent", func(m *Model) { l := &m.levels[1]; l.first[len(l.first)-1]-- }},
		{"lp is NaN", func(m *Model) { m.levels[4].lp[0] = nan }},
		{"bo is NaN", func(m *Model) { m.levels[0].bo[5] = nan }},
		{"a probability above one", func(m *Model) { m.base[1] = 0.5 }},
		{"breaks out of order", func(m *Model) { m.breaks[0], m.breaks[1] = m.breaks[1], m.breaks[0] }},
		{"break outside the vocabulary", func(m *Model) { m.breaks[len(m.breaks)-1] = 30 }},
		{"order", func(m *Model) { m.order = 6 }},
		{"vocabulary", func(m *Model) { m.vocab = 29 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := testBundle(t).Model
			require.Greater(t, m.levels[0].first[1], uint32(1), "the first two n-grams are siblings")
			c.spoil(m)
			_, err := decodeModel(encoded(t, m))
			assert.ErrorIs(t, err, errFormat)
		})
	}
}

// TestDecodeDoesNotBelieveLengths: a few bytes that announce a large model must not cost memory.
func TestDecodeDoesNotBelieveLengths(t *testing.T) {
	var huge bytes.Buffer
	huge.WriteString(modelMagic)
	huge.WriteByte(modelVersion)
	for _, v := range []uint32{5, 1 << 30, 0, 0, 1<<32 - 1} {
		require.NoError(t, binary.Write(&huge, binary.LittleEndian, v))
	}
	m := testBundle(t).Model
	rest := binary.LittleEndian.AppendUint32(make([]byte, 28), 1<<32-1)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err1 := decodeModel(huge.Bytes())
	_, err2 := decodeRest(rest, m)
	runtime.ReadMemStats(&after)
	assert.ErrorIs(t, err1, errFormat)
	assert.ErrorIs(t, err2, errCache)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// FuzzDecodeModel: no input panics. An input that decodes gives a model that works and encodes to the
// same bytes.
func FuzzDecodeModel(tf *testing.F) {
	f := mutate.New(tf)
	for order := 1; order <= 3; order++ {
		o := modTen
		o.Order = order
		f.Add(encoded(f, mustTrain(f, [][]int32{{1, 2, 3, 9, 1, 2}, {3}}, 12, o)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeModel(data)
		if err != nil {
			require.ErrorIs(t, err, errFormat)
			return
		}
		require.Equal(t, data, encoded(t, m))
		row := make([]float32, m.Vocab())
		for i := int32(-1); i < 5; i++ {
			m.Logits(row, []int32{i, i + 1, i * 2, 1, i})
		}
	})
}

func FuzzDecodeRest(tf *testing.F) {
	f := mutate.New(tf)
	m := mustTrain(f, [][]int32{{1, 2}}, 12, Options{})
	f.Add(append(make([]byte, 24), 1, 0, 0, 0, 'x', 1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeRest(data, m)
		if err != nil {
			require.ErrorIs(t, err, errCache)
			return
		}
		b.Prompts(1)
	})
}
