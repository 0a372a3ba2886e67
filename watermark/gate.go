package watermark

import (
	"math"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// maxGate is above the entropy of any row, in nats.
const maxGate = 16

// gateDepth is how far below the largest logit, in nats, an entropy still looks. All tokens below that
// together add less than 0.001 nats to it, for vocabularies of up to a million.
const gateDepth = 24

// isGated reports whether the Gate of a bias leaves this row alone.
func (m *Mark) isGated(s *scratch, logits []float32) bool {
	return m.gate > 0 && !s.scanner.hasEntropy(logits[:min(len(logits), m.vocab)], m.gate)
}

// hasEntropy reports whether the Shannon entropy of softmax(row) is above gate, in nats. With weights
// w = e^(x-top) and their sum Z, the entropy is ln Z + sum(w (top-x)) / Z. It is at least ln Z. So a row
// of much choice is seen soon.
func (c *rowScanner) hasEntropy(row []float32, gate float64) bool {
	top := float64(c.scan(row))
	if math.IsInf(top, -1) {
		return false
	}
	floor, enough := float32(top-gateDepth), math.Exp(gate)
	var sum, depths float64
	for i, most := range c.maxima {
		if !(most >= floor) {
			continue
		}
		for _, x := range row[i*kernel.ScanBlock : min((i+1)*kernel.ScanBlock, len(row))] {
			switch depth := top - float64(x); {
			case float64(x) == top: // also where +Inf meets +Inf
				sum++
			case x >= floor: // false for NaN
				w := math.Exp(-depth)
				sum += w
				depths += w * depth
			}
		}
		if sum > enough {
			return true
		}
	}
	return math.Log(sum)+depths/sum > gate
}

// entropyOf returns the Shannon entropy of candidates by their weights, in nats. It is 0 without a
// positive weight.
func entropyOf(list []candidate) float64 {
	var sum, logs float64
	for _, c := range list {
		if c.weight > 0 {
			sum += c.weight
			logs += c.weight * math.Log(c.weight)
		}
	}
	if sum == 0 {
		return 0
	}
	return math.Log(sum) - logs/sum
}
