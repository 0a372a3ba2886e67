package sequential

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A betProcess is the mean of the bets of a law. Its state is whole numbers, so it is the same on
// every machine that reads it back.
type betProcess struct {
	bets []null.Bet
	n    int64   // units counted
	sums []int64 // for each bet, the sum of its log likelihood ratios in units of 1/null.RatioUnit
	// supSums are the sums where the value was largest. Of equal values the first counts.
	supSums []int64
	sup     float64 // log10Mean(supSums)
}

// newBetProcess returns a betProcess that has counted nothing. Its value is 1.
func newBetProcess(bets []null.Bet) *betProcess {
	return &betProcess{bets: bets, sums: make([]int64, len(bets)), supSums: make([]int64, len(bets))}
}

// log10Mean returns log10 of the mean of e^(part/null.RatioUnit).
func log10Mean(parts []int64) float64 {
	top := slices.Max(parts)
	var sum float64
	for _, x := range parts {
		sum += tail.Exp(float64(x-top) / null.RatioUnit)
	}
	return (float64(float64(top)/null.RatioUnit) + tail.Ln(sum/float64(len(parts)))) / math.Ln10
}

func (p *betProcess) add(score int64) {
	p.n++
	top := int64(math.MinInt64)
	for i, b := range p.bets {
		p.sums[i] += b.Gain(score)
		top = max(top, p.sums[i])
	}
	// The mean is at most the largest part, which is below the supremum most of the time.
	if float64(top)/null.RatioUnit < p.sup*math.Ln10 {
		return
	}
	if now := log10Mean(p.sums); now > p.sup {
		p.sup = now
		copy(p.supSums, p.sums)
	}
}

func (p *betProcess) counts() (scored, green int64) { return p.n, 0 }
func (p *betProcess) Log10E() float64               { return log10Mean(p.sums) }
func (p *betProcess) Log10P() float64               { return min(0, -p.sup) }
func (p *betProcess) Reset()                        { *p = *newBetProcess(p.bets) }

func (p *betProcess) clone() process {
	c := *p
	c.sums, c.supSums = slices.Clone(p.sums), slices.Clone(p.supSums)
	return &c
}

func (p *betProcess) size() int  { return 8 * (1 + 2*len(p.bets)) }
func (p *betProcess) parts() int { return len(p.bets) }

func (p *betProcess) appendCounts(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.n))
	for _, x := range slices.Concat(p.sums, p.supSums) {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	return dst
}

// maxGain bounds by how much a unit can change a part.
const maxGain = 64 * null.RatioUnit

func (p *betProcess) decode(data []byte) (process, error) {
	read := newBetProcess(p.bets)
	read.n = int64(binary.LittleEndian.Uint64(data))
	for i, x := range append(slices.Clone(read.sums), read.supSums...) {
		x = int64(binary.LittleEndian.Uint64(data[8*(i+1):]))
		if read.n < 0 || read.n > math.MaxInt64/maxGain || x > read.n*maxGain || x < -read.n*maxGain {
			return nil, fmt.Errorf("sequential: %w: its counts contradict each other", detect.ErrMalformed)
		}
		if i < len(p.bets) {
			read.sums[i] = x
		} else {
			read.supSums[i-len(p.bets)] = x
		}
	}
	read.sup = log10Mean(read.supSums)
	// Logarithms of another machine may differ in the last bits.
	if read.sup < max(0, read.Log10E())-1e-9 {
		return nil, fmt.Errorf("sequential: %w: its counts contradict each other", detect.ErrMalformed)
	}
	return read, nil
}
