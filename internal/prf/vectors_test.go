package prf

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readVectors reads a file of test vectors. testdata/vectors/generate.py wrote them and shares no
// code with this package. Tests of this package cannot import testmark.ReadVectors.
func readVectors(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func vectorLeaf(t *testing.T, text string) *[LeafSize]byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	require.Len(t, b, LeafSize)
	return (*[LeafSize]byte)(b)
}

// TestVectorsKeystream checks keys, nonces and keystream, which the public API shows through
// decisions alone.
func TestVectorsKeystream(t *testing.T) {
	var file struct {
		Greenlist []struct {
			Name, Leaf       string
			Width, W         int
			Group            uint32
			Before           []int32
			KGreen           string `json:"k_green"`
			KContext         string `json:"k_context"`
			Nonce, Keystream string
		}
	}
	readVectors(t, "greenlist.json", &file)
	require.NotEmpty(t, file.Greenlist)
	for _, v := range file.Greenlist {
		t.Run(v.Name, func(t *testing.T) {
			leaf := vectorLeaf(t, v.Leaf)
			green := subkey(leaf, PurposeGreen, v.Width, v.W, v.Group)
			assert.Equal(t, v.KGreen, hex.EncodeToString(green), "K_green")
			if v.KContext != "" {
				context := subkey(leaf, PurposeContext, v.Width, 0, v.Group)
				assert.Equal(t, v.KContext, hex.EncodeToString(context), "K_context")
			}
			f, err := New(leaf, PurposeGreen, v.Width, v.W, v.Group)
			require.NoError(t, err)
			var s Scratch
			f.SetContext(&s, v.Before)
			nonce := s.Nonce()
			assert.Equal(t, v.Nonce, hex.EncodeToString(nonce[:]), "nonce")
			stream := f.Stream(&s, len(v.Keystream)/2)
			assert.Equal(t, v.Keystream, hex.EncodeToString(stream), "keystream at once")
			var blocks []byte
			for j := range uint32(len(v.Keystream) / 32) {
				blocks = append(blocks, f.Block(&s, j)[:]...)
			}
			assert.Equal(t, v.Keystream, hex.EncodeToString(blocks), "keystream by blocks")
		})
	}
}

func TestVectorsDedupTag(t *testing.T) {
	var file struct {
		Tags []struct {
			Width   int
			Context []int32
			ID      uint32
			Tag     string
		}
	}
	readVectors(t, "dedup.json", &file)
	require.NotEmpty(t, file.Tags)
	for _, v := range file.Tags {
		t.Run(v.Tag, func(t *testing.T) {
			f, err := Public(v.Width)
			require.NoError(t, err)
			var s Scratch
			f.SetContext(&s, v.Context)
			tag := f.Block(&s, v.ID)
			assert.Equal(t, v.Tag, hex.EncodeToString(tag[:]),
				"width %d, context %v, id %d", v.Width, v.Context, v.ID)
		})
	}
}
