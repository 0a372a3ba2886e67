package detect

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// A Tail is the p-value of one test, without what the test would have detected.
type Tail struct {
	Scored int64 // scored units, at least 0
	Green  int64 // green units, at most Scored; 0 if scores are not colours
	Sum    int64 // sum of the scores
	// Log10P is log10 of the p-value of this test alone, as [Result.Log10P].
	Log10P float64
}

// Smallest returns the number of the scorer with the smallest p-value, in the order that NewPanel
// received, and its Tail. Of equal p-values the first counts. The numbers are those of
// [Panel.Results]. Smallest takes much less time, since it computes neither power nor verdict, and
// counts the tenants of a [watermark.Lane] group together.
//
// The p-value is not adjusted. It is the smallest of as many tests as the Panel has scorers.
func (p *Panel) Smallest() (scorer int, t Tail) {
	if p.lanes == nil {
		p.lanes = laneGroups(p.scorers)
	}
	best := -1
	// Of tests with one law and equal units the largest sum has the smallest p-value.
	type kind struct {
		law   watermark.Law
		units null.Units
	}
	type largest struct {
		scorer int
		tally  evidence.Tally
	}
	found := make(map[kind]*largest)
	var order []*largest
	note := func(i int, tally *evidence.Tally) {
		k := kind{p.scorers[i].Law(), *tally.Units()}
		l, ok := found[k]
		switch {
		case !ok:
			l = &largest{i, *tally}
			found[k] = l
			order = append(order, l)
		case l.tally.Sum().Less(tally.Sum()) || l.tally.Sum() == tally.Sum() && i < l.scorer:
			*l = largest{i, *tally}
		}
	}
	counted := make([]bool, len(p.scorers))
	for _, g := range p.lanes {
		var green [watermark.MaxLanes]int64
		e := p.evidence[p.of[g.members[0]]]
		units, ok := e.CountLanes(p.scorers[g.members[0]].(*watermark.Mark), &green)
		if !ok {
			continue
		}
		for _, i := range g.members {
			counted[i] = true
			n := green[p.scorers[i].(*watermark.Mark).Lane().Index]
			t := evidence.Tally{Law: null.Of(p.scorers[i].Law())}
			t.Classes[1] = evidence.Class{Scored: units, Green: n, Sum: n}
			note(i, &t)
		}
	}
	for i, s := range p.scorers {
		if !counted[i] {
			tally := p.evidence[p.of[i]].Score(s)
			note(i, &tally)
		}
	}
	for _, l := range order {
		units, sum := l.tally.Units(), l.tally.Sum()
		x := Tail{Sum: sum.Int64()}
		for _, c := range l.tally.Classes {
			x.Scored += c.Scored
			x.Green += c.Green
		}
		if x.Scored > 0 {
			x.Log10P = l.tally.Law.Survival(units, sum)
		}
		if best < 0 || x.Log10P < t.Log10P || x.Log10P == t.Log10P && l.scorer < best {
			best, t = l.scorer, x
		}
	}
	return best, t
}

// A laneGroup is scorers that differ in their lane alone.
type laneGroup struct{ members []int }

// minLanes is the number of tenants from which counting all lanes at once is faster.
const minLanes = 6

// laneGroups finds the groups of tenants among scorers. It does not return nil.
func laneGroups(scorers []Scorer) []laneGroup {
	groups := []laneGroup{}
	at := make(map[string]int)
	for i, s := range scorers {
		m, ok := s.(*watermark.Mark)
		if !ok {
			continue
		}
		lane := m.Lane()
		// The ID without the lane, and the group.
		name := fmt.Sprintf("%s group=%d", strings.Replace(m.ID(), fmt.Sprintf(" lane=%d/%d", lane.Group, lane.Index), "", 1), lane.Group)
		g, ok := at[name]
		if !ok {
			g = len(groups)
			at[name] = g
			groups = append(groups, laneGroup{})
		}
		groups[g].members = append(groups[g].members, i)
	}
	kept := groups[:0]
	for _, g := range groups {
		if len(g.members) >= minLanes {
			kept = append(kept, g)
		}
	}
	return kept
}

// Log10Floor returns log10 of the smallest error rate that a test of a context width and so many
// scored units claims. It is [Result.Log10Floor].
func Log10Floor(width int, scored int64) float64 { return null.Log10Floor(width, scored) }
