package watermark

// sampleUntruncated is Sample where nothing is truncated, without a list of all tokens; elsewhere
// ok is false, and nothing has been counted.
func (s *Sequence) sampleUntruncated(row []float32, t *rowBias, p Sampler, u float64) (id Token, ok bool) {
	if !p.keepsAll(len(row)) {
		return 0, false
	}
	c := &s.scratch.scanner
	top := c.scan(row)
	if !c.bounded(top, p.Temperature) || !rowHasChoice(row) {
		return 0, false
	}
	switch d := s.draw.mark; {
	case d == nil:
		s.counts.Ordinary++
	default:
		g, isGumbel := d.keyed.(*gumbelMax)
		if !isGumbel {
			return 0, false
		}
		if s.isKeyed(s.draw) {
			s.counts.Keyed++
			g.setContext(&s.scratch, s.tokens)
			return g.chooseOfRow(&s.scratch, row, t, top, p.Temperature, s.salt).id, true
		}
	}
	if id, ok = c.walk(row, t, c.best(row, t, top).logit, p.Temperature, u); ok {
		return id, true
	}
	kept := c.survivors(row, t, p)
	return kept[drawIndex(kept, u)].id, true
}

// keepsAll reports whether p truncates no row of n tokens.
func (p Sampler) keepsAll(n int) bool {
	return (p.TopK <= 0 || p.TopK >= n) && !(p.TopP > 0 && p.TopP < 1) && !(p.MinP > 0 && p.MinP <= 1)
}

// hasChoice reports whether two candidates or more have a positive weight.
func hasChoice(list []candidate) bool {
	n := 0
	for i := range list {
		if list[i].weight > 0 {
			if n++; n == 2 {
				return true
			}
		}
	}
	return false
}

// rowHasChoice reports whether two entries of row or more are above -Inf.
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
