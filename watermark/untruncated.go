package watermark

import "math"

// sampleUntruncated is Sample for a sampler that truncates nothing. It does not make a list of all
// tokens. top is the largest logit, from begin. ok is false if it does not apply.
func (s *Sequence) sampleUntruncated(
	row []float32, t *rowBias, p Sampler, top float32, u float64,
) (id Token, ok bool) {
	if !p.keepsAll(len(row)) {
		return 0, false
	}
	c := &s.scratch.scanner
	if !c.bounded(top, p.Temperature) || !rowHasChoice(row) {
		return 0, false
	}
	if d := s.draw.mark; d != nil {
		g, isGumbel := d.keyed.(*gumbelMax)
		if !isGumbel {
			return 0, false
		}
		best := c.best(row, t, top).logit
		if c.mayBeExempt(row, t, d.exempt, best, p.Temperature, u) {
			return 0, false
		}
		s.now.draw = unasked
		if s.isKeyed(s.draw) {
			g.setContext(&s.scratch, s.text(d.scored))
			if x := g.chooseOfRow(&s.scratch, row, t, top, p.Temperature, s.salt, d.exempt); x.id >= 0 {
				return x.id, true
			}
			return 0, false // all candidates are exempt
		}
	}
	if t.lift > 0 { // which bitmaps do not have
		return 0, false
	}
	if id, ok = c.runningSum(row, t, c.best(row, t, top).logit, p.Temperature, u); ok {
		return id, true
	}
	kept := c.survivors(row, t, p, top)
	return kept[drawIndex(kept, u)].id, true
}

// keepsAll reports whether p keeps every token of a row of n tokens.
func (p Sampler) keepsAll(n int) bool {
	return (p.TopK <= 0 || p.TopK >= n) && !(p.TopP > 0 && p.TopP < 1) && !(p.MinP > 0 && p.MinP <= 1)
}

// mayBeExempt reports whether a draw with the random number u may fall to an exempt token of row. best
// is the largest biased logit. It is quick, and seldom true: the weights of all tokens sum to at least
// 1, so the draw can be exempt only if u is below the sum of the exempt weights.
func (c *rowScanner) mayBeExempt(row []float32, t *rowBias, e *exemptIDs, best, temperature float32, u float64) bool {
	ids := e.within(len(row))
	if len(ids) == 0 {
		return false
	}
	top := negInf
	for _, id := range ids {
		if x := row[id]; x > top {
			top = x
		}
	}
	depth := (float64(best) - float64(top) - float64(t.delta)) / float64(temperature)
	const margin = 1 + 1e-6 // more than the errors of rounding
	return u <= float64(len(ids))*math.Exp(-depth)*margin
}

// hasChoice reports whether at least two candidates have a positive weight, and are not exempt.
func hasChoice(list []candidate, e *exemptIDs) bool {
	n := 0
	for i := range list {
		if list[i].weight > 0 && !e.has(list[i].id) {
			if n++; n == 2 {
				return true
			}
		}
	}
	return false
}

// rowHasChoice reports whether at least two entries of row are above -Inf.
func rowHasChoice(row []float32) bool {
	n := 0
	for _, x := range row {
		if x > negInf {
			if n++; n == 2 {
				return true
			}
		}
	}
	return false
}
