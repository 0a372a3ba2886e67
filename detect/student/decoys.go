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
	// MinDecoys is the least number of decoys that a test of a student runs.
	MinDecoys = 100
	// DefaultDecoys is the number a report runs.
	DefaultDecoys = 999
	// maxDecoys bounds what a typing error can ask for.
	maxDecoys = 1_000_000
)

// ErrDecoys is a warning: the decoys of a test do not look like chance, although their
// keys marked nothing. Something is wrong with the test, and its p-value is worth nothing.
var ErrDecoys = errors.New("the decoy keys, which marked nothing, do not behave like chance: do not trust this test")

// Decoys are keys that marked nothing, run beside the real one over the same text. Their
// p-values must look like chance; if they do not, the text was prepared wrongly or the
// function is broken, and a small p-value of the real key would show no more than that.
// They test the tester. They never are the p-value, which is exact without them.
//
// The keys follow from a run key, which is drawn by [NewRunKey] before looking and
// belongs in the report, so that anybody can run the same decoys. Decoys are immutable
// and safe for concurrent use.
type Decoys struct {
	runKey  [16]byte
	scorers []detect.Scorer
}

// DecoyKey returns decoy key number i of a run key, any i of at least 0.
func DecoyKey(run [16]byte, i int) watermark.Key {
	leaf := sha256.Sum256(append([]byte("isotope/1 decoys\x00"), run[:]...))
	root, err := watermark.ParseKey("isotope-secret-key-1:" + hex.EncodeToString(leaf[:]))
	if err != nil {
		panic("student: " + err.Error()) // 64 digits always are a key
	}
	return root.Derive("decoy", strconv.Itoa(i))
}

// NewDecoys makes n decoys, from [MinDecoys] to 1,000,000; mark binds a key as the real
// key is bound, to the same scheme, band and vocabulary: [watermark.Profile.Mark] with the
// real selector, for one. The error is mark's, or says that n is out of range.
func NewDecoys(run [16]byte, n int, mark func(watermark.Key) (detect.Scorer, error)) (*Decoys, error) {
	if n < MinDecoys || n > maxDecoys {
		return nil, fmt.Errorf("student: %d decoys are not between %d and %d", n, MinDecoys, maxDecoys)
	}
	d := &Decoys{runKey: run, scorers: make([]detect.Scorer, n)}
	for i := range d.scorers {
		s, err := mark(DecoyKey(run, i))
		if err != nil {
			return nil, fmt.Errorf("student: decoy %d: %w", i, err)
		}
		d.scorers[i] = s
	}
	return d, nil
}

// Len returns the number of decoys.
func (d *Decoys) Len() int { return len(d.scorers) }

// RunKey returns the run key the decoys follow from.
func (d *Decoys) RunKey() [16]byte { return d.runKey }

// fit returns an error unless s is a green list's scorer and the decoys are marks like s of other
// keys.
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
			return errors.New("student: the real key is among the control keys")
		}
	}
	return nil
}

// A DecoyPanel is what one statistic said under the decoys.
type DecoyPanel struct {
	RunKey [16]byte
	// Log10P are the decoys' p-values in ascending order, of the statistic alone: no other
	// test is counted in them. Those of weighted sums are bounds from above, within a
	// factor of 1.2, where they are above some 0.07.
	Log10P []float64
	// Real is the p-value under the real key, likewise.
	Real float64
	// Rank is 1 + the number of decoys whose p-value is at most the real one: 1 to
	// len(Log10P)+1. A description, not a test.
	Rank int
}

// newDecoyPanel sorts. compared is the real p-value as it compares with the decoys'.
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

// A QQPoint compares a decoy's p-value with what chance would give.
type QQPoint struct {
	Expected float64 // log10 of i/(n+1), the mean of the i-th smallest of n uniform numbers
	Observed float64 // log10 of the i-th smallest p-value
}

// QQ returns a point for each decoy, the smallest p-value first. Under the null the points
// lie on the diagonal, or above it where few p-values are attainable.
func (p DecoyPanel) QQ() []QQPoint {
	points := make([]QQPoint, len(p.Log10P))
	for i, x := range p.Log10P {
		points[i] = QQPoint{math.Log10(float64(i+1) / float64(len(p.Log10P)+1)), x}
	}
	return points
}

// Log10Misfit returns log10 of a p-value of the hypothesis that no decoy's p-value is
// smaller than chance has it: the smallest over ranks i of n times the probability that at
// least i of n uniform numbers are at most the i-th smallest p-value (Bonferroni). Small
// values say that something is wrong with the test.
func (p DecoyPanel) Log10Misfit() float64 {
	n := int64(len(p.Log10P))
	worst := 0.0
	for i, x := range p.Log10P {
		if i+1 < len(p.Log10P) && p.Log10P[i+1] == x {
			continue // ties: the last of them has the count
		}
		worst = min(worst, decoyTail(int64(i+1), n, x))
	}
	return worst
}

// decoyTail is log10 of n P(Bin(n, 10^log10P) >= i), at most 0.
func decoyTail(i, n int64, log10P float64) float64 {
	one := log10P + math.Log10(float64(n)) // P(Bin(n, p) >= i) <= n p
	if log10P > -300 {
		one = min(one, tail.Binomial(i, n, math.Pow(10, log10P)))
	}
	return min(one+math.Log10(float64(n)), 0)
}

// log10Misfit is what a warning takes.
const log10Misfit = -6

// Warnings returns [ErrDecoys] where [DecoyPanel.Log10Misfit] is at most -6.
func (p DecoyPanel) Warnings() []error {
	if p.Log10Misfit() <= log10Misfit {
		return []error{ErrDecoys}
	}
	return nil
}
