package main

import (
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A naiveResult shows what counting every position does under keys that marked nothing,
// and that counting each pair once does not do it.
type naiveResult struct {
	Tokens, Keys int
	NaiveSD      float64 // of z; 1 for a test that holds
	NaiveBelow   int     // keys with p <= 0.001
	PairsSD      float64
	PairsBelow   int
}

// naiveTrap is the arm of a clean student, or of held-out human text, tested without dedup.
func naiveTrap(name, writer string, width int) arm {
	type config struct {
		Trap, Writer string
		Width        int
	}
	return arm{name, config{"naive", writer, width}, func(w *world) (any, error) {
		texts, err := w.clean(writer, w.NeuralScore)
		if err != nil {
			return nil, err
		}
		r := naiveResult{Tokens: length(texts), Keys: w.Dummies}
		all, pairs := everyPosition(texts, width), distinct(texts, width, nil)
		var zAll, zPairs []float64
		for _, m := range w.dummies(w.Dummies, width, "naive "+writer) {
			sum, _ := all.sum(m)
			// What a binomial law for all positions would say.
			if tail.Binomial(sum, int64(all.total), gamma) <= -3 {
				r.NaiveBelow++
			}
			zAll = append(zAll, zOf(float64(sum)-gamma*float64(all.total), float64(all.total)))
			sum, _ = pairs.sum(m)
			if pairs.log10P(sum) <= -3 {
				r.PairsBelow++
			}
			zPairs = append(zPairs, pairs.z(sum))
		}
		r.NaiveSD, r.PairsSD = spread(zAll), spread(zPairs)
		return r, nil
	}}
}

// clean returns text that depends on no key.
func (w *world) clean(writer string, tokens int) ([][]int32, error) {
	switch writer {
	case "human":
		return take(w.heldOut, tokens), nil
	case "teacher":
		return w.shared(-1, "unmarked", tokens)
	default:
		m, _, _, err := studentConfig{Student: writer, Width: 1}.learn(w)
		if err != nil {
			return nil, err
		}
		return w.generate(m, tokens, 1, "clean "+writer)
	}
}

// everyPosition is the distinct pairs with the number of their occurrences for weights.
func everyPosition(texts [][]int32, width int) *weighted {
	s := new(weighted)
	counts := make(map[int32]int32)
	var entries []entry
	byContext(texts, width, func(context []int32, places []place) {
		clear(counts)
		for _, p := range places {
			counts[texts[p.text][p.at]]++
		}
		entries = entries[:0]
		for id, n := range counts {
			entries = append(entries, entry{id, n})
		}
		slices.SortFunc(entries, func(a, b entry) int { return int(a.id - b.id) })
		s.add(context, entries)
	})
	return s.finish()
}

// A filterResult shows what a filter from text marked with the tested key does to the test
// of a clean student. Each list has a test for every key.
type filterResult struct {
	Width int
	// Pairs lets through (context, token) pairs of marked text: the trap.
	Pairs []test
	// Contexts lets through contexts of marked text, and Neutral contexts of unmarked text.
	Contexts, Neutral []test
	Unfiltered        []test
}

// filterTrap is the arm of the filters.
func filterTrap(name string, width, keys int) arm {
	type config struct {
		Trap        string
		Width, Keys int
	}
	return arm{name, config{"filter", width, keys}, func(w *world) (any, error) {
		texts, err := w.clean("ngram", w.NeuralScore)
		if err != nil {
			return nil, err
		}
		other, err := w.write("filter", w.NgramTrain/4)
		if err != nil {
			return nil, err
		}
		neutral := gather(other, width)
		r := filterResult{Width: width}
		everything := func([]int32, int32) bool { return true }
		for i := range keys {
			mark := w.mark(width, "filter", strconv.Itoa(i))
			marked, err := w.write("filter "+strconv.Itoa(i), w.NgramTrain/4, mark)
			if err != nil {
				return nil, err
			}
			seen := gather(marked, width)
			r.Pairs = append(r.Pairs, filtered(texts, width, seen.hasPair).test(mark))
			r.Contexts = append(r.Contexts, filtered(texts, width, seen.hasContext).test(mark))
			r.Neutral = append(r.Neutral, filtered(texts, width, neutral.hasContext).test(mark))
			r.Unfiltered = append(r.Unfiltered, filtered(texts, width, everything).test(mark))
		}
		return r, nil
	}}
}

// seen is the contexts and pairs of texts.
type seen struct {
	contexts map[[watermark.MaxWidth]int32]bool
	pairs    map[seenPair]bool
}

type seenPair struct {
	context [watermark.MaxWidth]int32
	token   int32
}

func gather(texts [][]int32, width int) seen {
	s := seen{make(map[[watermark.MaxWidth]int32]bool), make(map[seenPair]bool)}
	for _, text := range texts {
		for at := width; at < len(text); at++ {
			c := keyOf(text[at-width : at])
			s.contexts[c] = true
			s.pairs[seenPair{c, text[at]}] = true
		}
	}
	return s
}

func keyOf(context []int32) (k [watermark.MaxWidth]int32) {
	copy(k[:], context)
	return k
}

func (s seen) hasContext(context []int32, _ int32) bool { return s.contexts[keyOf(context)] }

func (s seen) hasPair(context []int32, token int32) bool {
	return s.pairs[seenPair{keyOf(context), token}]
}

// filtered is the distinct pairs that a filter lets through.
func filtered(texts [][]int32, width int, let func(context []int32, token int32) bool) *weighted {
	s := new(weighted)
	byContext(texts, width, func(context []int32, places []place) {
		var ids []int32
		for _, p := range places {
			if id := texts[p.text][p.at]; let(context, id) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		var entries []entry
		for _, id := range slices.Compact(ids) {
			entries = append(entries, entry{id, 1})
		}
		s.add(context, entries)
	})
	return s.finish()
}

// A humanResult is text of people under keys that marked nothing.
type humanResult struct {
	Tokens int
	Width  int
	decoys
}

// human is the arm of held-out human text, which stands beside the students.
func human(name string, width int) arm {
	type config struct {
		Control string
		Width   int
	}
	return arm{name, config{"human", width}, func(w *world) (any, error) {
		texts := take(w.heldOut, w.NeuralScore)
		return humanResult{length(texts), width, *w.decoyTest(w.mark(width, "trace"), texts, "human")}, nil
	}}
}

// rates of substitution.
var rates = []float64{0, 0.05, 0.1, 0.2, 0.3, 0.5}

// A decay is how a mark fades with substitutions, by what it was in.
type decay struct {
	Width   int
	Teacher []substitution // in marked text
	Student []substitution // in what a student of nothing but marked text wrote
}

// substitutionArm attacks text. The student's is an n-gram student.
func substitutionArm(name string, width int, withStudent bool) arm {
	type config struct {
		Attack      string
		Width       int
		WithStudent bool
		Rates       []float64
	}
	return arm{name, config{"substitution", width, withStudent, rates}, func(w *world) (any, error) {
		mark := w.mark(width, "trace")
		marked, err := w.shared(width, "trace", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		other, err := w.shared(-1, "unmarked", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		d := decay{Width: width, Teacher: substitutions(mark, take(marked, w.NeuralScore), other, rates, name)}
		if withStudent {
			m, err := w.learnNgram(marked)
			if err != nil {
				return nil, err
			}
			texts, err := w.generate(m, w.NeuralScore, 1, name)
			if err != nil {
				return nil, err
			}
			d.Student = substitutions(mark, texts, other, rates, name+" student")
		}
		return d, nil
	}}
}

// A launderedResult is a student of marked text with substitutions.
type launderedResult struct {
	Rate float64
	closed
}

// launder is the arm of a student whose training text was attacked first.
func launder(name string, width int, rate float64) arm {
	type config struct {
		Attack string
		Width  int
		Rate   float64
	}
	return arm{name, config{"launder", width, rate}, func(w *world) (any, error) {
		marked, err := w.shared(width, "trace", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		other, err := w.shared(-1, "unmarked", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		m, err := w.learnNgram(substitute(marked, rate, other, random(name)))
		if err != nil {
			return nil, err
		}
		texts, err := w.generate(m, w.NgramScore, 1, name)
		if err != nil {
			return nil, err
		}
		return launderedResult{rate, w.closedTest(w.mark(width, "trace"), texts, nil)}, nil
	}}
}

// A nullResult is clean students under keys that marked nothing, each student with keys of
// its own, so that all tests are independent.
type nullResult struct {
	Students, Keys int
	Rows           []nullRow
}

// A nullRow is one statistic.
type nullRow struct {
	Name  string
	Width int
	Below []int // of each student's p-values, how many are at most 0.001
	// Level is the probability of that for one key: the largest attainable level up to
	// 0.001. Nil where no law is claimed.
	Level []float64
	Least float64 // the smallest log10 p
}

// nullStudents is the arm of some of the clean students, from the first on.
func nullStudents(name string, first, count int) arm {
	type config struct {
		Null         string
		First, Count int
	}
	return arm{name, config{"clean students", first, count}, func(w *world) (any, error) {
		pool, err := w.shared(-1, "unmarked", w.NgramTrain)
		if err != nil {
			return nil, err
		}
		r := nullResult{Students: count, Keys: w.Dummies}
		for _, width := range []int{1, 2} {
			for _, name := range []string{"pairs", "residual", "every position"} {
				r.Rows = append(r.Rows, nullRow{Name: name, Width: width})
			}
		}
		for i := first; i < first+count; i++ {
			label := "clean " + strconv.Itoa(i)
			rng := random(label)
			docs := make([][]int32, (w.CleanTrain+w.Document-1)/w.Document)
			for j, at := range rng.Perm(len(pool))[:len(docs)] {
				docs[j] = pool[at]
			}
			m, err := w.learnNgram(docs)
			if err != nil {
				return nil, err
			}
			texts, err := w.generate(m, w.CleanScore, 1, label)
			if err != nil {
				return nil, err
			}
			rows := r.Rows
			for _, width := range []int{1, 2} {
				weights := detect.ResidualWeights(texts, nil, width, w.teacher)
				marks := w.dummies(w.Dummies, width, label)
				rows[0].count(distinct(texts, width, nil), marks, true)
				rows[1].count(distinct(texts, width, weights), marks, true)
				rows[2].count(everyPosition(texts, width), marks, false)
				rows = rows[3:]
			}
		}
		return r, nil
	}}
}

func (r *nullRow) count(s *weighted, marks []*watermark.Mark, exact bool) {
	below := 0
	for _, m := range marks {
		sum, _ := s.sum(m)
		p := 0.0
		if exact {
			p = s.log10P(sum)
		} else {
			p = tail.Binomial(sum, s.total, gamma)
		}
		if p <= -3 {
			below++
		}
		r.Least = min(r.Least, p)
	}
	r.Below = append(r.Below, below)
	if exact {
		r.Level = append(r.Level, s.attainable(-3))
	}
}
