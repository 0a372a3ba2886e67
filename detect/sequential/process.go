package sequential

import (
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// A process is an e-process over scores: evidence that may be looked at after every unit.
type process interface {
	// Log10E returns log10 of the e-value now, and Log10P that of the anytime-valid p-value.
	Log10E() float64
	Log10P() float64
	Reset()

	add(score int64)
	// counts returns the number of units, and the number of green ones if scores are colours.
	counts() (scored, green int64)
	clone() process
	// reaches returns a sum of n scores, each at most top, at which log10 of the value is at least
	// level. It is the smallest one except for parts that are not linear. ok is false if there is
	// none.
	reaches(n int64, level float64, top int64) (sum int64, ok bool)
	// parts is the number of alternatives that are mixed.
	parts() int
	appendCounts(dst []byte) []byte
	// size is the length of the bytes that appendCounts appends. decode reads as many into a
	// process of the same law.
	size() int
	decode(data []byte) (process, error)
}

func (e *EProcess) add(score int64)               { e.AddCounts(score, 1) }
func (e *EProcess) counts() (scored, green int64) { return e.n, e.green }
func (e *EProcess) size() int                     { return eprocessCounts }
func (e *EProcess) parts() int                    { return e.mixture.size }

func (e *EProcess) clone() process {
	c := *e
	return &c
}

func (e *EProcess) decode(data []byte) (process, error) {
	read, err := e.decodeCounts(data)
	if err != nil {
		return nil, err
	}
	return read, nil
}

// newProcess returns an e-process for a law. It has counted nothing.
func newProcess(law watermark.Law) process {
	if l, ok := law.(watermark.Bernoulli); ok {
		return NewEProcessFor(l)
	}
	return newBetProcess(null.Of(law).Bets())
}

// firstProcess returns the e-process that an encoding of the second version holds.
func firstProcess(law watermark.Law) process {
	if l, ok := law.(watermark.Bernoulli); ok {
		return NewEProcess(l.P)
	}
	l := null.Of(law)
	return newBetProcess(l.Bets()[:l.FirstBets()])
}
