package tokenize_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/tokenize"
)

// A golden is the content of testdata/golden.json.gz: texts, and the ids that OpenAI's tiktoken gives
// them. testdata/golden.mjs wrote it and says how.
type golden struct {
	Oracle    string
	Encodings []string
	Cases     []struct {
		Name, Text string
		IDs        [][]int32 // index: encoding
	}
	Long []struct {
		Name, Text string
		Count      []int
		SHA256     []string // of the ids, little-endian
	}
}

var loadGolden = sync.OnceValues(func() (*golden, error) {
	f, err := os.Open("testdata/golden.json.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var g golden
	return &g, json.NewDecoder(z).Decode(&g)
})

// goldens returns the content of the file. It reads the file once.
func goldens(tb testing.TB) *golden {
	g, err := loadGolden()
	require.NoError(tb, err)
	return g
}

// get returns the encoding of a name.
func get(tb testing.TB, name string) tokenize.Tokenizer {
	tok, err := tokenize.Get(name)
	require.NoError(tb, err)
	return tok
}

// eachGolden runs f for every encoding, with its index in the goldens.
func eachGolden(t *testing.T, f func(t *testing.T, g *golden, i int, tok tokenize.Tokenizer)) {
	g := goldens(t)
	require.Equal(t, "npm tiktoken 1.0.22", g.Oracle)
	for i, name := range g.Encodings {
		t.Run(name, func(t *testing.T) { f(t, g, i, get(t, name)) })
		if name == "p50k_base" { // the ids of p50k_edit are the same
			t.Run("p50k_edit", func(t *testing.T) { f(t, g, i, get(t, "p50k_edit")) })
		}
	}
}

func TestGolden(t *testing.T) {
	eachGolden(t, func(t *testing.T, g *golden, i int, tok tokenize.Tokenizer) {
		require.Greater(t, len(g.Cases), 2000)
		for _, c := range g.Cases {
			ids := tok.Append(nil, []byte(c.Text))
			if !assert.Equal(t, c.IDs[i], ids, "%s: %q", c.Name, c.Text) {
				continue
			}
			text, err := tok.Decode(nil, ids)
			require.NoError(t, err)
			require.Equal(t, c.Text, string(text), c.Name)
		}
	})
}

func TestGoldenLong(t *testing.T) {
	eachGolden(t, func(t *testing.T, g *golden, i int, tok tokenize.Tokenizer) {
		require.NotEmpty(t, g.Long)
		for _, c := range g.Long {
			t.Run(c.Name, func(t *testing.T) {
				ids := tok.Append(nil, []byte(c.Text))
				h := sha256.New()
				require.NoError(t, binary.Write(h, binary.LittleEndian, ids))
				assert.Len(t, ids, c.Count[i])
				assert.Equal(t, c.SHA256[i], hex.EncodeToString(h.Sum(nil)))
				text, err := tok.Decode(nil, ids)
				require.NoError(t, err)
				assert.True(t, string(text) == c.Text, "the decoded text, which is too long to print")
			})
		}
	})
}
