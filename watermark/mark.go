package watermark

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Token is a vocabulary index, as the model's tokenizer numbers it.
type Token = int32

const (
	// MaxWidth is the largest context width.
	MaxWidth = prf.MaxWidth
	// MaxVocab is the largest vocabulary size, 2^24-1.
	MaxVocab = prf.MaxVocab
)

// A Scheme holds the public parameters of a mark, as a comparable struct. [GreenList] is a bias of
// the logits. [GumbelMax] and [Tournament] are keyed draws, which can leave the distribution of each
// token as it is. Other packages cannot implement Scheme; a [Bias] is open to them.
type Scheme interface {
	fmt.Stringer
	contextWidth() int
	masksRepeats() bool // the default; options can change it
	bind(leaf *[prf.LeafSize]byte, lane Lane) (boundScheme, error)
}

// boundScheme is a Scheme under a key: a boundBias or a boundDraw. Callers pass contexts of the band
// only.
type boundScheme interface {
	score(s *prf.Scratch, p Pair) int64
	parts(s *prf.Scratch, p Pair, dst []int64) []int64
	law() Law
	unweighted() boundScheme // the same scheme with scores without weights
}

// boundBias is a bound scheme that changes raw logits.
type boundBias interface {
	boundScheme
	process(s *prf.Scratch, logits []float32, context []Token)
	mask(s *prf.Scratch, dst []uint64, n int, context []Token)
	factor() float64 // by which it multiplies the probability of a favoured token
	biasAt(s *prf.Scratch, context []Token) rowBias
}

// boundDraw is a bound scheme that draws among the candidates that truncation left.
type boundDraw interface {
	boundScheme
	setContext(s *scratch, context []Token)
	// choose returns the index of the drawn candidate, or -1 if no weight is positive. It may
	// change weights.
	choose(s *scratch, list []candidate, salt uint32, u float64) int
	// settle changes the weights so that an ordinary draw makes the keyed one.
	settle(s *scratch, list []candidate, salt uint32)
}

// scratch is the working memory of a caller.
type scratch struct {
	prf.Scratch
	list    []candidate
	bits    []uint32
	saved   []float32 // logits of exempt ids
	scanner rowScanner
}

// A Mark is a [Scheme] bound to a [Key] by [New] or [Profile.Mark]. It is immutable and safe for
// concurrent use without locks, so requests share it. It is a pure function of the last Width tokens,
// so engines may speculate, roll back, search in beams and retry.
//
// Methods take a context with its newest token last, and use its last Width tokens only. A shorter
// context is the start of a text, and is a context of its own. So is one with an id outside
// [0, [MaxVocab]): the id counts as absent.
type Mark struct {
	scheme  Scheme
	bound   boundScheme
	bias    boundBias // bound if it is one, else nil
	keyed   boundDraw // bound if it is one, else nil
	salt    uint32
	half    keyHalf
	vocab   int
	keyID   string
	id      string
	band    Band
	in      *selector
	lane    Lane
	payload Payload
	masked  bool
	prompts bool       // prompt tokens are context
	scored  bool       // only what can be scored is marked; see ScoredOnly
	exempt  *exemptIDs // ids that the mark leaves alone, with scored
	gate    float64    // see GreenList.Gate
	variant int        // which of several keys it has; see Profile.Variants
	test    testRules
	scratch *sync.Pool // copies of the mark share it
}

// testRules are what a profile says about a test of a mark.
type testRules struct {
	dedup  string // "" for a mark without a profile
	exempt []Token
}

// New binds a scheme to a key, for a vocabulary of vocab ids, 1 to [MaxVocab]. vocab must cover every
// id that the model may generate, control tokens included: [Sequence.Sample] never draws an id beyond
// it. The lists do not depend on vocab, so padding a vocabulary does not change a decision. An error
// is a [*ParamError].
func New(key Key, scheme Scheme, vocab int, opts ...Option) (*Mark, error) {
	if key.IsZero() {
		return nil, paramError("key", "is the zero Key; make one with NewKey, or read one with ReadKeyFile")
	}
	if err := checkScheme(scheme); err != nil {
		return nil, err
	}
	if vocab < 1 || vocab > MaxVocab {
		return nil, paramError("vocab", "%d is outside 1 to %d", vocab, MaxVocab)
	}
	width := scheme.contextWidth()
	if width < 0 || width > MaxWidth {
		return nil, paramError("width", "%d is outside 0 to %d", width, MaxWidth)
	}
	o := options{band: Band{Lo: 0, Hi: BandSize}, mask: scheme.masksRepeats()}
	for _, opt := range opts {
		if err := opt.apply(&o); err != nil {
			return nil, err
		}
	}
	bound, err := scheme.bind(key.leaf(), o.lane)
	if err != nil {
		return nil, err
	}
	if o.mask && width == 0 {
		return nil, errMaskWithoutContext()
	}
	if o.payload.Bits > 0 {
		if bound, err = newCarrier(bound, o.payload, key.leaf(), width, o.lane.Group); err != nil {
			return nil, err
		}
	}
	in, err := newSelector(o.band, width)
	if err != nil {
		return nil, err
	}
	exempt, err := newExempt(o.exempt, vocab)
	if err != nil {
		return nil, err
	}
	m := &Mark{
		scheme: scheme, vocab: vocab, keyID: key.ID(),
		band: o.band, in: in, lane: o.lane, payload: o.payload, masked: o.mask, prompts: !o.skipPrompt,
		scored: o.scored, exempt: exempt, test: testRules{exempt: o.exempt},
		scratch: &sync.Pool{New: func() any { return new(scratch) }},
	}
	if g, ok := scheme.(GreenList); ok {
		m.gate = g.Gate
	}
	m.use(bound)
	m.id = m.identity()
	return m, nil
}

// use sets the mark's scheme, bound to its key.
func (m *Mark) use(b boundScheme) {
	m.bound = b
	m.bias, _ = b.(boundBias)
	m.keyed, _ = b.(boundDraw)
}

// identity returns an ID that names everything that a score depends on, and does not hold a secret.
func (m *Mark) identity() string {
	id := fmt.Sprintf("isotope/1 %v vocab=%d key=%s", m.scheme, m.vocab, m.keyID)
	if !m.band.isEverything() {
		id += fmt.Sprintf(" band=[%d,%d)@%s", m.band.Lo, m.band.Hi, m.band.Selector.ID())
	}
	if m.lane != (Lane{}) {
		id += fmt.Sprintf(" lane=%d/%d", m.lane.Group, m.lane.Index)
	}
	if m.payload.Bits > 0 { // not the message, which scores do not depend on
		id += fmt.Sprintf(" payload=%d", m.payload.Bits)
	}
	if m.half == secondHalf { // the first half has the lists of a mark of one key
		id += " second"
	}
	return id
}

// ID returns the name of the mark: scheme, vocabulary, key fingerprint, band, lane and number of payload
// bits. Marks with equal IDs score alike. An ID does not hold a secret or a message.
func (m *Mark) ID() string { return m.id }

// KeyID returns the fingerprint of the mark's key.
func (m *Mark) KeyID() string { return m.keyID }

// Scheme returns the parameters of the mark.
func (m *Mark) Scheme() Scheme { return m.scheme }

// Width returns the number of context tokens that decide a position, 0 to [MaxWidth].
func (m *Mark) Width() int { return m.scheme.contextWidth() }

// Vocab returns the vocabulary size.
func (m *Mark) Vocab() int { return m.vocab }

// Lane returns the mark's place in a group of tenants that share a key.
func (m *Mark) Lane() Lane { return m.lane }

// IsKeyedDraw reports whether the mark is a keyed draw ([GumbelMax], [Tournament]), which comes after
// truncation, and not a bias of raw logits.
func (m *Mark) IsKeyedDraw() bool { return m.keyed != nil }

// MasksRepeats reports whether a [Sequence] leaves repeated contexts unmarked; see [MaskRepeats].
func (m *Mark) MasksRepeats() bool { return m.masked }

// Salted returns the mark with a salt, the number of a request. The salt decides which of two keys a
// context uses; see [GumbelMax]. Scores, the ID and marks of one key do not depend on it. New makes
// marks with salt 0.
func (m *Mark) Salted(salt uint32) *Mark {
	c := *m
	c.salt = salt
	return &c
}

// keyHalf identifies which of a two-key mark's keys a mark holds.
type keyHalf int

const (
	wholeKey keyHalf = iota
	firstHalf
	secondHalf
)

// Halves returns the two keyed draws of a [GumbelMax] with two keys, each as a mark of its own. One
// draws for the draft model of a [Speculation], the other for its target. Test the text with m. Dual
// should be the share of tokens that the first half draws. ok is false for any other mark.
func (m *Mark) Halves() (first, second *Mark, ok bool) {
	g, ok := m.bound.(*gumbelMax)
	if !ok || g.second == nil {
		return nil, nil, false
	}
	return m.halfOf(g, g.first, firstHalf), m.halfOf(g, g.second, secondHalf), true
}

func (m *Mark) halfOf(g *gumbelMax, f *uniforms, which keyHalf) *Mark {
	c := *m
	c.half = which
	c.scheme = GumbelMax{Width: g.params.Width}
	c.use(&gumbelMax{params: GumbelMax{Width: g.params.Width}, lane: g.lane, first: f, weights: [2]uint64{256, 0}})
	c.id = c.identity()
	return &c
}

// Variant returns which key of a profile with several [Profile.Variants] the mark has, from 0. It is 0
// for any other mark.
func (m *Mark) Variant() int { return m.variant }

// Exempt returns the ids that a test of the mark never scores, in ascending order: those of its profile,
// or of [ScoredOnly]. A mark that was made with ScoredOnly does not mark them either. Package detect
// leaves them out by itself.
func (m *Mark) Exempt() []Token { return slices.Clone(m.test.exempt) }

// Dedup returns what a test of the mark scores once, as its profile says: [DedupPair] or
// [DedupContext]. It is "" for a mark that was not made from a profile. Package detect follows it by
// itself.
func (m *Mark) Dedup() string { return m.test.dedup }

// ExemptShift returns what an engine adds to the logits of exempt ids where it adds the bias of
// [Sequence.Mask] itself, in nats: ln(1 + Gamma (e^Delta - 1)). At temperature 1 the odds of the other
// tokens against them are then, on average over keys, what they are without the mark. The colours of a
// few likely tokens still move the probability of an exempt id, where [Sequence.Process], which sees the
// row, keeps it. ExemptShift is 0 for a mark without exempt ids, and for a keyed draw.
func (m *Mark) ExemptShift() float32 {
	g, ok := m.scheme.(GreenList)
	if !ok || m.exempt == nil {
		return 0
	}
	return float32(math.Log1p(g.Gamma * math.Expm1(g.Delta)))
}

// IsScoredOnly reports whether the mark leaves alone what no test can score; see [ScoredOnly].
func (m *Mark) IsScoredOnly() bool { return m.scored }

// Process marks the row of the position that follows context, in place. It marks a row shorter
// than the vocabulary as far as it goes. It does not change the row if the context lies outside
// the mark's band. It never looks at repeats. Its working memory comes from a pool, so it does
// not allocate in a steady state.
//
// A mark that was made with [ScoredOnly] does not change the row after a context that no test scores.
// Pass it the published text alone. It never changes the logits of its exempt ids. If one of these is
// likely, a bias lowers all other logits alike, so that the exempt ids keep their probability at
// temperature 1.
//
// A green list takes raw logits, before temperature and truncation. It leaves NaN, infinities and
// entries past the vocabulary, as padded heads have them, unchanged. One with a Gate leaves a row of
// little choice unchanged.
//
// A keyed draw is the last step. It takes logits after temperature and truncation, with -Inf for what
// was truncated, and draws from their softmax. A GumbelMax leaves the drawn token finite and sets all
// others to -Inf. A Tournament leaves the logits of the reweighted probabilities, for an ordinary draw.
// Both set NaN and entries past the vocabulary to -Inf. Several +Inf share the mass. A row without an
// entry above -Inf stays as it is.
func (m *Mark) Process(logits []float32, context []Token) {
	s := m.scratch.Get().(*scratch)
	m.process(s, logits, context)
	m.scratch.Put(s)
}

func (m *Mark) process(s *scratch, logits []float32, context []Token) {
	switch {
	case !m.covers(&s.Scratch, context):
	case m.keyed != nil:
		m.processDraw(s, logits[:min(len(logits), m.vocab)], context, m.salt)
		for i := m.vocab; i < len(logits); i++ {
			logits[i] = negInf
		}
	case !m.isGated(s, logits):
		m.processBias(s, logits, context)
	}
}

// covers reports whether the mark marks the position that follows context.
func (m *Mark) covers(s *prf.Scratch, context []Token) bool {
	return (!m.scored || isScorable(context, m.Width(), m.vocab)) && m.in.has(s, context)
}

// isScorable reports whether a test of text can score the next token: it knows the context, and the
// vocabulary holds it. A vocab of 0 holds everything.
func isScorable(text []Token, width, vocab int) bool {
	if len(text) < width {
		return false
	}
	for _, t := range text[len(text)-width:] {
		if t < 0 || vocab > 0 && int(t) >= vocab {
			return false
		}
	}
	return true
}

// processBias is process for a bias and a context that it covers.
func (m *Mark) processBias(s *scratch, logits []float32, context []Token) {
	row := logits[:min(len(logits), m.vocab)]
	if m.exempt == nil {
		m.bias.process(&s.Scratch, row, context)
		return
	}
	t := m.biasAt(&s.Scratch, context)
	lift := s.scanner.lift(row, &t, s.scanner.scan(row), 1)
	s.saved = m.exempt.save(s.saved[:0], row)
	m.bias.process(&s.Scratch, row, context)
	if lift > 0 {
		for i := range row {
			row[i] -= lift
		}
	}
	m.exempt.restore(row, s.saved)
}

// biasAt returns the bias at a context that the mark covers.
func (m *Mark) biasAt(s *prf.Scratch, context []Token) rowBias {
	t := m.bias.biasAt(s, context)
	t.exempt = m.exempt
	return t
}

// processDraw is process for a keyed draw, a row within the vocabulary, and a context that it covers.
func (m *Mark) processDraw(s *scratch, row []float32, context []Token, salt uint32) {
	if g, ok := m.keyed.(*gumbelMax); ok && m.exempt == nil {
		if top := s.scanner.scan(row); s.scanner.bounded(top, 1) {
			m.keyed.setContext(s, context)
			c := g.chooseOfRow(s, row, &rowBias{}, top, 1, salt, nil)
			leave(row, c)
			return
		}
	}
	list := keepTopK(s.list[:0], row, 0)
	s.list = list
	if len(list) == 0 {
		return
	}
	softmax(list, 1)
	m.keyed.setContext(s, context)
	m.settle(s, list, salt)
	leave(row, list...)
}

// settle changes the weights of candidates so that an ordinary draw makes the keyed one. Exempt
// candidates keep theirs, and the others together have what they had.
func (m *Mark) settle(s *scratch, list []candidate, salt uint32) {
	if m.exempt == nil {
		m.keyed.settle(s, list, salt)
		return
	}
	var others float64
	s.scanner.weights = s.scanner.weights[:0]
	for i := range list {
		c := &list[i]
		w := 0.0
		if m.exempt.has(c.id) {
			w, c.weight = c.weight, 0
		}
		s.scanner.weights = append(s.scanner.weights, w)
		others += c.weight
	}
	m.keyed.settle(s, list, salt)
	var now float64
	for _, c := range list {
		now += c.weight
	}
	for i := range list {
		if w := s.scanner.weights[i]; w > 0 {
			list[i].weight = w
		} else if now > 0 {
			list[i].weight *= others / now
		}
	}
}

// choose draws among candidates by the keyed draw, in the current context. It returns an index, or -1
// if no weight is positive. It may change weights.
func (m *Mark) choose(s *scratch, list []candidate, salt uint32, u float64) int {
	i, u := m.exempt.split(list, u)
	if i >= 0 {
		return i
	}
	return m.keyed.choose(s, list, salt, u)
}

// leave sets the entries of candidates to the logarithms of their weights, and all others to -Inf.
func leave(logits []float32, list ...candidate) {
	for i := range logits {
		logits[i] = negInf
	}
	for _, c := range list {
		if c.weight > 0 {
			logits[c.id] = float32(math.Log(c.weight))
		}
	}
}

// Mask writes the green list of the position that follows context as a bitmap: token v is bit v%64 of
// dst[v/64]. A Gate needs the row, so Mask does not know it. A whole vocabulary takes (Vocab()+63)/64 words. Mask fills a shorter dst as far as it
// goes, and does not change words past the vocabulary. The bitmap is 0 for a context outside the mark's
// band, and for a keyed draw. [Sequence.Mask] also knows repeats and several bands.
func (m *Mark) Mask(dst []uint64, context []Token) {
	n := min(m.vocab, 64*len(dst))
	s := m.scratch.Get().(*scratch)
	if m.bias != nil && m.covers(&s.Scratch, context) {
		m.bias.mask(&s.Scratch, dst, n, context)
		m.exempt.unmask(dst, n)
	} else {
		clear(dst[:(n+63)/64])
	}
	m.scratch.Put(s)
}

// Pick draws among the survivors of truncation: ids in any order, with probabilities that need not sum
// to 1. It returns an index into ids, or -1 if no probability is positive. Negative and infinite
// probabilities and NaN count as 0, and so do those of ids outside the vocabulary. Pick ignores ids and
// probabilities without a partner. Like Process it never looks at repeats; [Sequence.Draw] and
// [Sequence.Pick] do.
//
// u in [0,1) is an ordinary random number. It draws for contexts outside the band, for a green list, and
// for what a Tournament leaves to chance. A Gate looks at the survivors. A green list multiplies the probabilities of green tokens by
// e^delta first, as Process and a softmax at temperature 1 would.
func (m *Mark) Pick(ids []Token, probs []float32, context []Token, u float64) int {
	n := min(len(ids), len(probs))
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	s.list = appendCandidates(s.list[:0], ids[:n], probs[:n], m.vocab)
	switch {
	case !m.covers(&s.Scratch, context):
		return drawIndex(s.list, u)
	case m.keyed == nil:
		if m.gate == 0 || entropyOf(s.list) > m.gate {
			t := m.biasAt(&s.Scratch, context)
			t.weigh(s.list, m.bias.factor())
		}
		return drawIndex(s.list, u)
	}
	m.keyed.setContext(s, context)
	return m.choose(s, s.list, m.salt, u)
}

// appendCandidates appends ids with their probabilities as weights. Ids outside the vocabulary have
// weight 0; a vocab of 0 holds every id.
func appendCandidates(list []candidate, ids []Token, probs []float32, vocab int) []candidate {
	for i, id := range ids {
		w := float64(probs[i])
		if !(w > 0) || math.IsInf(w, 1) || vocab > 0 && uint32(id) >= uint32(vocab) {
			w = 0
		}
		list = append(list, candidate{id: id, weight: w})
	}
	return list
}
