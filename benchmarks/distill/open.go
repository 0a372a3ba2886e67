package main

import (
	"math"
	"slices"

	"github.com/isotope-wm/isotope/watermark"
)

// openTests holds the tests of a suspect's next-token laws, at positions of human text.
type openTests struct {
	Positions int
	// ArgMax is the reading mode of Sander et al. 2024. It takes the most probable token of each
	// position. Each context counts once in a text, and each pair once in all texts.
	ArgMax test
	// Mass weighs each pair by its probability, averaged over the positions of a context.
	Mass test
	// Difference weighs each pair by the probability that training added: suspect less base.
	Difference test
	// Decoys holds the tests of control keys.
	Decoys *openDecoys `json:",omitempty"`
}

// openDecoys holds the tests of next-token laws under control keys.
type openDecoys struct {
	Keys                     int
	ArgMax, Mass, Difference decoyTests
}

// openStep is the number of weight steps of a probability of 1.
const openStep = 1000

// An openSuspect holds the statistics of open weights, which do not depend on a key.
type openSuspect struct {
	positions        int
	argmax           *weighted
	mass, difference *weighted
}

// readOpen computes the statistics for contexts of the given width.
func readOpen(suspect, base model, texts [][]int32, width, vocab int) openSuspect {
	s := openSuspect{argmax: new(weighted), mass: new(weighted), difference: new(weighted)}
	row, before := make([]float32, vocab), make([]float32, vocab)
	sum, sumBefore := make([]float64, vocab), make([]float64, vocab)
	var entries []entry
	weigh := func(f func(id int) float64) []entry {
		entries = entries[:0]
		for id := range vocab {
			if a := math.Round(f(id) * openStep); a != 0 {
				entries = append(entries, entry{int32(id), int32(a)})
			}
		}
		return entries
	}
	byContext(texts, width, func(context []int32, places []place) {
		clear(sum)
		clear(sumBefore)
		var best []int32
		last := int32(-1)
		for _, p := range places {
			text := texts[p.text]
			suspect.logits(row, text[:p.at])
			if p.text != last { // the first time in this text
				last = p.text
				best = append(best, argmax(row))
			}
			softmax(row)
			base.logits(before, text[:p.at])
			softmax(before)
			for id := range row {
				sum[id] += float64(row[id])
				sumBefore[id] += float64(before[id])
			}
		}
		s.positions += len(places)
		n := float64(len(places))
		s.mass.add(context, weigh(func(id int) float64 { return sum[id] / n }))
		s.difference.add(context, weigh(func(id int) float64 { return (sum[id] - sumBefore[id]) / n }))
		slices.Sort(best)
		entries = entries[:0]
		for _, id := range slices.Compact(best) {
			entries = append(entries, entry{id, 1})
		}
		s.argmax.add(context, entries)
	})
	s.argmax.finish()
	s.mass.finish()
	s.difference.finish()
	return s
}

// openTest tests a suspect with known weights at held-out human text.
func (w *world) openTest(m, base model, mark *watermark.Mark, withDecoys bool, label string) *openTests {
	s := readOpen(m, base, take(w.heldOut, w.OpenPositions), mark.Width(), w.Vocab)
	o := &openTests{
		Positions: s.positions, ArgMax: s.argmax.test(mark), Mass: s.mass.test(mark),
		Difference: s.difference.test(mark),
	}
	if withDecoys {
		marks := w.dummies(w.Dummies, mark.Width(), label+" open")
		o.Decoys = &openDecoys{
			Keys:   len(marks),
			ArgMax: s.argmax.decoys(mark, marks, o.ArgMax), Mass: s.mass.decoys(mark, marks, o.Mass),
			Difference: s.difference.decoys(mark, marks, o.Difference),
		}
	}
	return o
}

// argmax returns the index of the largest entry, the lowest among equals.
func argmax(row []float32) int32 {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return int32(best)
}
