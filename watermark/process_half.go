package watermark

import (
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// ProcessBF16 is [Mark.Process] for a row in bfloat16, as a model leaves it on a device:
// it writes src, widened to float32 and marked in the same pass, to the first len(src)
// entries of dst, of which there must be as many. Every engine widens its logits before
// it samples; done here, the mark costs next to nothing. Where the mark changes nothing,
// entries are widened all the same.
func (m *Mark) ProcessBF16(dst []float32, src []uint16, context []Token) {
	m.processHalf(kernel.BF16, dst, src, context)
}

// ProcessFP16 is [Mark.ProcessBF16] for a row in IEEE 754 half precision.
func (m *Mark) ProcessFP16(dst []float32, src []uint16, context []Token) {
	m.processHalf(kernel.FP16, dst, src, context)
}

// A halfProcessor is a bound scheme that widens and marks in one pass.
type halfProcessor interface {
	processHalf(s *prf.Scratch, f kernel.Format, dst []float32, src []uint16, context []Token)
}

func (m *Mark) processHalf(f kernel.Format, dst []float32, src []uint16, context []Token) {
	dst = dst[:len(src)]
	n := min(len(src), m.vocab)
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	b, ok := m.bound.(halfProcessor)
	in := m.in.has(&s.Scratch, context)
	if ok && in {
		b.processHalf(&s.Scratch, f, dst[:n], src[:n], context)
		prf.Widen(&s.Scratch, f, dst[n:], src[n:])
		return
	}
	prf.Widen(&s.Scratch, f, dst, src)
	m.process(s, dst, context)
}

// processHalf implements halfProcessor.
func (g *greenList) processHalf(s *prf.Scratch, f kernel.Format, dst []float32, src []uint16, context []Token) {
	g.f.SetContext(s, context)
	g.f.ProcessHalf(s, g.table, f, dst, src)
}

// processHalf implements halfProcessor.
func (g *payloadList) processHalf(s *prf.Scratch, f kernel.Format, dst []float32, src []uint16, context []Token) {
	t := g.list(s, context)
	g.f.ProcessHalf(s, t, f, dst, src)
}

// ProcessBatch is [Mark.Process] for rows of several positions, such as the sequences of
// a batch: row i follows contexts[i]. It panics when there are not as many contexts as
// rows.
func (m *Mark) ProcessBatch(rows [][]float32, contexts [][]Token) {
	if len(rows) != len(contexts) {
		panic("watermark: a batch has not as many contexts as rows")
	}
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	for i, row := range rows {
		m.process(s, row, contexts[i])
	}
}
