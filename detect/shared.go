package detect

import (
	"cmp"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// Shared returns the runs of tokens that occur in at least least of the texts: letterheads, licences,
// templates. Under one key, texts that share such a run score high or low together, marked or not. So
// pass the runs to [Accumulator.Exclude], as prompts, and say so.
//
// A run is as long as possible in the text where it first occurs, and has more than width tokens,
// width being that of the mark. Runs are in the order of the texts, each once. Shared looks at texts
// alone, so excluding what it returns leaves every p-value exact. It takes time in proportion to the
// length of the texts, and memory for every run of width+1 tokens. It panics if width is negative or
// least is below 2.
func Shared(texts [][]Token, width, least int) [][]Token {
	if width < 0 || least < 2 {
		panic("detect: Shared needs a width of at least 0, and at least 2 texts")
	}
	type seen struct{ texts, last int }
	grams := make(map[string]seen)
	var key []byte
	each := func(text []Token, f func(gram string, end int)) {
		for end := width + 1; end <= len(text); end++ {
			key = evidence.Pack(key[:0], text[end-width-1:end]...)
			f(string(key), end)
		}
	}
	for i, text := range texts {
		each(text, func(gram string, _ int) {
			if s := grams[gram]; s.last != i+1 {
				grams[gram] = seen{s.texts + 1, i + 1}
			}
		})
	}
	var runs [][]Token
	known := make(map[string]bool)
	for _, text := range texts {
		from, to := 0, 0 // the run that is open
		flush := func() {
			if run := text[from:to]; len(run) > 0 {
				if name := string(evidence.Pack(nil, run...)); !known[name] {
					known[name] = true
					runs = append(runs, slices.Clone(run))
				}
			}
		}
		each(text, func(gram string, end int) {
			switch start := end - width - 1; {
			case grams[gram].texts < least:
			case to > 0 && end == to+1:
				to = end
			default:
				flush()
				from, to = start, end
			}
		})
		flush()
	}
	return longest(runs)
}

// longest removes runs that are a part of another one.
func longest(runs [][]Token) [][]Token {
	order := make([]int, len(runs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(runs[b]), len(runs[a])) })
	var kept []int
	for _, i := range order {
		part := slices.ContainsFunc(kept, func(k int) bool { return contains(runs[k], runs[i]) })
		if !part {
			kept = append(kept, i)
		}
	}
	slices.Sort(kept)
	out := make([][]Token, len(kept))
	for i, k := range kept {
		out[i] = runs[k]
	}
	return out
}

// contains reports whether part occurs in run.
func contains(run, part []Token) bool {
	for at := 0; at+len(part) <= len(run); at++ {
		if slices.Equal(run[at:at+len(part)], part) {
			return true
		}
	}
	return false
}
