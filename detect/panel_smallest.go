package detect

import (
	"fmt"
	"slices"
	"strings"

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
	if p.counts == nil {
		p.counts = newCounting(p)
	}
	c := p.counts
	best := -1
	note := func(i int, x Tail, log10P float64) {
		if x.Log10P = log10P; best < 0 || x.Log10P < t.Log10P || x.Log10P == t.Log10P && i < best {
			best, t = i, x
		}
	}
	for k := range c.classes {
		class := &c.classes[k]
		e := p.evidence[class.evidence]
		inputs, ok := e.Counted()
		if !ok {
			for _, i := range class.scorers() {
				c.general(p, i, note)
			}
			continue
		}
		if class.banded {
			c.inside = p.scorers[class.scorers()[0]].(*watermark.Mark).InBand(c.inside[:0], inputs)
			inputs = c.inside
		}
		// All of them score the same units, so the largest sum has the smallest p-value.
		first, most := -1, int64(-1)
		count := func(i int, green int64) {
			if green > most || green == most && i < first {
				first, most = i, green
			}
		}
		for _, i := range class.single {
			green, _ := p.scorers[i].(*watermark.Mark).CountPackedInBand(inputs)
			count(i, green)
		}
		for _, lanes := range class.lanes {
			var green [watermark.MaxLanes]int64
			p.scorers[lanes[0]].(*watermark.Mark).CountLanesInBand(&green, inputs)
			for _, i := range lanes {
				count(i, green[p.scorers[i].(*watermark.Mark).Lane().Index])
			}
		}
		x := Tail{Scored: int64(len(inputs)), Green: most, Sum: most}
		log10P := 0.0
		if x.Scored > 0 {
			var units null.Units
			units[1] = x.Scored
			log10P = class.law.Survival(&units, null.SumOf(most))
		}
		note(first, x, log10P)
	}
	for _, i := range c.others {
		c.general(p, i, note)
	}
	return best, t
}

// A counting says how the scorers of a Panel are counted.
type counting struct {
	classes []countClass
	others  []int
	inside  []watermark.Packed // scratch: the units of a band
}

// A countClass is green lists of one law and one band over one evidence, all of whose units count alike.
type countClass struct {
	evidence int
	law      null.Law
	banded   bool // only the units of the band count
	single   []int
	lanes    [][]int // tenants of one group
}

func (c *countClass) scorers() []int { return append(slices.Concat(c.lanes...), c.single...) }

// general tests one scorer.
func (c *counting) general(p *Panel, i int, note func(int, Tail, float64)) {
	tally := p.evidence[p.of[i]].Score(p.scorers[i])
	units, sum := tally.Units(), tally.Sum()
	x := Tail{Sum: sum.Int64()}
	for _, class := range tally.Classes {
		x.Scored += class.Scored
		x.Green += class.Green
	}
	log10P := 0.0
	if x.Scored > 0 {
		log10P = tally.Law.Survival(units, sum)
	}
	note(i, x, log10P)
}

// minLanes is the number of tenants from which counting all lanes at once is faster.
const minLanes = 6

func newCounting(p *Panel) *counting {
	c := &counting{}
	type key struct {
		evidence int
		law      watermark.Law
		lo, hi   int // of the band
		selector string
	}
	keyOf := func(i int) key {
		lo, hi, selector := p.scorers[i].(*watermark.Mark).Band()
		return key{p.of[i], p.scorers[i].Law(), lo, hi, selector}
	}
	at := make(map[key]int)
	groups := make(map[string][]int)
	var names []string
	for i, s := range p.scorers {
		m, ok := s.(*watermark.Mark)
		if ok {
			_, ok = m.CountPackedInBand(nil)
		}
		if !ok {
			c.others = append(c.others, i)
			continue
		}
		k := keyOf(i)
		if _, ok := at[k]; !ok {
			at[k] = len(c.classes)
			c.classes = append(c.classes, countClass{evidence: p.of[i], law: null.Of(s.Law()), banded: k.selector != ""})
		}
		class := &c.classes[at[k]]
		var none [watermark.MaxLanes]int64
		if !m.CountLanesInBand(&none, nil) {
			class.single = append(class.single, i)
			continue
		}
		// The ID without the lane, and the group.
		lane := m.Lane()
		name := fmt.Sprintf("%s group=%d", strings.Replace(m.ID(), fmt.Sprintf(" lane=%d/%d", lane.Group, lane.Index), "", 1), lane.Group)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], i)
	}
	for _, name := range names {
		g := groups[name]
		class := &c.classes[at[keyOf(g[0])]]
		if len(g) < minLanes {
			class.single = append(class.single, g...)
		} else {
			class.lanes = append(class.lanes, g)
		}
	}
	return c
}

// Log10Floor returns log10 of the smallest error rate that a test of a context width and so many
// scored units claims. It is [Result.Log10Floor].
func Log10Floor(width int, scored int64) float64 { return null.Log10Floor(width, scored) }
