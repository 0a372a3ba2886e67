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
	appendCounts(dst []byte) []byte
	// size is the length of the bytes that appendCounts appends. decode reads as many into a
	// process of the same law.
	size() int
	decode(data []byte) (process, error)
}

func (e *EProcess) add(score int64)               { e.AddCounts(score, 1) }
func (e *EProcess) counts() (scored, green int64) { return e.n, e.green }
func (e *EProcess) size() int                     { return eprocessCounts }

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
		return NewEProcess(l.P)
	}
	return newBetProcess(null.Of(law).Bets())
}
