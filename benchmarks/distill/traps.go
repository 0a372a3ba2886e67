package main

import (
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A naiveResult compares two tests under control keys: one that counts every position and is not valid,
// and one that counts each pair once.
type naiveResult struct {
	Tokens, Keys int
	NaiveSD      float64 // standard deviation of z, which is 1 for a valid test
	NaiveBelow   int     // keys with p <= 0.001
	PairsSD      float64
	PairsBelow   int
}

// naiveTrap returns the arm that tests a clean student, or held-out human text, without dedup.
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
			// The p-value under a binomial law for all positions.
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

// everyPosition returns the distinct pairs, with the number of their occurrences as weights.
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

// A filterResult shows how a filter affects the test of a clean student. Each list has one test per key.
type filterResult struct {
	Width int
	// Pairs is the trap. It keeps the (context, token) pairs of text marked with the tested key.
	Pairs []test
	// Contexts keeps the contexts of that text, and Neutral those of unmarked text.
	Contexts, Neutral []test
	Unfiltered        []test
}

// filterTrap returns the arm of the filters.
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

// occurrences holds the contexts and pairs of texts.
type occurrences struct {
	contexts map[[watermark.MaxWidth]int32]bool
	pairs    map[contextToken]bool
}

// A contextToken is a pair as a map key.
type contextToken struct {
	context [watermark.MaxWidth]int32
	token   int32
}

// gather returns the contexts and pairs of texts.
func gather(texts [][]int32, width int) occurrences {
	s := occurrences{make(map[[watermark.MaxWidth]int32]bool), make(map[contextToken]bool)}
	for _, text := range texts {
		for at := width; at < len(text); at++ {
			c := keyOf(text[at-width : at])
			s.contexts[c] = true
			s.pairs[contextToken{c, text[at]}] = true
		}
	}
	return s
}

// keyOf returns a context as a map key.
func keyOf(context []int32) (k [watermark.MaxWidth]int32) {
	copy(k[:], context)
	return k
}

func (s occurrences) hasContext(context []int32, _ int32) bool { return s.contexts[keyOf(context)] }

func (s occurrences) hasPair(context []int32, token int32) bool {
	return s.pairs[contextToken{keyOf(context), token}]
}

// filtered returns the distinct pairs for which keep returns true.
func filtered(texts [][]int32, width int, keep func(context []int32, token int32) bool) *weighted {
	s := new(weighted)
	byContext(texts, width, func(context []int32, places []place) {
		var ids []int32
		for _, p := range places {
			if id := texts[p.text][p.at]; keep(context, id) {
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
