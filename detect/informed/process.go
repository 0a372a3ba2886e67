package informed

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A process is an e-process over the likelihood ratios of tokens. Under the null its value has a mean
// of at most 1 at every time, so it ever reaches x with a probability of at most 1/x (Ville 1939).
//
// A text may be marked in a share e of its tokens, so the ratio of a token is 1 - e + e LR. The mark
// may fill some parts of a text, a share r of its blocks of b tokens, so the ratio of a block is
// 1 - r + r times the product of its tokens' ratios. Each factor has a mean of at most 1 given what
// came before. The value is a mean over shares, block lengths and rates.
//
// The state is whole numbers, multiples of 1/null.RatioUnit, rounded down. So it is the same on
// every machine.
type process struct {
	shares []int64 // for each of wholeShares, the sum over all tokens
	open   []int64 // for each block length and share, the sum of the block that is not full
	blocks []int64 // for each block length, share and rate, the sum over full blocks
	n      int64
	sup    float64 // largest log10 of the value, at least 0
}

var (
	wholeShares  = [...]float64{0.95, 0.6, 0.3, 0.12, 0.05}
	blockShares  = [...]float64{0.95, 0.4}
	blockRates   = [...]float64{0.3, 0.1}
	blockLengths = [...]int64{32, 128, 512}
)

const (
	wholeParts = len(wholeShares)
	openParts  = len(blockLengths) * len(blockShares)
	blockParts = openParts * len(blockRates)
)

func newProcess() process {
	return process{shares: make([]int64, wholeParts), open: make([]int64, openParts), blocks: make([]int64, blockParts)}
}

// mixed returns ln(1 - share + share e^x) in units of 1/null.RatioUnit, rounded down.
func mixed(x, share float64) int64 {
	var y float64
	if x > 0 {
		y = x + tail.Ln(share+float64((1-share)*tail.Exp(-x)))
	} else {
		y = tail.Ln(1 - share + float64(share*tail.Exp(x)))
	}
	return int64(math.Floor(float64(null.RatioUnit*y) - 0x1p-10))
}

// maxGain bounds the logarithm of a ratio. A larger one is cut, which lowers the value.
const maxGain = 700

// add counts the next token.
func (p *process) add(gain float64) {
	gain = min(max(gain, -maxGain), maxGain)
	top := int64(math.MinInt64)
	for i, e := range wholeShares {
		p.shares[i] += mixed(gain, e)
		top = max(top, p.shares[i])
	}
	p.n++
	var block [len(blockShares)]int64
	for j, e := range blockShares {
		block[j] = mixed(gain, e)
	}
	for i, length := range blockLengths {
		for j := range blockShares {
			at := i*len(blockShares) + j
			p.open[at] += block[j]
			if p.n%length == 0 {
				for k, rate := range blockRates {
					p.blocks[at*len(blockRates)+k] += mixed(float64(p.open[at])/null.RatioUnit, rate)
				}
				p.open[at] = 0
			}
			for k := range blockRates {
				top = max(top, p.blocks[at*len(blockRates)+k]+max(p.open[at], 0))
			}
		}
	}
	// The value is at most e^top, which is below the supremum most of the time.
	if float64(top)/null.RatioUnit >= p.sup*math.Ln10 {
		p.sup = max(p.sup, p.log10E())
	}
}

// log10E returns log10 of the value. Half of the weight is on the whole text, half on its blocks.
func (p *process) log10E() float64 {
	logs := make([]float64, 0, wholeParts+blockParts)
	for _, x := range p.shares {
		logs = append(logs, float64(float64(x)/null.RatioUnit)-tail.Ln(2*float64(wholeParts)))
	}
	for at, open := range p.open {
		for k, rate := range blockRates {
			x := p.blocks[at*len(blockRates)+k] + mixed(float64(open)/null.RatioUnit, rate)
			logs = append(logs, float64(float64(x)/null.RatioUnit)-tail.Ln(2*float64(blockParts)))
		}
	}
	top := math.Inf(-1)
	for _, x := range logs {
		top = max(top, x)
	}
	var sum float64
	for _, x := range logs {
		sum += tail.Exp(x - top)
	}
	return (top + tail.Ln(sum)) / math.Ln10
}
