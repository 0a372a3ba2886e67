package watermark

import "math"

// Sample draws the token of the next position from raw logits. It applies the biases, then the
// sampler's truncation, then the keyed draw or an ordinary one; [Sampler] gives the rules. u in
// [0,1) is an ordinary random number. Sample does not write to logits and does not Accept the
// token. Entries past the vocabulary of the marks are never drawn. Sample returns -1 if no entry
// can be drawn.
func (s *Sequence) Sample(logits []float32, sampler Sampler, u float64) Token {
	t := s.sample(logits, sampler, u)
	s.now.drew(t)
	return t
}

func (s *Sequence) sample(logits []float32, sampler Sampler, u float64) Token {
	row, bias := s.biased(logits)
	c := &s.scratch.scanner
	top := c.begin(row, &bias, sampler)
	if sampler.isGreedy() {
		s.now.draw = greedy
		return c.argmax(row, &bias, top)
	}
	if t, ok := s.sampleUntruncated(row, &bias, sampler, top, u); ok {
		return t
	}
	return s.chooseID(s.draw, c.survivors(row, &bias, sampler, top), u)
}

// SampleProb is Sample that also returns the probability of the token: its share of what the biases,
// the temperature and the truncation left, before a keyed draw. On average over the draw's keys the token
// is drawn with this probability, except by a [Tournament] of more than two candidates. It is 1 for a
// greedy sampler, and 0 if no entry can be drawn. Its relative error is below 1e-5, and SampleProb costs
// one more pass over a row that is not truncated.
//
// For the probability that the model itself gives to a token see [LogProb].
func (s *Sequence) SampleProb(logits []float32, sampler Sampler, u float64) (t Token, p float64) {
	t = s.Sample(logits, sampler, u)
	if t < 0 || sampler.isGreedy() {
		return t, map[bool]float64{true: 1}[t >= 0]
	}
	before := s.now
	row, bias := s.biased(logits)
	s.now = before
	c := &s.scratch.scanner
	top := c.begin(row, &bias, sampler)
	if sampler.keepsAll(len(row)) && c.bounded(top, sampler.Temperature) && bias.lift == 0 {
		best := c.best(row, &bias, top).logit
		return t, c.weightOf(row, &bias, t, best, sampler.Temperature) / c.mass(row, &bias, best, sampler.Temperature)
	}
	var own, all float64
	for _, x := range c.survivors(row, &bias, sampler, top) {
		all += x.weight
		if x.id == t {
			own = x.weight
		}
	}
	return t, own / all
}

// A Grammar says which tokens may come next in a structured text.
type Grammar interface {
	// Allows reports whether a token may come next.
	Allows(t Token) bool
	// Mask sets the logits of all tokens that may not come next to -Inf.
	Mask(logits []float32)
}

// SampleGrammar draws the next token under a grammar, with the law of Mask followed by Sample. It may
// write to logits. Where it can, it draws first and calls Mask only if the grammar does not allow that
// token, which most engines find cheaper. This gives the same law for an ordinary draw, a bias, a
// [GumbelMax] and a greedy sampler, if nothing is truncated. It does not for a [Tournament], a bias with
// a Gate or with exempt ids, or a [Bias] of the caller. It does not under TopK, TopP or MinP either. All
// of these look at all tokens. SampleGrammar then calls Mask first.
//
// u and again in [0,1) are ordinary random numbers, independent of each other. It returns -1 if no
// token can be drawn.
func (s *Sequence) SampleGrammar(logits []float32, g Grammar, sampler Sampler, u, again float64) Token {
	if s.DrawsBeforeGrammar(sampler, len(logits)) {
		t := s.Sample(logits, sampler, u)
		if t < 0 || g.Allows(t) {
			return t
		}
		u = again
	}
	g.Mask(logits)
	return s.Sample(logits, sampler, u)
}

// DrawsBeforeGrammar reports whether [Sequence.SampleGrammar] draws first from a row of n logits: a
// token that is drawn again until the grammar allows it then has the law of a draw among what the
// grammar allows.
func (s *Sequence) DrawsBeforeGrammar(sampler Sampler, n int) bool {
	for i := range s.biases {
		// What exempt ids need to keep their probability depends on all other tokens.
		if b := &s.biases[i]; b.own != nil || b.mark.gate > 0 || len(b.exempt.within(n)) > 0 {
			return false
		}
	}
	if sampler.isGreedy() {
		return true
	}
	if m := s.draw.mark; m != nil {
		if _, ok := m.keyed.(*gumbelMax); !ok {
			return false
		}
	}
	if s.vocab > 0 {
		n = min(n, s.vocab)
	}
	return sampler.keepsAll(n)
}

// Draw draws the token of the next position among what the engine's own truncation left: ids in any
// order, with probabilities that need not sum to 1. It applies the biases, unless [Sequence.Process] or
// [Sequence.Mask] has, and then the keyed draw or an ordinary one. So it is right for every scheme, and
// a change of profile cannot turn marking off. A bias multiplies the probabilities of favoured tokens
// by e^delta. It marks a little less than before the truncation, and a Gate looks at what was left. Draw does not apply a [Bias] of the
// caller, which needs a row for Process. Other rules and the result are those of [Sequence.Pick].
func (s *Sequence) Draw(ids []Token, probs []float32, u float64) int {
	s.list = s.candidates(s.list, ids, probs)
	if !s.now.biased {
		s.biasCandidates(s.list)
	}
	return s.pick(ids, u)
}

// biasCandidates multiplies the weights of candidates by what the bias of the next position makes of
// them.
func (s *Sequence) biasCandidates(list []candidate) {
	scratch := &s.scratch.scanner.scratch
	b := s.biasOf(scratch, nil)
	switch {
	case b == nil:
	case b.own != nil:
		s.now.bias = unasked
	case b.mark.gate > 0 && entropyOf(list) <= b.mark.gate:
		s.now.bias = gated
	default:
		bias := b.mark.biasAt(scratch, s.text(b.scored))
		bias.weigh(list, b.mark.bias.factor())
	}
}

// Pick draws the token of the next position among the survivors of truncation, whose logits
// [Sequence.Process] has biased. It uses the keyed draw where that marks, and u alone elsewhere.
// It never applies a bias; [Sequence.Draw] does where it is missing. An id outside the vocabulary of
// the marks is never drawn. See [Mark.Pick] for the arguments and the result.
func (s *Sequence) Pick(ids []Token, probs []float32, u float64) int {
	s.list = s.candidates(s.list, ids, probs)
	return s.pick(ids, u)
}

// pick draws one of s.list, the candidates of ids.
func (s *Sequence) pick(ids []Token, u float64) int {
	i := s.choose(s.draw, s.list, u)
	if i < 0 {
		s.now.drew(-1)
	} else {
		s.now.drew(ids[i])
	}
	return i
}

// candidates returns ids with their probabilities, in the memory of list. Ids outside the vocabulary
// have weight 0.
func (s *Sequence) candidates(list []candidate, ids []Token, probs []float32) []candidate {
	n := min(len(ids), len(probs))
	s.lookAt(ids[:n], probs[:n])
	return appendCandidates(list[:0], ids[:n], probs[:n], s.vocab)
}

// lookAt is look for what truncation left of a row. An engine whose logits live on a device shows
// nothing else.
func (s *Sequence) lookAt(ids []Token, probs []float32) {
	s.now.asked = true
	if s.vocab == 0 {
		return
	}
	var within, past float32
	for i, id := range ids {
		switch p := probs[i]; {
		case !(p > 0 && p <= math.MaxFloat32):
		case id >= 0 && int(id) < s.vocab:
			within = max(within, p)
		default:
			past = max(past, p)
		}
	}
	if past > within {
		s.now.past = true
	}
}

// ProcessDraw makes the keyed draw on a row of tempered and truncated logits, as [Mark.Process]
// does, where the draw marks. Any draw from the row then is the keyed one. Elsewhere it leaves the row
// to an ordinary draw. It always sets entries past the vocabulary of the marks to -Inf.
func (s *Sequence) ProcessDraw(logits []float32) {
	s.look(logits)
	row := s.inVocab(logits)
	defer func() {
		for i := len(row); i < len(logits); i++ {
			logits[i] = negInf
		}
	}()
	s.now.draw = unasked
	if s.draw.mark == nil {
		return
	}
	if !rowHasChoice(row) {
		s.now.draw = forced
	}
	if s.isKeyed(s.draw) {
		s.draw.mark.processDraw(&s.scratch, row, s.text(s.draw.mark.scored), s.salt)
	}
}

// choose draws one of list by a keyed draw where it marks, and by u alone elsewhere. It returns
// the index, or -1 if no weight is positive. It may change weights.
func (s *Sequence) choose(d sequenceDraw, list []candidate, u float64) int {
	s.now.draw = unasked
	if d.mark == nil {
		return drawIndex(list, u)
	}
	if !hasChoice(list, d.mark.exempt) {
		s.now.draw = forced
	}
	if !s.isKeyed(d) {
		return drawIndex(list, u)
	}
	d.mark.keyed.setContext(&s.scratch, s.text(d.mark.scored))
	return d.mark.choose(&s.scratch, list, s.salt, u)
}

// chooseID is choose for callers that need the id. It returns -1 if there is none.
func (s *Sequence) chooseID(d sequenceDraw, list []candidate, u float64) Token {
	if i := s.choose(d, list, u); i >= 0 {
		return list[i].id
	}
	return -1
}

// isKeyed reports whether a keyed draw marks the next position. It notes what happens there, unless
// that is noted already.
func (s *Sequence) isKeyed(d sequenceDraw) bool {
	alone := !isScorable(s.text(true), d.mark.Width(), s.vocab)
	o := marked
	keyed := false
	switch {
	case s.last().paused:
		o = paused
	case alone && d.mark.scored:
		o = unscorable
	case !d.mark.in.has(&s.scratch.Scratch, s.text(d.mark.scored)):
		o = outOfBand
	case s.has(d.repeats):
		o = repeated
	default:
		keyed = true
		if alone {
			o = unscorable
		}
	}
	if s.now.draw == unasked {
		s.now.draw = o
	}
	return keyed
}
