package tokenize_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/tokenize"
)

// FuzzRoundTrip encodes and decodes any bytes, valid UTF-8 or not.
func FuzzRoundTrip(tf *testing.F) {
	f := mutate.New(tf)
	for _, c := range goldens(f).Cases[:60] {
		f.Add([]byte(c.Text))
	}
	f.Add([]byte("\xff\xfe it's\xc5 \n \x80"))
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := slices.Clone(text)
		for _, name := range tokenize.Names() {
			tok := get(t, name)
			prefix := []int32{-1, 1 << 30}
			ids := tok.Append(prefix, text)
			require.Equal(t, kept, text, "Append must not write to the text")
			require.Equal(t, prefix, ids[:2])
			ids = ids[2:]
			require.LessOrEqual(t, len(ids), len(text))
			for _, id := range ids {
				require.GreaterOrEqual(t, id, int32(0))
				require.Less(t, int(id), tok.Vocab())
			}
			back, err := tok.Decode([]byte("<"), ids)
			require.NoError(t, err)
			require.Equal(t, "<"+string(text), string(back))
		}
	})
}

// FuzzDecode decodes ids that need not exist.
func FuzzDecode(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(int32(0), int32(100257))
	f.Add(int32(-1), int32(1<<31-1))
	f.Fuzz(func(t *testing.T, a, b int32) {
		for _, name := range tokenize.Names() {
			tok := get(t, name).(*tokenize.BPE)
			first, ok := tok.Token(a)
			second, too := tok.Token(b)
			text, err := tok.Decode(nil, []int32{a, b})
			if ok && too {
				require.NoError(t, err)
				require.Equal(t, first+second, string(text))
			} else {
				require.ErrorIs(t, err, tokenize.ErrID)
				require.Empty(t, text)
			}
		}
	})
}
