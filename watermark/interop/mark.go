package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"math"

	"github.com/isotope-wm/isotope/watermark"
)

// A Scorer scores the pairs of an engine's mark under one key. It is a scorer for package detect.
// Some Scorers also have the method AppendUnit of detect.UnitNamer. It is safe for concurrent use.
type Scorer interface {
	// ID names the mark: scheme, parameters and key fingerprint. Marks with equal IDs score alike.
	ID() string
	// Width returns the number of tokens before the scored one that the function reads.
	Width() int
	// Vocab returns the number of ids that can occur in [Frame.Tokens]: Profile.Vocab, and one
	// more if the engine pads the start of a text.
	Vocab() int
	// Law returns the exact law of one score under the null hypothesis, or a bound of it.
	Law() watermark.Law
	// Score appends one score for each pair. A pair of an absent token is watermark.NotScored.
	Score(dst []int64, pairs []watermark.Pair) []int64

	// Profile returns the profile, with defaults filled in.
	Profile() *Profile
	// KeyID returns the fingerprint of the key.
	KeyID() string
	// Frame puts a text into the sequence that the engine's detector sees. prompt is what the
	// model was given, or nil if it is not known.
	Frame(prompt, text []watermark.Token) Frame
	// Sum returns the statistic of pairs in the unit of the engine: the count of green tokens, the
	// sum of -ln(1-u), or the weighted count of ones. It does not depend on the order of pairs.
	Sum(pairs iter.Seq[watermark.Pair]) float64
	// Limits returns what is known to be wrong with the engine's function or with the key.
	Limits() Limits
}

// Limits is what a test of an engine's mark cannot claim.
type Limits struct {
	// Warnings say what is wrong. Each belongs into the result of a test.
	Warnings []error
	// Floor is the smallest log10 p-value that a test may claim, or -Inf. Replace a smaller
	// adjusted p-value by it before the verdict.
	Floor float64
	// NoVerdict is set if the test compares numbers with an engine and proves nothing.
	NoVerdict bool
}

// Warnings of an engine's mark.
var (
	ErrNoDedup = errors.New("dedup is none, so repeated text counts many times: the numbers compare with the engine's, " +
		"and there is no verdict")
	ErrGuessableKey = errors.New("the key has fewer than 48 bits: anybody can guess it and mark text with it")
)

// A mark is a profile that is bound to a key.
type mark struct {
	profile *Profile
	keyID   string
	id      string
	width   int
	law     watermark.Law
	absent  watermark.Token // id that stands for a missing token, or -1
	limits  Limits
	score   func(p watermark.Pair) int64
	unit    func(dst []byte, p watermark.Pair) []byte // nil if the pair is the input
	own     bool                                      // the seed of a pair depends on its token
	sum     func(pairs iter.Seq[watermark.Pair]) float64
}

// A unitMark is a mark for which several pairs can be one input.
type unitMark struct{ *mark }

// AppendUnit appends the name of a pair's input: the seed and the token.
func (m unitMark) AppendUnit(dst []byte, p watermark.Pair) []byte { return m.unit(dst, p) }

// A seedMark is a unitMark whose seed does not depend on the token.
type seedMark struct{ unitMark }

// AppendSeed appends the name of a context's seed.
func (m seedMark) AppendSeed(dst []byte, context []watermark.Token) []byte {
	return m.unit(dst, watermark.Pair{Context: context})
}

// Bind returns the scorer of the profile under a key. With DedupNone, use [Each] as well. An error
// about a parameter is a [*watermark.ParamError].
func (p *Profile) Bind(k Key) (Scorer, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	s := schemeOf(p.Scheme)
	switch want := s.keys(p); {
	case k.IsZero():
		return nil, paramError("key", "is the zero Key")
	case k.Len() != want:
		return nil, paramError("key", "has %d numbers, but the profile needs %d", k.Len(), want)
	}
	m, err := s.bind(p, k.all())
	if err != nil {
		return nil, err
	}
	m.profile, m.keyID = p, k.ID()
	m.id = p.scoreID() + " key " + m.keyID
	if k.IsGuessable() {
		m.limits.Warnings = append(m.limits.Warnings, ErrGuessableKey)
	}
	if p.Dedup == DedupNone {
		m.limits.Warnings = append(m.limits.Warnings, ErrNoDedup)
		m.limits.NoVerdict = true
	}
	switch {
	case m.unit != nil && m.own:
		return unitMark{m}, nil
	case m.unit != nil:
		return seedMark{unitMark{m}}, nil
	}
	return m, nil
}

// scoreID names everything that scores depend on, apart from the key.
func (p *Profile) scoreID() string {
	values := p.own()
	values["width"], values["vocab"] = p.Width, p.Vocab
	text, err := canonical(values)
	if err != nil {
		panic("interop: " + err.Error()) // the values are numbers and names
	}
	sum := sha256.Sum256(text)
	return p.Scheme + " " + hex.EncodeToString(sum[:8])
}

func (m *mark) ID() string         { return m.id }
func (m *mark) KeyID() string      { return m.keyID }
func (m *mark) Profile() *Profile  { c := *m.profile; return &c }
func (m *mark) Width() int         { return m.width }
func (m *mark) Law() watermark.Law { return m.law }
func (m *mark) Limits() Limits     { return m.limits }

func (m *mark) Vocab() int {
	if m.absent >= 0 {
		return m.profile.Vocab + 1
	}
	return m.profile.Vocab
}

func (m *mark) Score(dst []int64, pairs []watermark.Pair) []int64 {
	for _, p := range pairs {
		if p.Token == m.absent {
			dst = append(dst, watermark.NotScored)
		} else {
			dst = append(dst, m.score(p))
		}
	}
	return dst
}

func (m *mark) Sum(pairs iter.Seq[watermark.Pair]) float64 { return m.sum(pairs) }

// newMark returns a mark whose statistic is the sum of its scores.
func newMark(width int, law watermark.Law, score func(watermark.Pair) int64) *mark {
	m := &mark{width: width, law: law, absent: -1, score: score, limits: Limits{Floor: math.Inf(-1)}}
	m.sum = func(pairs iter.Seq[watermark.Pair]) float64 {
		var sum int64
		for p := range pairs {
			sum += score(p)
		}
		return float64(sum)
	}
	return m
}

// newGumbel returns a mark of one uniform variable for each pair.
func newGumbel(width int, draw func(watermark.Pair) uniform) *mark {
	m := newMark(width, watermark.Exponential{First: 1}, func(p watermark.Pair) int64 { return draw(p).score() })
	m.sum = func(pairs iter.Seq[watermark.Pair]) float64 {
		var sum logSum
		for p := range pairs {
			sum.add(draw(p))
		}
		return sum.float()
	}
	return m
}

// newDualGumbel returns a mark of two uniform variables for each pair, whose scores count with
// weights that sum to 1.
func newDualGumbel(width int, first, second float64, draw func(watermark.Pair) (a, b uniform)) *mark {
	// The weights of scores are rounded down, those of the law are not.
	wa, wb := uint64(first*(1<<32)), uint64(second*(1<<32))
	m := newMark(width, watermark.Exponential{First: first, Second: second}, func(p watermark.Pair) int64 {
		a, b := draw(p)
		return mulShift(uint64(a.score()), wa) + mulShift(uint64(b.score()), wb)
	})
	m.sum = func(pairs iter.Seq[watermark.Pair]) float64 {
		var sa, sb logSum
		for p := range pairs {
			a, b := draw(p)
			sa.add(a)
			sb.add(b)
		}
		return float64(first*sa.float()) + float64(second*sb.float())
	}
	return m
}
