package sequential

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// betProcess is the mean of the bets of a law. Its state is whole numbers, so that it is
// the same wherever it is read back.
type betProcess struct {
	bets  []null.Bet
	n     int64
	parts []int64 // of each bet: the sum of its log likelihood ratios, in null.RatioUnit
	// supParts are the parts where the value was largest, the first of such places.
	supParts []int64
	sup      float64 // log10Mean(supParts)
}

func newBetProcess(bets []null.Bet) *betProcess {
	return &betProcess{bets: bets, parts: make([]int64, len(bets)), supParts: make([]int64, len(bets))}
}

// log10Mean returns log10 of the mean of e^(part/null.RatioUnit).
func log10Mean(parts []int64) float64 {
	top := slices.Max(parts)
	var sum float64
	for _, x := range parts {
		sum += math.Exp(float64(x-top) / null.RatioUnit)
	}
	return (float64(top)/null.RatioUnit + math.Log(sum/float64(len(parts)))) / math.Ln10
}

func (p *betProcess) add(score int64) {
	p.n++
	top := int64(math.MinInt64)
	for i, b := range p.bets {
		p.parts[i] += b.Gain(score)
		top = max(top, p.parts[i])
	}
	// The largest part bounds the mean; mostly that settles it.
	if float64(top)/null.RatioUnit < p.sup*math.Ln10 {
		return
	}
	if now := log10Mean(p.parts); now > p.sup {
		p.sup = now
		copy(p.supParts, p.parts)
	}
}

func (p *betProcess) counts() (scored, green int64) { return p.n, 0 }
func (p *betProcess) Log10E() float64               { return log10Mean(p.parts) }
func (p *betProcess) Log10P() float64               { return min(0, -p.sup) }
func (p *betProcess) Reset()                        { *p = *newBetProcess(p.bets) }

func (p *betProcess) clone() process {
	c := *p
	c.parts, c.supParts = slices.Clone(p.parts), slices.Clone(p.supParts)
	return &c
}

func (p *betProcess) size() int { return 8 * (1 + 2*len(p.bets)) }

func (p *betProcess) appendCounts(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.n))
	for _, x := range slices.Concat(p.parts, p.supParts) {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	return dst
}

// maxGain is more than any unit adds to a part or takes off it.
const maxGain = 64 * null.RatioUnit

func (p *betProcess) decode(data []byte) (process, error) {
	read := newBetProcess(p.bets)
	read.n = int64(binary.LittleEndian.Uint64(data))
	for i, x := range append(slices.Clone(read.parts), read.supParts...) {
		x = int64(binary.LittleEndian.Uint64(data[8*(i+1):]))
		if read.n < 0 || read.n > math.MaxInt64/maxGain || x > read.n*maxGain || x < -read.n*maxGain {
			return nil, fmt.Errorf("sequential: %w: the counts do not fit together", detect.ErrMalformed)
		}
		if i < len(p.bets) {
			read.parts[i] = x
		} else {
			read.supParts[i-len(p.bets)] = x
		}
	}
	read.sup = log10Mean(read.supParts)
	// Another machine's logarithms may differ in the last bits.
	if read.sup < max(0, read.Log10E())-1e-9 {
		return nil, fmt.Errorf("sequential: %w: the counts do not fit together", detect.ErrMalformed)
	}
	return read, nil
}
