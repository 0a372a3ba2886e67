package evidence

import (
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"math/bits"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tokset"
	"github.com/isotope-wm/isotope/watermark"
)

// A Token is a vocabulary index.
type Token = watermark.Token

// A Pair is a token and the context that decided it.
type Pair = watermark.Pair

// A Weighting is the rule for the weight of a unit. Package detect documents the rules.
type Weighting uint8

// The rules for weights.
const (
	WeightOne Weighting = iota
	WeightGiven
	WeightCounts
)

// of returns the weight of a unit, from 0 to null.MaxWeight.
func (w Weighting) of(u tokset.Unit) uint8 {
	switch w {
	case WeightGiven:
		return u.Weight
	case WeightCounts:
		return uint8(min(bits.Len64(uint64(u.Count)), null.MaxWeight))
	default:
		return 1
	}
}

// A Config decides what is kept of a text.
type Config struct {
	Width     int       // context width, 0 to watermark.MaxWidth
	Vocab     int       // vocabulary size, 1 to watermark.MaxVocab
	ByContext bool      // the unit is the context, not the pair
	Weighting Weighting // rule for the weights of units
	// SampleSize bounds the number of units, from 0 to 2^30. 0 keeps all. RunKey orders them.
	SampleSize int
	RunKey     [16]byte
	Exempt     []Token // sorted ids that are never scored
	// Naming says how several pairs can be one input of the scorers' function. Then excluded texts
	// take the pairs of other contexts out as well.
	Naming Naming
}

// A Naming is which names the scorers of Evidence have.
type Naming uint8

// The kinds of names.
const (
	NamesNothing Naming = iota // pairs are inputs
	NamesUnits                 // the scorers are UnitNamers
	NamesSeeds                 // they are ContextNamers
)

// NamingOf returns which names a scorer has.
func NamingOf(s Scorer) Naming {
	switch s.(type) {
	case ContextNamer:
		return NamesSeeds
	case UnitNamer:
		return NamesUnits
	default:
		return NamesNothing
	}
}

// Evidence is the deduplicated units to score, and the counts of skipped positions. It does not
// depend on a key. One goroutine at a time.
type Evidence struct {
	config Config
	units  tokset.Config
	set    *tokset.Set
	fixed  fixedCounts
	given  map[string]struct{} // packed pairs of excluded texts, or contexts for NamesSeeds
	kept   []watermark.Packed  // scratch of Counted
	whole  []watermark.Packed  // scratch of AddPacked
}

// fixedCounts counts positions. No key and no exclusion changes these counts.
type fixedCounts struct {
	tokens       int64 // all positions
	vocab        int64 // positions skipped for an id outside the vocabulary
	shortContext int64 // positions skipped for a context that is not whole
}

// New returns empty Evidence. It panics if the width or the vocabulary is out of range.
func New(c Config) *Evidence {
	if c.Width < 0 || c.Width > watermark.MaxWidth {
		panic("detect: the scorer's width is out of range")
	}
	if c.Vocab < 1 || c.Vocab > watermark.MaxVocab {
		panic("detect: the scorer's vocabulary is out of range")
	}
	rule := tokset.ByPair
	if c.ByContext {
		rule = tokset.ByContext
	}
	units := tokset.Config{Width: c.Width, Rule: rule, Size: c.SampleSize, RunKey: c.RunKey}
	e := &Evidence{config: c, units: units}
	e.set = tokset.New(e.units)
	if c.Naming != NamesNothing {
		e.given = make(map[string]struct{})
	}
	return e
}

// Add counts the positions of one text. weights has one weight for each token, or is nil if all
// are 1.
func (e *Evidence) Add(tokens []Token, weights []uint8) { e.addNoting(tokens, weights, nil) }

// AddParts counts the positions of one text in parts, which begin at 0 and at each of breaks. The
// breaks ascend and lie within the text. Contexts do not reach from a part into the one before.
func (e *Evidence) AddParts(tokens []Token, breaks []int) { e.addPartsNoting(tokens, breaks, nil) }

// addPartsNoting is AddParts, and calls first as addNoting does.
func (e *Evidence) addPartsNoting(tokens []Token, breaks []int, first func(position int)) {
	if len(breaks) == 0 {
		e.addNoting(tokens, nil, first)
		return
	}
	e.set.BeginText()
	from := 0
	for i := range len(breaks) + 1 {
		to := len(tokens)
		if i < len(breaks) {
			to = breaks[i]
		}
		at := from
		part := first
		if first != nil {
			part = func(position int) { first(at + position) }
		}
		e.addRuns(tokens[from:to], nil, part)
		from = to
	}
}

// AddWeighted is Add with weights from the caller. It panics if they do not fit the text or the
// Config.
func (e *Evidence) AddWeighted(tokens []Token, weights []uint8) {
	switch {
	case e.config.Weighting != WeightGiven:
		panic("detect: weights need the Weighting WeightGiven")
	case len(weights) != len(tokens):
		panic("detect: the number of weights differs from the number of tokens")
	case slices.ContainsFunc(weights, func(w uint8) bool { return w > null.MaxWeight }):
		panic("detect: a weight is above MaxWeight")
	}
	e.Add(tokens, weights)
}

// addNoting is Add. If first is not nil, it calls first for each position that begins a unit, in
// the order of the units.
func (e *Evidence) addNoting(tokens []Token, weights []uint8, first func(position int)) {
	e.set.BeginText()
	e.addRuns(tokens, weights, first)
}

// addRuns is addNoting for a part of the current text.
func (e *Evidence) addRuns(tokens []Token, weights []uint8, first func(position int)) {
	e.fixed.tokens += int64(len(tokens))
	for from := 0; from < len(tokens); {
		if !e.inVocab(tokens[from]) {
			e.fixed.vocab++
			from++
			continue
		}
		to := from + 1
		for to < len(tokens) && e.inVocab(tokens[to]) {
			to++
		}
		e.run(tokens, weights, from, to, first)
		from = to
	}
}

// run counts the positions [from, to) of a text. All of them are in the vocabulary. The position
// before from is outside the vocabulary, unless the text starts at from.
func (e *Evidence) run(tokens []Token, weights []uint8, from, to int, first func(position int)) {
	if short := int64(min(e.config.Width, to-from)); from > 0 {
		e.fixed.vocab += short
	} else {
		e.fixed.shortContext += short
	}
	if weights != nil {
		weights = weights[from:to]
	}
	if first == nil || from == 0 {
		e.set.AddRun(tokens[from:to], weights, first)
		return
	}
	e.set.AddRun(tokens[from:to], weights, func(position int) { first(from + position) })
}

// AddPair counts one position as a text of its own: next after the last Width tokens of context.
// It counts the first reason that applies, in the order of the fields of Skipped.
func (e *Evidence) AddPair(context []Token, next Token) {
	e.set.BeginText()
	context = context[max(0, len(context)-e.config.Width):]
	e.fixed.tokens++
	switch {
	case !e.inVocab(next) || slices.ContainsFunc(context, func(t Token) bool { return !e.inVocab(t) }):
		e.fixed.vocab++
	case len(context) < e.config.Width:
		e.fixed.shortContext++
	default:
		e.set.Add(context, next, 1)
	}
}

// AddPacked is AddPair for each of packed pairs, in less time. The width is at most
// watermark.MaxPackedWidth.
func (e *Evidence) AddPacked(pairs []watermark.Packed) {
	e.fixed.tokens += int64(len(pairs))
	kept, all := e.whole[:0], true // all: none was left out or changed so far
	for i := range pairs {
		in := pairs[i]
		switch e.examine(&in) {
		case outside:
			e.fixed.vocab++
		case short:
			e.fixed.shortContext++
		case same:
			if !all {
				kept = append(kept, in)
			}
			continue
		case changed:
			if !all {
				kept = append(kept, in)
				continue
			}
			kept = append(append(kept, pairs[:i]...), in)
			all = false
			continue
		}
		if all {
			kept = append(kept, pairs[:i]...)
			all = false
		}
	}
	if e.whole = kept; all {
		kept = pairs
	}
	e.set.AddInputs(kept)
}

// What examine says about a pair.
const (
	same    = iota // it is that of the width
	changed        // it became that of the width
	outside        // an id is outside the vocabulary
	short          // the context is not whole
)

// examine drops the ids of a pair that are older than its context.
func (e *Evidence) examine(in *watermark.Packed) int {
	const absent = 1<<24 - 1
	says := same
	if !e.inVocab(Token(binary.BigEndian.Uint32(in[IDSize*watermark.MaxPackedWidth:]))) {
		return outside
	}
	for j := range watermark.MaxPackedWidth {
		at := in[IDSize*j : IDSize*(j+1)]
		id := Token(at[0]) | Token(at[1])<<8 | Token(at[2])<<16
		switch {
		case j < watermark.MaxPackedWidth-e.config.Width:
			if id != absent {
				at[0], at[1], at[2] = 0xff, 0xff, 0xff
				says = max(says, changed)
			}
		case id == absent:
			says = short
		case !e.inVocab(id):
			return outside
		}
	}
	return says
}

// Exclude takes every context that occurs in tokens out of the test. The context after the last
// token is one of them.
func (e *Evidence) Exclude(tokens []Token) {
	if len(tokens) == 0 {
		return
	}
	for end := e.config.Width; end <= len(tokens); end++ {
		e.set.Exclude(tokens[end-e.config.Width : end])
	}
	n := e.givenLen()
	for end := n; n > 0 && end <= len(tokens); end++ {
		// No unit has a foreign id.
		if ids := tokens[end-n : end]; !slices.ContainsFunc(ids, func(t Token) bool { return !e.inVocab(t) }) {
			e.given[string(Pack(nil, ids...))] = struct{}{}
		}
	}
}

// givenLen returns the number of ids in an element of given, 0 if nothing is kept.
func (e *Evidence) givenLen() int {
	switch e.config.Naming {
	case NamesSeeds:
		return e.config.Width
	case NamesUnits:
		return e.config.Width + 1
	default:
		return 0
	}
}

// Merge adds what other holds. Both must have one Config.
func (e *Evidence) Merge(other *Evidence) {
	e.set.Merge(other.set)
	if e.config.Naming == other.config.Naming {
		maps.Copy(e.given, other.given)
	}
	e.fixed.tokens += other.fixed.tokens
	e.fixed.vocab += other.fixed.vocab
	e.fixed.shortContext += other.fixed.shortContext
}

// Clone returns an independent copy.
func (e *Evidence) Clone() *Evidence {
	c := *e
	c.set, c.given, c.kept, c.whole = e.set.Clone(), maps.Clone(e.given), nil, nil
	return &c
}

// Reset forgets everything and keeps the memory.
func (e *Evidence) Reset() {
	e.set.Reset()
	clear(e.given)
	e.fixed = fixedCounts{}
}

func (e *Evidence) inVocab(t Token) bool { return t >= 0 && int(t) < e.config.Vocab }

func (e *Evidence) isExempt(t Token) bool {
	_, ok := slices.BinarySearch(e.config.Exempt, t)
	return ok
}

// A Unit is what a test scores once.
type Unit struct {
	Pair
	Count    int64 // positions that the unit stands for
	Excluded bool  // its context occurs in an excluded text, or its token is exempt
}

// Units yields the units that s scores, with contexts of their own. It drops the index of a large set,
// and the next text makes it again: whoever lists units seldom adds more.
func (e *Evidence) Units(s Scorer) iter.Seq[Unit] {
	return func(yield func(Unit) bool) {
		if namer, ok := s.(UnitNamer); ok {
			for _, g := range e.groups(namer) {
				u := e.unit(g.first)
				u.Context = e.Context(g.first)
				u.Count, u.Excluded = g.count, g.excluded
				if !yield(u) {
					return
				}
			}
			return
		}
		e.set.Pack()
		var ids []Token // room for the contexts of the next units
		for i := range e.set.Len() {
			if cap(ids)-len(ids) < e.config.Width {
				ids = make([]Token, 0, Batch*e.config.Width)
			}
			u := e.unit(i)
			at := len(ids)
			ids = e.set.AppendContext(ids, i)
			u.Context = ids[at:len(ids):len(ids)]
			if !yield(u) {
				return
			}
		}
	}
}

// unit returns a unit by the number that ScoreNoting reports, without its context.
func (e *Evidence) unit(i int) Unit {
	u := e.set.Unit(i)
	return Unit{
		Pair:     Pair{Token: u.Token},
		Count:    u.Count,
		Excluded: u.Excluded || e.isExempt(u.Token),
	}
}

// Context returns the context of a unit, by the number that ScoreNoting reports.
func (e *Evidence) Context(unit int) []Token { return e.set.AppendContext(nil, unit) }

// Weight returns the weight of a unit, by the number that ScoreNoting reports.
func (e *Evidence) Weight(unit int) uint8 { return e.config.Weighting.of(e.set.Unit(unit)) }

// MaxPositions bounds the number of positions of all texts together. A few such numbers add up
// without overflow.
const MaxPositions = 1 << 60

// AppendBinary appends the units and counts. Evidence that holds the same units has the same
// bytes, whatever the order of the text was.
func (e *Evidence) AppendBinary(dst []byte) []byte {
	for _, n := range []int64{e.fixed.tokens, e.fixed.vocab, e.fixed.shortContext} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	dst = e.set.AppendBinary(dst)
	for _, ids := range slices.Sorted(maps.Keys(e.given)) {
		dst = append(dst, ids...)
	}
	return dst
}

// Decode replaces the units and counts with those that AppendBinary wrote. After an error
// nothing has changed. len(data) bounds the memory.
func (e *Evidence) Decode(data []byte) error {
	var f fixedCounts
	for _, n := range []*int64{&f.tokens, &f.vocab, &f.shortContext} {
		if len(data) < 8 {
			return errors.New("the data ends early")
		}
		*n = int64(binary.LittleEndian.Uint64(data))
		data = data[8:]
	}
	set, data, err := tokset.Decode(data, e.units, e.config.Vocab, null.MaxWeight)
	if err != nil {
		return errors.New("the pairs are damaged")
	}
	given, err := e.decodeGiven(data)
	if err != nil {
		return err
	}
	// Each part is within the whole, so that sums of parts do not overflow.
	within := func(n int64) bool { return n >= 0 && n <= f.tokens }
	if !within(f.vocab) || !within(f.shortContext) || f.tokens > MaxPositions ||
		f.vocab+f.shortContext+set.Positions() != f.tokens {
		return errors.New("the counts do not add up")
	}
	e.set, e.fixed, e.given = set, f, given
	return nil
}

// decodeGiven reads the elements of given, which ascend.
func (e *Evidence) decodeGiven(data []byte) (map[string]struct{}, error) {
	size := e.givenLen() * IDSize
	if size == 0 && len(data) > 0 {
		return nil, errors.New("the pairs are damaged")
	}
	if e.given == nil {
		return nil, nil
	}
	given, last := make(map[string]struct{}), ""
	for ; len(data) > 0; data = data[size:] {
		if len(data) < size || string(data[:size]) <= last && len(given) > 0 || !AllBelow(string(data[:size]), e.config.Vocab) {
			return nil, errors.New("the excluded texts are damaged")
		}
		last = string(data[:size])
		given[last] = struct{}{}
	}
	return given, nil
}
