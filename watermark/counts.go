package watermark

// Counts says what happened at the positions of a text: those of the tokens that were accepted since
// Reset, without those that Rewind took back. So a text that was written with drafts has the same
// counts as one without.
//
// An engine that marks has Unasked 0. The Marked of its marks then grow with the text. They sum, with
// the other fields of MarkCounts, to Tokens-Inserted.
type Counts struct {
	Tokens   int64 `json:"tokens"`   // all of them
	Inserted int64 `json:"inserted"` // of Insert
	// Unasked counts tokens that were accepted where no call had marked or drawn. The engine accepted
	// a token twice, was one short in a Rewind, or went past the Sequence.
	Unasked int64 `json:"unasked"`
	// Replaced counts tokens that differ from the one that the Sequence drew last at their position.
	Replaced int64 `json:"replaced"`
	// PastVocab counts positions whose largest logit or probability lay past the vocabulary of the
	// marks. Such an id is never drawn. If it is one that the model needs, such as the end of a turn,
	// the vocabulary is too small.
	PastVocab int64      `json:"past_vocab"`
	Bias      MarkCounts `json:"bias"` // of all biases together; zero without one
	Draw      MarkCounts `json:"draw"` // of the keyed draw; zero without one
}

// MarkCounts divides the positions of a text by what a mark did there.
type MarkCounts struct {
	Marked int64 `json:"marked"` // biased, or drawn by key among two candidates or more
	// Unscorable counts positions that a test of the published text does not score, because the text
	// has fewer than Width tokens before them or an id outside the vocabulary. Marks that were made
	// with ScoredOnly leave them alone. Others mark them in vain.
	Unscorable int64 `json:"unscorable"`
	OutOfBand  int64 `json:"out_of_band"` // the context lies outside the band
	Repeated   int64 `json:"repeated"`    // the context occurred before
	Exempt     int64 `json:"exempt"`      // the token is one that the mark leaves alone
	Gated      int64 `json:"gated"`       // the row of a bias had less choice than its Gate asks for
	Forced     int64 `json:"forced"`      // a draw had one candidate or none, as a grammar leaves them
	Greedy     int64 `json:"greedy"`      // a draw at temperature 0, where only a bias marks
	Paused     int64 `json:"paused"`      // between Pause and BeginText
	// Unasked counts positions where the call for this mark was missing, for instance Process without
	// Pick for a keyed draw.
	Unasked int64 `json:"unasked"`
}

// An outcome is what a mark did at a position.
type outcome uint8

const (
	unasked outcome = iota
	marked
	unscorable
	outOfBand
	repeated
	exempt
	gated
	forced
	greedy
	paused
	outcomes // their number
)

// A fate is what happened at a position: the outcome of the biases, that of the draw, and flags.
type fate uint16

const (
	fateDraw          = 4 // bits before the outcome of the draw
	fateAsked    fate = 1 << 8
	fateReplaced fate = 1 << 9
	fatePast     fate = 1 << 10
	inserted     fate = 1 << 11
)

func (f fate) bias() outcome { return outcome(f & 15) }
func (f fate) draw() outcome { return outcome(f >> fateDraw & 15) }

// A position is what is known about the next position.
type position struct {
	bias, draw outcome
	asked      bool  // a call has marked or drawn
	biased     bool  // the caller's row has its bias
	past       bool  // the largest logit lies past the vocabulary
	drawn      bool  // drawnID is set
	drawnID    Token // what was drawn last
	by         int   // index of the bias that marks
}

// drew notes the token that a call has drawn.
func (p *position) drew(t Token) { p.drawn, p.drawnID = true, t }

// fateOf returns what happened at the next position if its token is t.
func (s *Sequence) fateOf(t Token) fate {
	p := &s.now
	bias, draw := p.bias, p.draw
	if bias == marked && s.biases[p.by].exempt.has(t) {
		bias = exempt
	}
	if draw == marked && s.draw.mark.exempt.has(t) {
		draw = exempt
	}
	f := fate(bias) | fate(draw)<<fateDraw
	if p.asked {
		f |= fateAsked
	}
	if p.drawn && p.drawnID != t {
		f |= fateReplaced
	}
	if p.past {
		f |= fatePast
	}
	return f
}

// totals counts fates.
type totals struct {
	tokens, inserted, unasked, replaced, past int64
	bias, draw                                [outcomes]int64
}

// add adds n times a fate.
func (t *totals) add(f fate, n int64) {
	t.tokens += n
	if f == inserted {
		t.inserted += n
		return
	}
	if f&fateAsked == 0 {
		t.unasked += n
	}
	if f&fateReplaced != 0 {
		t.replaced += n
	}
	if f&fatePast != 0 {
		t.past += n
	}
	t.bias[f.bias()] += n
	t.draw[f.draw()] += n
}

// markCounts returns totals as MarkCounts.
func markCounts(n *[outcomes]int64) MarkCounts {
	return MarkCounts{
		Marked: n[marked], Unscorable: n[unscorable], OutOfBand: n[outOfBand], Repeated: n[repeated],
		Exempt: n[exempt], Gated: n[gated], Forced: n[forced], Greedy: n[greedy], Paused: n[paused], Unasked: n[unasked],
	}
}

// Counts returns what happened at the positions of the text. It is safe at any time.
func (s *Sequence) Counts() Counts {
	t := &s.totals
	c := Counts{Tokens: t.tokens, Inserted: t.inserted, Unasked: t.unasked, Replaced: t.replaced, PastVocab: t.past}
	if len(s.biases) > 0 {
		c.Bias = markCounts(&t.bias)
	}
	if s.draw.mark != nil {
		c.Draw = markCounts(&t.draw)
	}
	return c
}

// totalsOf undoes Counts.
func totalsOf(c Counts) totals {
	of := func(c MarkCounts) [outcomes]int64 {
		return [outcomes]int64{
			marked: c.Marked, unscorable: c.Unscorable, outOfBand: c.OutOfBand, repeated: c.Repeated,
			exempt: c.Exempt, gated: c.Gated, forced: c.Forced, greedy: c.Greedy, paused: c.Paused, unasked: c.Unasked,
		}
	}
	return totals{
		tokens: c.Tokens, inserted: c.Inserted, unasked: c.Unasked, replaced: c.Replaced, past: c.PastVocab,
		bias: of(c.Bias), draw: of(c.Draw),
	}
}

// addUp reports whether the counts could be those of a Sequence with a bias or not, and with a keyed draw
// or not.
func (c *Counts) addUp(bias, draw bool) bool {
	drawn := c.Tokens - c.Inserted
	for _, n := range []int64{c.Inserted, drawn, c.Unasked, c.Replaced, c.PastVocab} {
		if n < 0 || n > c.Tokens {
			return false
		}
	}
	t := totalsOf(*c)
	return divides(&t.bias, drawn, bias) && divides(&t.draw, drawn, draw)
}

// divides reports whether the outcomes of a mark are those of n positions. Without the mark there are
// none.
func divides(outcomes *[outcomes]int64, n int64, has bool) bool {
	if !has {
		n = 0
	}
	for _, x := range outcomes {
		if x < 0 || x > n {
			return false
		}
		n -= x
	}
	return n == 0
}
