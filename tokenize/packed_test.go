package tokenize

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"
)

var writePacked = flag.Bool("packed.write", false, "write the packed vocabularies of the built-in encodings")

// TestPacked compares each token of the built-in vocabularies with the tables of tiktoken-go.
func TestPacked(t *testing.T) {
	for _, c := range []struct {
		name, packed string
		count        int
	}{
		{"cl100k_base", packedCL100K, 100256},
		{"o200k_base", packedO200K, 199998},
		{"p50k_base", packedP50K, 50281},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokens := tokensOf(t, tokenizer.Encoding(c.name), c.count)
			if *writePacked {
				require.NoError(t, os.WriteFile(filepath.Join("packed", c.name), pack(tokens), 0o644))
				return
			}
			got, err := unpacked(c.packed, c.count)
			require.NoError(t, err)
			assert.True(t, c.packed == string(pack(tokens)), "the packed vocabulary is another one")
			assert.True(t, equalTokens(got, tokens))
		})
	}
	if *writePacked {
		return
	}
	t.Run("r50k_base", func(t *testing.T) {
		got, err := unpacked(packedP50K, 50257)
		require.NoError(t, err)
		assert.True(t, equalTokens(got, tokensOf(t, "r50k_base", 50257)))
	})
	t.Run("p50k_edit", func(t *testing.T) {
		got, err := unpacked(packedP50K, 50284)
		require.NoError(t, err)
		assert.True(t, equalTokens(got, tokensOf(t, "p50k_edit", 50284)))
	})
}

// unpacked returns the tokens of a packed vocabulary.
func unpacked(packed string, n int) ([]string, error) {
	text, start, err := unpack(packed, n)
	if err != nil {
		return nil, err
	}
	tokens := make([]string, n)
	for id := range tokens {
		tokens[id] = text[start[id]:start[id+1]]
	}
	return tokens, nil
}

func equalTokens(a, b []string) bool {
	return strings.Join(a, "\xff\xff") == strings.Join(b, "\xff\xff") && len(a) == len(b)
}

// tokensOf returns the bytes of n ids of tiktoken-go, none for a hole and for a special token.
func tokensOf(t *testing.T, name tokenizer.Encoding, n int) []string {
	source, err := tokenizer.Get(name)
	require.NoError(t, err)
	tokens := make([]string, n)
	for id := range n {
		if text, err := source.Decode([]uint{uint(id)}); err == nil {
			tokens[id] = text
		}
	}
	return tokens
}

func TestUnpack(t *testing.T) {
	packed := string(pack([]string{"a", "", "bcd"}))
	for _, c := range []struct {
		name, packed string
		n            int
		want         []string
	}{
		{"all", packed, 3, []string{"a", "", "bcd"}},
		{"fewer", packed, 1, []string{"a"}},
		{"more", packed, 5, []string{"a", "", "bcd", "", ""}},
		{"empty", "", 1, nil},
		{"cut lengths", packed[:6], 3, nil},
		{"cut text", packed[:len(packed)-1], 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := unpacked(c.packed, c.n)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.want == nil, err != nil)
		})
	}
}
