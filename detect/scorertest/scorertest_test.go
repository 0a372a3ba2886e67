package scorertest_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/scorertest"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

func TestMarksPass(t *testing.T) {
	selector := testmark.Key(9)
	for _, c := range []struct {
		name   string
		scheme watermark.Scheme
		opts   []watermark.Option
	}{
		{"green list", watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, nil},
		{"width 0", watermark.GreenList{Gamma: 0.5, Delta: 2}, nil},
		{"wide", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 7}, nil},
		{"band", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, []watermark.Option{watermark.Band{Selector: selector, Lo: 100, Hi: 30000}}},
		{"payload", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, []watermark.Option{watermark.Payload{Bits: 4, Message: 3}}},
		{"gumbel", watermark.GumbelMax{Width: 4}, nil},
		{"dual gumbel", watermark.GumbelMax{Width: 4, Dual: 0.75}, nil},
		{"tournament", watermark.Tournament{Depth: 30, Width: 4}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			scorer := func(i int) (detect.Scorer, error) {
				return watermark.New(testmark.Key(3).Derive(strconv.Itoa(i)), c.scheme, testmark.Vocab, c.opts...)
			}
			s, err := scorer(0)
			require.NoError(t, err)
			require.NoError(t, scorertest.Test(s))
			require.NoError(t, scorertest.TestNull(300, scorer))
		})
	}
}

// hashed is a green list by SHA-256 with gamma 1/2. It may have a fault, which the tests must find.
type hashed struct {
	key   int
	fault string
}

func (h hashed) ID() string {
	if h.fault == "no ID" {
		return ""
	}
	return "hashed " + strconv.Itoa(h.key)
}

func (h hashed) Width() int {
	if h.fault == "width" {
		return watermark.MaxWidth + 1
	}
	return 1
}

func (h hashed) Vocab() int {
	if h.fault == "vocabulary" {
		return 0
	}
	return 1000
}

func (h hashed) Law() watermark.Law {
	switch h.fault {
	case "law":
		return watermark.Exponential{}
	case "cautious law":
		return watermark.Bernoulli{P: 0.6, Marked: 0.9}
	case "slightly bold law":
		return watermark.Bernoulli{P: 0.495, Marked: 0.9}
	case "bold law":
		return watermark.Bernoulli{P: 0.45, Marked: 0.9}
	}
	return watermark.Bernoulli{P: 0.5, Marked: 0.9}
}

func (h hashed) Score(dst []int64, pairs []detect.Pair) []int64 {
	if h.fault == "overwrites" {
		dst = dst[:0]
	}
	for i, p := range pairs {
		var in [12]byte
		binary.LittleEndian.PutUint32(in[:], uint32(h.key))
		binary.LittleEndian.PutUint32(in[4:], uint32(p.Context[0]))
		binary.LittleEndian.PutUint32(in[8:], uint32(p.Token))
		sum := sha256.Sum256(in[:])
		score := int64(sum[0] & 1)
		switch h.fault {
		case "range":
			score *= 2
		case "place":
			score ^= int64(i) & 1
		case "changes pairs":
			p.Context[0] = 0
		case "too few":
			if i == 0 {
				continue
			}
		}
		dst = append(dst, score)
	}
	return dst
}

// named declares the parity of the token as the input.
type named struct{ hashed }

func (named) AppendUnit(dst []byte, p detect.Pair) []byte { return append(dst, byte(p.Token&1)) }

// seeded has the same seed for all contexts, though its names tell them apart.
type seeded struct{ hashed }

func (seeded) AppendUnit(dst []byte, p detect.Pair) []byte {
	return fmt.Appendf(dst, "%d %d", p.Context, p.Token)
}
func (seeded) AppendSeed(dst []byte, _ []detect.Token) []byte { return append(dst, 1) }

// unseeded has a seed for each context, though its names do not tell them apart.
type unseeded struct{ named }

func (unseeded) AppendSeed(dst []byte, context []detect.Token) []byte {
	return fmt.Appendf(dst, "%d", context)
}

func TestFaultsAreFound(t *testing.T) {
	require.NoError(t, scorertest.Test(hashed{}))
	for _, c := range []struct{ fault, says string }{
		{"no ID", "ID is empty"},
		{"width", "Width is 17"},
		{"vocabulary", "Vocab is 0"},
		{"law", "Law: detect: "},
		{"overwrites", "append to it"},
		{"range", "outside the law's range"},
		{"place", "alone and"},
		{"changes pairs", "changed pair"},
		{"too few", "appended 1299 scores for 1300 pairs"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			assert.ErrorContains(t, scorertest.Test(hashed{fault: c.fault}), c.says)
		})
	}
	assert.ErrorContains(t, scorertest.Test(named{}), "one name, but the scores")
	assert.ErrorContains(t, scorertest.Test(seeded{}), "two names for one seed")
	assert.ErrorContains(t, scorertest.Test(unseeded{}), "of another seed or token")
}

func TestLawsAreTested(t *testing.T) {
	with := func(fault string) func(int) (detect.Scorer, error) {
		return func(i int) (detect.Scorer, error) { return hashed{key: i, fault: fault}, nil }
	}
	assert.NoError(t, scorertest.TestNull(300, with("")))
	for _, c := range []struct {
		fault, says string
		keys        int
	}{
		{"bold law", "larger than their law", 300},
		{"slightly bold law", "larger than their law", 1000},
		{"cautious law", "smaller than their law", 300},
		{"", "use at least 100", 10},
	} {
		t.Run(fmt.Sprintf("%s, %d keys", c.fault, c.keys), func(t *testing.T) {
			assert.ErrorContains(t, scorertest.TestNull(c.keys, with(c.fault)), c.says)
		})
	}
}
