package watermark

import (
	"github.com/isotope-wm/isotope/internal/kernel"
	"github.com/isotope-wm/isotope/internal/prf"
)

// ProcessBF16 is [Mark.Process] for a row in bfloat16. It widens src to float32 and marks it in
// the same pass. It writes the result to the first len(src) entries of dst, which must not be
// shorter. Engines widen their logits before they sample in any case, so the mark costs next to
// nothing here. Entries that the mark does not change are widened too.
func (m *Mark) ProcessBF16(dst []float32, src []uint16, context []Token) {
	m.processHalf(kernel.BF16, dst, src, context)
}

// ProcessFP16 is [Mark.ProcessBF16] for a row in IEEE 754 half precision.
func (m *Mark) ProcessFP16(dst []float32, src []uint16, context []Token) {
	m.processHalf(kernel.FP16, dst, src, context)
}

// A halfProcessor is a bound scheme that can widen and mark in one pass.
type halfProcessor interface {
	processHalf(s *prf.Scratch, f kernel.Format, dst []float32, src []uint16, context []Token)
}

func (m *Mark) processHalf(f kernel.Format, dst []float32, src []uint16, context []Token) {
	dst = dst[:len(src)]
	n := min(len(src), m.vocab)
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	if m.gate > 0 || m.exempt != nil {
		prf.Widen(&s.Scratch, f, dst, src)
		m.process(s, dst, context)
		return
	}
	b, ok := m.bound.(halfProcessor)
	if ok && m.covers(&s.Scratch, context) {
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

// ProcessBatch is [Mark.Process] for the rows of several positions, such as those of a batch. Row i
// follows contexts[i]. It panics if the numbers of rows and contexts differ.
func (m *Mark) ProcessBatch(rows [][]float32, contexts [][]Token) {
	if len(rows) != len(contexts) {
		panic("watermark: ProcessBatch: the numbers of rows and contexts differ")
	}
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	for i, row := range rows {
		m.process(s, row, contexts[i])
	}
}
