package prf

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/race"
)

// testLeaf returns the leaf whose bytes are 0, 1, ..., 31.
func testLeaf() *[LeafSize]byte {
	var leaf [LeafSize]byte
	for i := range leaf {
		leaf[i] = byte(i)
	}
	return &leaf
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestSubkeyIsTheSpecifiedOne(t *testing.T) {
	for _, c := range []struct {
		k, w int
		key  string
	}{
		{4, 1, "3c61b722d495585e6e959455fe5675fc"},
		{4, 2, "0339aff1f13392523e43ac81c835044f"},
		{4, 8, "504b6e0894407519f7ca54a1732eaac7"},
		{2, 1, "0b6e6f7e66abfb3ee7ac3a1516535887"},
	} {
		t.Run(fmt.Sprintf("k=%d/w=%d", c.k, c.w), func(t *testing.T) {
			assert.Equal(t, unhex(t, c.key), subkey(testLeaf(), PurposeGreen, c.k, c.w, 0))
		})
	}
	assert.Equal(t, "9d34d7cc907c7491", ID(testLeaf()))
}

func TestPurposesAndGroupsAreIndependent(t *testing.T) {
	seen := map[string]bool{}
	for _, purpose := range []string{PurposeGreen, PurposeContext, PurposeBand} {
		for k := range 3 {
			for _, w := range []int{0, 1, 2} {
				for _, group := range []uint32{0, 1, 1 << 31} {
					key := string(subkey(testLeaf(), purpose, k, w, group))
					assert.False(t, seen[key], "%s k=%d w=%d group=%d", purpose, k, w, group)
					seen[key] = true
				}
			}
		}
	}
}

func TestDeriveBindsLengths(t *testing.T) {
	assert.NotEqual(t, Derive(testLeaf(), []string{"ab", "c"}), Derive(testLeaf(), []string{"a", "bc"}))
	assert.NotEqual(t, Derive(testLeaf(), nil), Derive(testLeaf(), []string{""}))
}

// TestCMAC checks the examples of RFC 4493, section 4.
func TestCMAC(t *testing.T) {
	block, err := aes.NewCipher(unhex(t, "2b7e151628aed2a6abf7158809cf4f3c"))
	require.NoError(t, err)
	msg := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"+
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	for _, c := range []struct {
		size int
		tag  string
	}{
		{0, "bb1d6929e95937287fa37d129b756746"},
		{16, "070a16b46b4d4144f79bdd9dd04a287c"},
		{40, "dfa66747de9ae63030ca32611497c827"},
		{64, "51f0bebf7e3b9d92fc49741779363cfe"},
	} {
		t.Run(fmt.Sprintf("size=%d", c.size), func(t *testing.T) {
			var tag [16]byte
			newCMAC(block).sum(&tag, msg[:c.size])
			assert.Equal(t, c.tag, hex.EncodeToString(tag[:]))
		})
	}
}

func TestNonceOfShortContexts(t *testing.T) {
	for _, c := range []struct {
		name    string
		width   int
		context []int32
		want    string
	}{
		{"full", 4, []int32{1, 2, 3, 128255}, "010000020000030000fff401"},
		{"older tokens do not count", 4, []int32{9, 1, 2, 3, 128255}, "010000020000030000fff401"},
		{"slots older than the width", 2, []int32{1, 2, 3, 128255}, "ffffffffffff030000fff401"},
		{"start of a text", 2, []int32{7}, "ffffffffffffffffff070000"},
		{"width 0", 0, []int32{7}, "ffffffffffffffffffffffff"},
		{"no tokens", 3, nil, "ffffffffffffffffffffffff"},
		{"ids outside the range", 2, []int32{-1, 1<<24 - 1}, "ffffffffffffffffffffffff"},
		{"a large id and the largest", 2, []int32{1 << 30, 1<<24 - 2}, "fffffffffffffffffffeffff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := New(testLeaf(), PurposeGreen, c.width, 1, 0)
			require.NoError(t, err)
			var s Scratch
			f.SetContext(&s, c.context)
			nonce := s.Nonce()
			assert.Equal(t, c.want, hex.EncodeToString(nonce[:]))
		})
	}
}

// TestStreamIsCTR compares every length with the standard library's CTR mode.
func TestStreamIsCTR(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{0, 2, 4, 5, 16} {
		t.Run(fmt.Sprintf("width=%d", width), func(t *testing.T) {
			f, err := New(testLeaf(), PurposeGreen, width, 1, 0)
			require.NoError(t, err)
			ctr, err := aes.NewCipher(subkey(testLeaf(), PurposeGreen, width, 1, 0))
			require.NoError(t, err)
			context := make([]int32, width)
			for i := range context {
				context[i] = rng.Int32N(1 << 24)
			}
			var s Scratch
			for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 16032, 128256} {
				f.SetContext(&s, context)
				nonce := s.Nonce()
				want := make([]byte, (n+15)/16*16)
				cipher.NewCTR(ctr, append(nonce[:], 0, 0, 0, 0)).XORKeyStream(want, want)
				assert.Equal(t, want, f.Stream(&s, n), "%d bytes", n)
				for j := 0; j < len(want)/16; j += 1 + j/3 {
					assert.Equal(t, want[16*j:16*j+16], f.Block(&s, uint32(j))[:], "block %d", j)
				}
			}
		})
	}
}

func TestPublicTagsAreTheSpecifiedOnes(t *testing.T) {
	f, err := Public(2)
	require.NoError(t, err)
	var s Scratch
	f.SetContext(&s, []int32{5, 6})
	in := unhex(t, "ffffffffffff050000060000")
	in = binary.BigEndian.AppendUint32(in, 7)
	block, err := aes.NewCipher([]byte("isotope/1 dedup\x00"))
	require.NoError(t, err)
	block.Encrypt(in, in)
	assert.Equal(t, in, f.Block(&s, 7)[:])
}

func TestWidthOutOfRange(t *testing.T) {
	for _, width := range []int{-1, MaxWidth + 1} {
		_, err := New(testLeaf(), PurposeGreen, width, 1, 0)
		assert.Error(t, err, "width %d", width)
	}
}

func TestScratchServesManyFunctionsWithoutAllocating(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	narrow, err := New(testLeaf(), PurposeGreen, 2, 1, 0)
	require.NoError(t, err)
	wide, err := New(testLeaf(), PurposeGreen, 9, 1, 0)
	require.NoError(t, err)
	context := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	var s Scratch
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, f := range []*Function{narrow, wide} {
			f.SetContext(&s, context)
			f.Block(&s, 3)
			f.Stream(&s, 16032)
		}
	}))
}
