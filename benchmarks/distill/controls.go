package main

import (
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// clean returns text that does not depend on a key.
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

// A humanResult holds the tests of human text under control keys.
type humanResult struct {
	Tokens int
	Width  int
	decoys
}

// human returns the arm of held-out human text.
func human(name string, width int) arm {
	type config struct {
		Control string
		Width   int
	}
	return arm{name, config{"human", width}, func(w *world) (any, error) {
		texts := take(w.heldOut, w.NeuralScore)
		tests := w.decoyTest(w.mark(width, "trace"), texts, "human")
		return humanResult{length(texts), width, *tests}, nil
	}}
}

// A nullResult holds the tests of clean students under control keys. Each student has keys of its own, so
// all tests are independent.
type nullResult struct {
	Students, Keys int
	Rows           []nullRow
}

// A nullRow holds one statistic of all students.
type nullRow struct {
	Name  string
	Width int
	Below []int // number of p-values of at most 0.001, per student
	// Level is the probability of such a p-value for one key, per student: the largest attainable
	// level up to 0.001. It is nil if the statistic claims no law.
	Level []float64
	Least float64 // the smallest log10 p
}

// nullStudents returns the arm of count clean students, starting with number first.
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

// count adds the tests of one student.
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
