package llamacpp

// longestMatch and shortestMatch bound the number of tokens that a look-up in the text compares.
const (
	longestMatch  = 4
	shortestMatch = 2
)

// propose fills the guesses of all texts that verify some in this step.
func (e *Engine) propose() {
	if e.config.Ahead == 0 {
		return
	}
	for _, s := range e.slots {
		j := s.job
		if j == nil || !j.ready() || j.r.NoDraft {
			continue
		}
		n := min(e.config.Ahead, j.limit-j.drawn-1) // the row after the last proposal gives one more
		if n < 1 {
			continue
		}
		if e.draft == nil {
			j.guesses = lookUp(j.guesses[:0], j.text, n)
			e.stats.proposed.Add(int64(len(j.guesses)))
		}
	}
	if e.draft != nil {
		e.draftAll()
	}
}

// lookUp appends the tokens that followed where the last tokens of a text occurred before: at most
// n, after the latest occurrence of the longest match.
func lookUp(dst, text []Token, n int) []Token {
	for size := min(longestMatch, len(text)-1); size >= shortestMatch; size-- {
		tail := text[len(text)-size:]
		for at := len(text) - size - 1; at >= 0; at-- {
			if common(text[at:], tail) == size {
				after := text[at+size:]
				return append(dst, after[:min(n, len(after))]...)
			}
		}
	}
	return dst
}

// draftAll lets the draft model guess for all texts together, a token of each in a decode.
func (e *Engine) draftAll() {
	type drafting struct {
		s       *slot
		n       int
		at      int
		stopped bool
	}
	var list []*drafting
	for _, s := range e.slots {
		j := s.job
		if j == nil || !j.ready() || j.r.NoDraft {
			continue
		}
		if n := min(e.config.Ahead, j.limit-j.drawn-1); n > 0 {
			e.forgetDraft(s)
			list = append(list, &drafting{s: s, n: n})
		}
	}
	for round := 0; ; round++ {
		e.batch = e.batch[:0]
		open := false
		for _, d := range list {
			j := d.s.job
			d.at = -1
			if d.stopped || len(j.guesses) == d.n {
				continue
			}
			open = true
			known := len(j.text) + len(j.guesses)
			for n := len(d.s.drafted); n < known && len(e.batch) < e.config.Batch; n++ {
				t := Token(0)
				if n < len(j.text) {
					t = j.text[n]
				} else {
					t = j.guesses[n-len(j.text)]
				}
				e.batch = append(e.batch, entry{token: t, pos: n, seq: d.s.id, logits: n == known-1})
				d.s.drafted = append(d.s.drafted, t)
				if n == known-1 {
					d.at = len(e.batch) - 1
				}
			}
		}
		if !open {
			break
		}
		if err := e.draft.decode(e.batch); err != nil {
			// Drafts only save time, so the texts continue without them.
			for _, d := range list {
				e.draft.remove(d.s.id, 0)
				d.s.drafted = d.s.drafted[:0]
				d.stopped = true
			}
			continue
		}
		for _, d := range list {
			if d.at < 0 {
				continue
			}
			j := d.s.job
			row, err := e.draft.row(d.at)
			if err != nil {
				d.stopped = true
				continue
			}
			t := j.guess(row, len(j.guesses))
			if t < 0 {
				d.stopped = true
				continue
			}
			j.guesses = append(j.guesses, t)
			d.stopped = e.model.kinds[t] == ending
		}
	}
	for _, d := range list {
		d.s.job.rewind(len(d.s.job.guesses))
		e.stats.proposed.Add(int64(len(d.s.job.guesses)))
	}
}

// forgetDraft removes what the draft model has decoded beyond the text of a slot, and the last
// token of the text, whose row the next draft needs.
func (e *Engine) forgetDraft(s *slot) {
	if e.draft == nil {
		return
	}
	n := min(common(s.drafted, s.job.text), len(s.job.text)-1)
	if len(s.drafted) > n {
		if !e.draft.remove(s.id, n) {
			n = 0
		}
		s.drafted = s.drafted[:n]
	}
}
