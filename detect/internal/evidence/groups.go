package evidence

import "slices"

// A UnitNamer is a Scorer that names the distinct input of its function. Package detect
// documents it.
type UnitNamer interface {
	Scorer
	AppendUnit(dst []byte, p Pair) []byte
}

// A ContextNamer is a UnitNamer whose names are the seed of a context and a token. Package detect
// documents it.
type ContextNamer interface {
	UnitNamer
	AppendSeed(dst []byte, context []Token) []byte
}

// A unitGroup is the units of the set that are one input of a scorer's function.
type unitGroup struct {
	first    int   // number of the first unit
	count    int64 // positions of all units, at least 1
	given    uint8 // largest weight that the caller gave to one of the units
	excluded bool  // one of the units is excluded or exempt
}

// groups merges the units that a scorer calls one input, in the order of their first units. A group
// is excluded if one of its units is, or if an excluded text has its input: a writer who saw that text
// knows the score of the group.
func (e *Evidence) groups(s UnitNamer) []unitGroup {
	var groups []unitGroup
	var key []byte
	var context []Token
	places := make(map[string]int)
	for i := range e.set.Len() {
		u := e.set.Unit(i)
		context = e.set.AppendContext(context[:0], i)
		key = s.AppendUnit(key[:0], Pair{Context: slices.Clip(context), Token: u.Token})
		at, ok := places[string(key)]
		if !ok {
			at = len(groups)
			places[string(key)] = at
			groups = append(groups, unitGroup{first: i})
		}
		g := &groups[at]
		g.count += u.Count
		g.given = max(g.given, u.Weight)
		g.excluded = g.excluded || u.Excluded || e.isExempt(u.Token)
	}
	if len(e.given) > 0 {
		e.excludeGiven(s, groups, places)
	}
	return groups
}

// excludeGiven excludes the groups whose input an excluded text has. If the function reads the
// context alone, these are all tokens after its seed, as for an excluded context. Otherwise it is
// the pair. places finds a group by its name.
func (e *Evidence) excludeGiven(s UnitNamer, groups []unitGroup, places map[string]int) {
	var name []byte
	if e.config.Naming == NamesUnits {
		for packed := range e.given {
			ids := Unpack(packed)
			last := len(ids) - 1
			name = s.AppendUnit(name[:0], Pair{Context: ids[:last:last], Token: ids[last]})
			if at, ok := places[string(name)]; ok {
				groups[at].excluded = true
			}
		}
		return
	}
	c := s.(ContextNamer)
	seeds := make(map[string]struct{}, len(e.given))
	for packed := range e.given {
		name = c.AppendSeed(name[:0], Unpack(packed))
		seeds[string(name)] = struct{}{}
	}
	var context []Token
	for i := range groups {
		context = e.set.AppendContext(context[:0], groups[i].first)
		name = c.AppendSeed(name[:0], slices.Clip(context))
		if _, ok := seeds[string(name)]; ok {
			groups[i].excluded = true
		}
	}
}

// scoreGroups is ScoreNoting for a scorer that names its inputs.
func (e *Evidence) scoreGroups(t *Tally, s UnitNamer, scored func(unit int, score int64)) {
	groups := e.groups(s)
	pairs, scores := make([]Pair, 0, Batch), make([]int64, 0, Batch)
	for from := 0; from < len(groups); from += Batch {
		part := groups[from:min(from+Batch, len(groups))]
		pairs = pairs[:0]
		for _, g := range part {
			pairs = append(pairs, Pair{Context: e.set.AppendContext(nil, g.first), Token: e.set.Unit(g.first).Token})
		}
		if scores = s.Score(scores[:0], pairs); len(scores) != len(pairs) {
			panic("detect: the scorer did not return one score for each pair")
		}
		for i, g := range part {
			t.Skipped.Sampled -= g.count
			u := e.set.Unit(g.first)
			u.Count, u.Weight = g.count, g.given
			if t.unit(scores[i], e.config.Weighting.of(u), g.count, g.excluded) && scored != nil {
				scored(g.first, scores[i])
			}
		}
	}
}
