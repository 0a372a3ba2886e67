package watermark

import (
	"fmt"
	"math"
	"sync"

	"github.com/isotope-wm/isotope/internal/prf"
)

// A Token is a vocabulary index, as the model's own tokenizer numbers it.
type Token = int32

const (
	// MaxWidth is the largest context width.
	MaxWidth = prf.MaxWidth
	// MaxVocab is the largest vocabulary: ids are below 2^24-1.
	MaxVocab = prf.MaxVocab
)

// A Scheme is the public parameters of a mark: a comparable struct. [GreenList] is a
// bias of the logits; [GumbelMax] and [Tournament] are keyed draws, which can leave the
// distribution of each token as it is.
type Scheme interface {
	fmt.Stringer
	contextWidth() int
	masksRepeats() bool // unless an option says otherwise
	bind(leaf *[prf.LeafSize]byte, lane Lane) (boundScheme, error)
}

// bound is a Scheme under a key: a bias or a keyedDraw. Its methods are called with
// contexts of the band.
type boundScheme interface {
	score(s *prf.Scratch, p Pair) int64
	parts(s *prf.Scratch, p Pair, dst []int64) []int64
	law() Law
	unweighted() boundScheme // itself if its scores have no weights
}

// bias is a bound scheme that changes raw logits.
type boundBias interface {
	boundScheme
	process(s *prf.Scratch, logits []float32, context []Token)
	mask(s *prf.Scratch, dst []uint64, n int, context []Token)
	pick(s *prf.Scratch, ids []Token, probs []float32, context []Token, u float64) int
	biasAt(s *prf.Scratch, context []Token) rowBias
}

// keyedDraw is a bound scheme that draws among the candidates that truncation left.
type boundDraw interface {
	boundScheme
	setContext(s *scratch, context []Token)
	// choose returns the index of the drawn candidate, or -1 when none has a positive
	// weight. It may change weights.
	choose(s *scratch, list []candidate, salt uint32, u float64) int
	// settle leaves the weights with which an ordinary draw makes the keyed one.
	settle(s *scratch, list []candidate, salt uint32)
}

// scratch is the working memory of one caller.
type scratch struct {
	prf.Scratch
	list    []candidate
	bits    []uint32
	scanner rowScanner
}

// A Mark is a [Scheme] bound to a [Key]. It is immutable, safe for concurrent use
// without locks, and a pure function of the last Width tokens, so that engines may
// speculate, roll back, search in beams and retry.
//
// A context is given with its newest token last; only its last Width tokens count.
// A context shorter than that is the start of a text, which is a context like any
// other. So is one that holds an id outside [0, [MaxVocab]): such an id counts as
// absent.
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
	scratch *sync.Pool // shared by copies
}

// New binds scheme to key for a vocabulary of vocab ids, in [1, [MaxVocab]]. What is
// wrong with a parameter is a [*ParamError]. The vocabulary size is not part of the
// lists: padding a vocabulary changes no decision.
func New(key Key, scheme Scheme, vocab int, opts ...Option) (*Mark, error) {
	if key.IsZero() {
		return nil, paramError("key", "is the zero Key; make one with NewKey or read one with ReadKeyFile")
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
	m := &Mark{
		scheme: scheme, vocab: vocab, keyID: key.ID(),
		band: o.band, in: in, lane: o.lane, payload: o.payload, masked: o.mask, prompts: !o.skipPrompt,
		scratch: &sync.Pool{New: func() any { return new(scratch) }},
	}
	m.use(bound)
	m.id = m.identity()
	return m, nil
}

// use makes b the mark's bound scheme.
func (m *Mark) use(b boundScheme) {
	m.bound = b
	m.bias, _ = b.(boundBias)
	m.keyed, _ = b.(boundDraw)
}

// identity spells out everything that a score depends on, and no secret.
func (m *Mark) identity() string {
	id := fmt.Sprintf("isotope/1 %v vocab=%d key=%s", m.scheme, m.vocab, m.keyID)
	if !m.band.isEverything() {
		id += fmt.Sprintf(" band=[%d,%d)@%s", m.band.Lo, m.band.Hi, m.band.Selector.ID())
	}
	if m.lane != (Lane{}) {
		id += fmt.Sprintf(" lane=%d/%d", m.lane.Group, m.lane.Index)
	}
	if m.payload.Bits > 0 { // scores do not depend on the message
		id += fmt.Sprintf(" payload=%d", m.payload.Bits)
	}
	if m.half == secondHalf { // the first has the lists of a mark of one key
		id += " second"
	}
	return id
}

// ID names the mark: scheme, vocabulary, key fingerprint, band, lane and the number of
// payload bits. Marks with equal IDs score alike. It holds no secret and no message.
func (m *Mark) ID() string { return m.id }

// KeyID returns the fingerprint of the mark's key.
func (m *Mark) KeyID() string { return m.keyID }

// Scheme returns the parameters the mark was made with.
func (m *Mark) Scheme() Scheme { return m.scheme }

// Width returns the number of context tokens that decide a position.
func (m *Mark) Width() int { return m.scheme.contextWidth() }

// Vocab returns the vocabulary size.
func (m *Mark) Vocab() int { return m.vocab }

// IsKeyedDraw reports whether the mark is a keyed draw ([GumbelMax], [Tournament]), which
// comes after truncation, and not a bias of raw logits.
func (m *Mark) IsKeyedDraw() bool { return m.keyed != nil }

// MasksRepeats reports whether a [Sequence] leaves repeated contexts unmarked.
func (m *Mark) MasksRepeats() bool { return m.masked }

// Salted returns the mark for the request of a salt, which decides which of its two keys a
// context has; see [GumbelMax]. Scores and ID do not depend on it, and marks of one key do
// not. A mark is made with salt 0.
func (m *Mark) Salted(salt uint32) *Mark {
	c := *m
	c.salt = salt
	return &c
}

// half says which key of a mark of two keys a mark has alone.
type keyHalf int

const (
	wholeKey keyHalf = iota
	firstHalf
	secondHalf
)

// Halves returns the two keyed draws of a [GumbelMax] with two keys, each as a mark of its
// own: one draws for the draft model of a [Speculation], the other for its target. The text
// is tested with m, and Dual should be the share of tokens that the first draws. ok is
// false for any other mark.
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

// Process is the logits processor: it marks the row of the position that follows context,
// in place. Entries of the row past the vocabulary, as padded heads have them, are not
// drawn: a bias leaves them alone, a keyed draw sets them to -Inf. A row shorter than the
// vocabulary is marked as far as it goes, and a context outside the mark's band changes
// nothing. It never looks at repeats. Its working memory comes from a pool, so that it does
// not allocate in a steady state; a [Sequence] has its own and never does.
//
// A green list takes raw logits, before truncation; NaN and infinities stay
// what they are.
//
// A keyed draw is the last step, on logits that temperature and truncation have been
// applied to, the truncated ones -Inf; their softmax is what is drawn from. A GumbelMax
// leaves the drawn token finite and sets all others to -Inf. A Tournament leaves the logits
// of the reweighted probabilities, for an ordinary draw. NaN is never drawn and becomes
// -Inf; several +Inf share the mass. A row in which nothing is above -Inf stays what it is.
func (m *Mark) Process(logits []float32, context []Token) {
	s := m.scratch.Get().(*scratch)
	m.process(s, logits, context)
	m.scratch.Put(s)
}

func (m *Mark) process(s *scratch, logits []float32, context []Token) {
	switch {
	case !m.in.has(&s.Scratch, context):
	case m.keyed != nil:
		m.processDraw(s, logits, context, m.salt)
	default:
		m.bias.process(&s.Scratch, logits[:min(len(logits), m.vocab)], context)
	}
}

// processDraw is process for a keyed draw and a context of its band.
func (m *Mark) processDraw(s *scratch, logits []float32, context []Token, salt uint32) {
	row := logits[:min(len(logits), m.vocab)]
	if g, ok := m.keyed.(*gumbelMax); ok {
		if top := s.scanner.scan(row); s.scanner.bounded(top, 1) {
			m.keyed.setContext(s, context)
			c := g.chooseOfRow(s, row, &rowBias{}, top, 1, salt)
			leave(logits, c)
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
	m.keyed.settle(s, list, salt)
	leave(logits, list...)
}

// leave sets a row to the logarithms of the weights of candidates, and to -Inf elsewhere.
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

// Mask writes the green list of the position that follows context as a bitmap:
// token v is bit v%64 of dst[v/64]. A whole vocabulary takes (Vocab()+63)/64 words;
// a shorter dst is filled as far as it goes, and words past the vocabulary are left
// alone. Outside the mark's band nothing is green, and a keyed draw has no green list.
func (m *Mark) Mask(dst []uint64, context []Token) {
	n := min(m.vocab, 64*len(dst))
	s := m.scratch.Get().(*scratch)
	if m.bias != nil && m.in.has(&s.Scratch, context) {
		m.bias.mask(&s.Scratch, dst, n, context)
	} else {
		clear(dst[:(n+63)/64])
	}
	m.scratch.Put(s)
}

// Pick draws among the survivors of truncation: ids with their probabilities, which need
// not sum to 1, in any order. It returns an index into ids, or -1 when no probability is
// positive. u in [0,1) is an ordinary random number, used wherever nothing is keyed:
// outside the band, by a green list, and in a Tournament for what it leaves to chance. For
// a green list Pick is the mark: each probability is weighted by e^delta on green, as
// Process and a softmax at temperature 1 would, and u draws. Extra ids or probabilities
// without a partner are ignored; what is negative, infinite or no number counts as 0. Like
// Process it never looks at repeats; [Sequence.Pick] does.
func (m *Mark) Pick(ids []Token, probs []float32, context []Token, u float64) int {
	n := min(len(ids), len(probs))
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	switch {
	case !m.in.has(&s.Scratch, context):
		return draw(probs[:n], u, nil)
	case m.keyed == nil:
		return m.bias.pick(&s.Scratch, ids[:n], probs[:n], context, u)
	}
	s.list = appendCandidates(s.list[:0], ids[:n], probs[:n])
	m.keyed.setContext(s, context)
	return m.keyed.choose(s, s.list, m.salt, u)
}

// appendCandidates appends ids with their probabilities as weights.
func appendCandidates(list []candidate, ids []Token, probs []float32) []candidate {
	for i, id := range ids {
		w := float64(probs[i])
		if !(w > 0) || math.IsInf(w, 1) {
			w = 0
		}
		list = append(list, candidate{id: id, weight: w})
	}
	return list
}
