package watermark

import (
	"cmp"
	"math"
	"slices"
)

// A Sampler says how to draw a token from a row of logits. The steps are, in this order:
//
//  1. TopK keeps the k largest logits; ties go to the lowest id. 0 or less keeps all.
//  2. Temperature divides the logits, and a softmax follows. 0, less or NaN is greedy: it takes the
//     largest logit, ties to the lowest id, and ignores the other fields.
//  3. TopP keeps the most probable tokens, ties to the lowest id, until their mass reaches TopP.
//     Values outside (0,1) keep all.
//  4. MinP keeps tokens that are at least MinP times as probable as the most probable one. Values
//     outside (0,1] keep all.
//  5. One token is drawn in proportion to its probability, by the running sum in order of ids.
//
// NaN and -Inf are never drawn. +Inf beats every finite logit, and several +Inf share the mass. The
// zero Sampler is greedy.
type Sampler struct {
	Temperature float32
	TopK        int
	TopP, MinP  float32
}

// A candidate is a token that can be drawn.
type candidate struct {
	logit  float32
	id     Token
	weight float64 // probability, up to a common factor
}

// better reports whether a comes before b: larger logits first, ties to the lower id.
func better(a, b candidate) bool {
	return a.logit > b.logit || a.logit == b.logit && a.id < b.id
}

func worse(a, b candidate) bool { return better(b, a) }

// draw returns a token of row, or -1 if none is above -Inf. It uses the memory of list, and returns
// it for the next draw.
func (p Sampler) draw(list []candidate, row []float32, u float64) (Token, []candidate) {
	if p.isGreedy() {
		return argmax(row), list
	}
	kept, whole := p.survivors(list, row)
	if i := drawIndex(kept, u); i >= 0 {
		return kept[i].id, whole
	}
	return -1, whole
}

func (p Sampler) isGreedy() bool { return !(p.Temperature > 0) }

// survivors returns the candidates that truncation leaves of row, in order of ids. The sampler must
// not be greedy. It uses the memory of list, and returns it for the next draw.
func (p Sampler) survivors(list []candidate, row []float32) (kept, whole []candidate) {
	list = keepTopK(list[:0], row, p.TopK)
	whole = list
	total := softmax(list, p.Temperature)
	if p.TopP > 0 && p.TopP < 1 {
		list = keepTopP(list, float64(p.TopP)*total)
	}
	if p.MinP > 0 && p.MinP <= 1 {
		list = slices.DeleteFunc(list, func(c candidate) bool { return c.weight < float64(p.MinP) })
	}
	return list, whole
}

// drawIndex draws a candidate by the running sum of weights, and returns its index. It returns -1 if
// no weight is positive.
func drawIndex(list []candidate, u float64) int {
	var total float64
	for _, c := range list {
		total += c.weight
	}
	var sum float64
	last := -1
	for i, c := range list {
		if c.weight == 0 {
			continue
		}
		sum += c.weight
		last = i
		if sum > u*total {
			break
		}
	}
	return last
}

var negInf = float32(math.Inf(-1))

// argmax returns the token with the largest logit, or -1 if none is above -Inf.
func argmax(row []float32) Token {
	best, top := Token(-1), negInf
	for i, x := range row {
		if x > top { // false for NaN
			best, top = Token(i), x
		}
	}
	return best
}

// keepTopK appends the k best entries of row to list, in order of ids. Selecting them before any
// exponential makes a draw cheap.
func keepTopK(list []candidate, row []float32, k int) []candidate {
	if k <= 0 || k >= len(row) {
		for i, x := range row {
			if x > negInf {
				list = append(list, candidate{logit: x, id: Token(i)})
			}
		}
		return list
	}
	floor := negInf
	for i, x := range row {
		// An equal logit loses, because its id is higher.
		if !(x > floor) {
			continue
		}
		c := candidate{logit: x, id: Token(i)}
		switch {
		case len(list) < k-1:
			list = append(list, c)
			continue
		case len(list) == k-1:
			list = append(list, c)
			heapify(list, worse)
		default:
			list[0] = c
			siftDown(list, 0, worse)
		}
		floor = list[0].logit
	}
	sortByID(list)
	return list
}

// softmax sets the weights and returns their sum. The best candidate gets weight 1.
func softmax(list []candidate, temperature float32) float64 {
	top := negInf
	for _, c := range list {
		top = max(top, c.logit)
	}
	var total float64
	for i := range list {
		c := &list[i]
		switch {
		case c.logit == top:
			c.weight = 1 // for +Inf, too, whose difference would be NaN
		case math.IsInf(float64(top), 1):
			c.weight = 0
		default:
			c.weight = math.Exp((float64(c.logit) - float64(top)) / float64(temperature))
		}
		total += c.weight
	}
	return total
}

// keepTopP returns the best candidates whose weights reach mass, in order of ids. It takes them from a
// heap, because a small nucleus of a large vocabulary is not worth a sort.
func keepTopP(list []candidate, mass float64) []candidate {
	heapify(list, better)
	rest := len(list)
	for sum := 0.0; rest > 0 && sum < mass; {
		sum += list[0].weight
		rest--
		list[0], list[rest] = list[rest], list[0]
		siftDown(list[:rest], 0, better)
	}
	kept := list[rest:]
	sortByID(kept)
	return kept
}

// heapify makes h a heap whose root comes before all others.
func heapify(h []candidate, first func(a, b candidate) bool) {
	for i := len(h)/2 - 1; i >= 0; i-- {
		siftDown(h, i, first)
	}
}

func siftDown(h []candidate, i int, first func(a, b candidate) bool) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if right := child + 1; right < len(h) && first(h[right], h[child]) {
			child = right
		}
		if !first(h[child], h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

func sortByID(list []candidate) { slices.SortFunc(list, byID) }

func byID(a, b candidate) int { return cmp.Compare(a.id, b.id) }
