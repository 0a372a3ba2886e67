package watermark

// sampleUntruncated is Sample for a sampler that truncates nothing. It does not make a list of all
// tokens. ok is false if it does not apply; it has then counted nothing.
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
	if id, ok = c.runningSum(row, t, c.best(row, t, top).logit, p.Temperature, u); ok {
		return id, true
	}
	kept := c.survivors(row, t, p)
	return kept[drawIndex(kept, u)].id, true
}

// keepsAll reports whether p keeps every token of a row of n tokens.
func (p Sampler) keepsAll(n int) bool {
	return (p.TopK <= 0 || p.TopK >= n) && !(p.TopP > 0 && p.TopP < 1) && !(p.MinP > 0 && p.MinP <= 1)
}

// hasChoice reports whether at least two candidates have a positive weight.
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
