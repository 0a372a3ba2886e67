package student

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	// MinDecoys is the smallest number of control keys that a test of a student runs.
	MinDecoys = 100
	// DefaultDecoys is the number of control keys that a report runs.
	DefaultDecoys = 999
	// maxDecoys bounds the effect of a typing error.
	maxDecoys = 1_000_000
)

// ErrDecoys is a warning: the control keys of a test do not look like chance, although they never
// marked any text. Something is wrong with the test, and its p-value is worthless.
var ErrDecoys = errors.New("the control keys do not behave like chance, " +
	"although they never marked any text: do not trust this test")

// Decoys are control keys: keys that never marked any text, tested over the same text as the real
// one. Their p-values must look like chance. If they do not, the text was prepared wrongly or the
// function is broken. A small p-value of the real key would then mean no more than that. Control
// keys test the tester. They are never the p-value, which is exact without them.
//
// The keys follow from a run key. Draw it by [detect.NewRunKey] before looking, and put it in the
// report, so that anybody can run the same control keys. Decoys are immutable, and safe for
// concurrent use.
type Decoys struct {
	runKey  [16]byte
	scorers []detect.Scorer
}

// decoyKey returns control key number i, at least 0, of a run key.
func decoyKey(run [16]byte, i int) watermark.Key {
	leaf := sha256.Sum256(append([]byte("isotope/1 decoys\x00"), run[:]...))
	root, err := watermark.ParseKey("isotope-secret-key-1:" + hex.EncodeToString(leaf[:]))
	if err != nil {
		panic("student: " + err.Error()) // 64 digits always are a key
	}
	return root.Derive("decoy", strconv.Itoa(i))
}

// NewDecoys returns n control keys, from [MinDecoys] to 1,000,000. mark must bind a key as the real
// key is bound, to the same scheme, band and vocabulary. [watermark.Profile.Mark] with the real
// selector does so. The error is that of mark, or says that n is out of range.
func NewDecoys(run [16]byte, n int, mark func(watermark.Key) (detect.Scorer, error)) (*Decoys, error) {
	if n < MinDecoys || n > maxDecoys {
		return nil, fmt.Errorf("student: the number of control keys is %d, outside %d to %d",
			n, MinDecoys, maxDecoys)
	}
	d := &Decoys{runKey: run, scorers: make([]detect.Scorer, n)}
	for i := range d.scorers {
		s, err := mark(decoyKey(run, i))
		if err != nil {
			return nil, fmt.Errorf("student: control key %d: %w", i, err)
		}
		d.scorers[i] = s
	}
	return d, nil
}

// Len returns the number of control keys.
func (d *Decoys) Len() int { return len(d.scorers) }

// RunKey returns the run key from which the control keys follow.
func (d *Decoys) RunKey() [16]byte { return d.runKey }

// Key returns control key number i, from 0 to Len()-1. A test of another mark over the same text can
// run it too. Key panics if i is out of range.
func (d *Decoys) Key(i int) watermark.Key {
	if i < 0 || i >= len(d.scorers) {
		panic("student: the number of a control key is out of range")
	}
	return decoyKey(d.runKey, i)
}

// fit returns an error unless s is a green list's scorer, and the control keys are marks like s
// under other keys.
func (d *Decoys) fit(s detect.Scorer) error {
	if _, err := greenLawOf(s); err != nil {
		return err
	}
	if d == nil || len(d.scorers) < MinDecoys {
		return fmt.Errorf("student: the test needs at least %d control keys", MinDecoys)
	}
	for _, x := range d.scorers {
		if x.Width() != s.Width() || x.Vocab() != s.Vocab() || x.Law() != s.Law() {
			return fmt.Errorf("student: the control key %q is not a mark like %q", x.ID(), s.ID())
		}
		if x.ID() == s.ID() {
			return errors.New("student: the real key is one of the control keys; draw another run key")
		}
	}
	return nil
}

// A DecoyPanel is one statistic under the control keys.
type DecoyPanel struct {
	// RunKey is the run key of the control keys.
	RunKey [16]byte
	// Log10P is log10 of the p-values of the control keys, in ascending order, each at most 0. They
	// are those of the statistic alone, and not adjusted. For weighted sums, a p-value above some
	// 0.07 is an upper bound, within a factor of 1.2.
	Log10P []float64
	// Real is log10 of the p-value under the real key, not adjusted either.
	Real float64
	// Rank is 1 plus the number of control keys whose p-value is at most the real one: 1 to
	// len(Log10P)+1. It describes, and is not a test.
	Rank int
}

// newDecoyPanel sorts log10P. compared is the real p-value in the form that those of the control
// keys have.
func newDecoyPanel(run [16]byte, real, compared float64, log10P []float64) DecoyPanel {
	p := DecoyPanel{RunKey: run, Log10P: log10P, Real: real, Rank: 1}
	slices.Sort(p.Log10P)
	for _, x := range p.Log10P {
		if x <= compared {
			p.Rank++
		}
	}
	return p
}

// A QQPoint compares the p-value of a control key with the one that chance would give.
type QQPoint struct {
	Expected float64 // log10 of i/(n+1), the mean of the i-th smallest of n uniform numbers
	Observed float64 // log10 of the i-th smallest p-value
}

// QQ returns a point for each control key, from the smallest p-value on. Under the null the points
// lie on the diagonal, or above it if few p-values are attainable.
func (p DecoyPanel) QQ() []QQPoint {
	points := make([]QQPoint, len(p.Log10P))
	for i, x := range p.Log10P {
		points[i] = QQPoint{tail.Log10(float64(i+1) / float64(len(p.Log10P)+1)), x}
	}
	return points
}

// Log10Misfit returns log10 of a p-value, at most 0, of the hypothesis that no control key has a
// smaller p-value than chance gives. For each rank i, take n times the probability that at least i
// of n uniform numbers are at most the i-th smallest p-value. The smallest of these is the result
// (Bonferroni). A small value says that something is wrong with the test.
func (p DecoyPanel) Log10Misfit() float64 {
	n := int64(len(p.Log10P))
	worst := 0.0
	for i, x := range p.Log10P {
		if i+1 < len(p.Log10P) && p.Log10P[i+1] == x {
			continue // of equal p-values, the last one has the count
		}
		worst = min(worst, decoyTail(int64(i+1), n, x))
	}
	return worst
}

// decoyTail returns log10 of n P(Bin(n, 10^log10P) >= i), at most 0.
func decoyTail(i, n int64, log10P float64) float64 {
	one := log10P + tail.Log10(float64(n)) // P(Bin(n, p) >= i) <= n p
	if log10P > -300 {
		one = min(one, tail.Binomial(i, n, tail.Exp(float64(log10P*math.Ln10))))
	}
	return min(one+tail.Log10(float64(n)), 0)
}

// log10Misfit is the largest misfit that warns.
const log10Misfit = -6

// Warnings returns [ErrDecoys] if [DecoyPanel.Log10Misfit] is at most -6.
func (p DecoyPanel) Warnings() []error {
	if p.Log10Misfit() <= log10Misfit {
		return []error{ErrDecoys}
	}
	return nil
}
