package testmark

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// Vocab is the vocabulary size of tests that do not care which one it is.
const Vocab = 1000

// Mark returns watermark.New(key, scheme, vocab, opts...). It fails t on an error.
func Mark(
	t testing.TB, key watermark.Key, scheme watermark.Scheme, vocab int, opts ...watermark.Option,
) *watermark.Mark {
	t.Helper()
	m, err := watermark.New(key, scheme, vocab, opts...)
	require.NoError(t, err)
	return m
}

// Green returns a mark of the usual scheme over [Vocab]: a green list with gamma 1/2,
// delta 2 and the given context width.
func Green(t testing.TB, key watermark.Key, width int, opts ...watermark.Option) *watermark.Mark {
	t.Helper()
	return Mark(t, key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: width}, Vocab, opts...)
}

// Sequence returns watermark.NewSequence(marks...), reset to an empty prompt. It fails t on
// an error.
func Sequence(t testing.TB, marks ...*watermark.Mark) *watermark.Sequence {
	t.Helper()
	s, err := watermark.NewSequence(marks...)
	require.NoError(t, err)
	s.Reset(nil)
	return s
}

// IsGreen reports whether token has score 1 after context under m, the mark of a green list.
func IsGreen(m *watermark.Mark, context []watermark.Token, token watermark.Token) bool {
	return m.Score(nil, []watermark.Pair{{Context: context, Token: token}})[0] == 1
}
