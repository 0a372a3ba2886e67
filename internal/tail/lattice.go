package tail

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// A Bernoulli is a group of independent terms. Each is Weight with probability P, and 0 otherwise.
type Bernoulli struct {
	Weight, Count int64   // value and number of the terms
	P             float64 // in [0, 1]
}

// A Lattice is a group of Count independent terms with one law on the integers: a term is Min+i with
// probability P[i]. The P may all be wrong by a common factor close to 1.
type Lattice struct {
	Min, Count int64
	P          []float64
}

// WeightedBernoulli returns log10 P(S >= s) for the sum S of all terms of all groups.
// Weights may have any sign. It panics if a count is negative, a probability is not in [0, 1], or
// |S| or the range of S could exceed 2^62.
//
// [LatticeSum] states accuracy and time.
func WeightedBernoulli(groups []Bernoulli, s int64) float64 {
	var l lattice
	for _, g := range groups {
		if !(g.P >= 0 && g.P <= 1) {
			panic("tail: probability outside [0, 1]")
		}
		a := []atom{
			{x: 0, p: 1 - g.P, lnP: log1p(-g.P)},
			{x: g.Weight, p: g.P, lnP: ln(g.P)},
		}
		if g.Weight < 0 {
			a[0], a[1] = a[1], a[0]
		}
		l.add(g.Count, a)
	}
	return l.tail(s)
}

// PoissonBinomial returns log10 P(S >= k) for the number S of successes among independent trials
// with probabilities p. It panics if a probability is not in [0, 1].
func PoissonBinomial(p []float64, k int64) float64 {
	groups := make([]Bernoulli, len(p))
	for i, p := range p {
		groups[i] = Bernoulli{Weight: 1, Count: 1, P: p}
	}
	return WeightedBernoulli(groups, k)
}

// LatticeSum returns log10 P(S >= s) for the sum S of all terms of all groups. It panics if a count
// or a probability is negative or not finite, or if |S| or the range of S could exceed 2^62. It also
// panics if the probabilities of a group do not add up to 1 within 1e-9.
//
// The error is below 1e-12 * max(1, |log10 P|), and about 1e-14 of the result in practice. This
// needs two conditions: S takes at least one value in a few, and the values of a term span less
// than some thousands. Weights up to 15 meet them by far, and so do those of a tournament, whatever
// their divisors.
//
// The result includes bounds of all skipped terms and lost digits, so it errs towards 1 only. If a
// condition fails, the error is visible. It is about 1e-10 in wide gaps between the values of S, or
// next to rare and heavy terms, unless the problem is small enough to convolve. With spans of
// millions, the result may only be Chernoff's bound. Below the mean that is 0.
//
// The time does not depend on the counts. It is proportional to the number of different groups, and
// a group of m values adds a term of m^2.
func LatticeSum(groups []Lattice, s int64) float64 {
	var l lattice
	for _, g := range groups {
		sum := 0.0
		for _, p := range g.P {
			if !(p >= 0) {
				panic("tail: probability outside [0, 1]")
			}
			sum += p
		}
		if !(math.Abs(sum-1) < 1e-9) {
			panic("tail: probabilities do not add up to 1")
		}
		a := make([]atom, 0, len(g.P))
		for i, p := range g.P {
			a = append(a, atom{x: g.Min + int64(i), p: p / sum, lnP: ln(p / sum)})
		}
		l.add(g.Count, a)
	}
	return l.tail(s)
}

// An atom is a value x and its probability. y is x minus the mean of its law.
type atom struct {
	x         int64
	p, lnP, y float64
}

// A group is count independent terms of one law, whose atoms are in ascending order.
type group struct {
	count int64
	atoms []atom
}

// A lattice is a sum of independent groups of integer terms. After normalise, each law begins at 0,
// and the values have no common divisor.
type lattice struct {
	groups []group
	low    int64 // the least sum, which the groups do not contain
	top    int64 // the largest sum less low
}

const maxSum = 1 << 62

// add appends a group of ascending atoms and subtracts its least value.
func (l *lattice) add(count int64, atoms []atom) {
	if count < 0 {
		panic("tail: negative number of terms")
	}
	atoms = slices.DeleteFunc(atoms, func(a atom) bool { return a.p == 0 && math.IsInf(a.lnP, -1) })
	if count == 0 {
		return
	}
	low, high := atoms[0].x, atoms[len(atoms)-1].x
	l.low = sumOf(l.low, timesOf(count, low))
	l.top = sumOf(l.top, timesOf(count, sumOf(high, -low)))
	sumOf(l.low, l.top)
	if low == high {
		return
	}
	for i := range atoms {
		atoms[i].x -= low
	}
	l.groups = append(l.groups, group{count, atoms})
}

func timesOf(count, x int64) int64 {
	hi, lo := bits.Mul64(uint64(count), uint64(max(x, -x)))
	if hi != 0 || lo > maxSum || x == math.MinInt64 {
		panic("tail: sum too large")
	}
	return count * x
}

func sumOf(a, b int64) int64 {
	if s := a + b; max(a, -a) <= maxSum && max(b, -b) <= maxSum && max(s, -s) <= maxSum {
		return s
	}
	panic("tail: sum too large")
}

// tail returns log10 P(S >= s).
func (l *lattice) tail(s int64) float64 {
	switch {
	case s <= l.low:
		return 0
	case s > l.low+l.top:
		return math.Inf(-1)
	}
	s = l.normalise(s - l.low)
	if g := l.groups[0]; len(l.groups) == 1 && len(g.atoms) == 2 {
		no, yes := g.atoms[0], g.atoms[1]
		return log10(newTrials(g.count, yes.p, no.p, yes.lnP, no.lnP).tail(s))
	}
	if s == l.top {
		return log10(l.logTop())
	}
	if gap := l.gap(s); gap < 0 {
		e := l.upper(s, gap)
		if math.IsInf(e.err, 1) {
			return log10(e.ln)
		}
		return log10(e.ln + log1p(e.err))
	} else {
		// At or below the mean the other side is smaller: P(S >= s) is
		// 1 - P(top-S >= top-s+1), whose gap is -gap-1.
		r := l.reflect()
		s = l.top - s + 1
		if s == l.top {
			return log10(log1mExp(r.logTop()))
		}
		e := r.upper(s, -gap-1)
		if !(e.err < 1) {
			return 0
		}
		return log10(log1mExp(min(e.ln+log1p(-e.err), 0)))
	}
}

// normalise divides by the greatest common divisor, merges equal groups and centres the atoms. It
// returns s in the new unit, rounded up, so that P(S >= s) stays the same.
func (l *lattice) normalise(s int64) int64 {
	var d int64
	for _, g := range l.groups {
		for _, a := range g.atoms {
			d = gcd(d, a.x)
		}
	}
	for _, g := range l.groups {
		mean := 0.0
		for _, a := range g.atoms {
			mean += float64(a.p * float64(a.x/d))
		}
		for i := range g.atoms {
			a := &g.atoms[i]
			a.x /= d
			a.y = float64(a.x) - mean
		}
	}
	slices.SortFunc(l.groups, func(a, b group) int {
		return slices.CompareFunc(a.atoms, b.atoms, compareAtoms)
	})
	merged := l.groups[:1]
	for _, g := range l.groups[1:] {
		last := &merged[len(merged)-1]
		if slices.Equal(last.atoms, g.atoms) {
			last.count += g.count
		} else {
			merged = append(merged, g)
		}
	}
	l.groups = merged
	l.top /= d
	return (s-1)/d + 1
}

func compareAtoms(a, b atom) int {
	return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.p, b.p), cmp.Compare(a.lnP, b.lnP))
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// reflect returns the law of top - S.
func (l *lattice) reflect() *lattice {
	r := &lattice{groups: make([]group, len(l.groups)), top: l.top}
	for i, g := range l.groups {
		a := slices.Clone(g.atoms)
		slices.Reverse(a)
		high := a[0].x
		for i := range a {
			a[i].x = high - a[i].x
			a[i].y = -a[i].y
		}
		r.groups[i] = group{g.count, a}
	}
	return r
}

// gap returns E[S] - s, rounded once or twice.
func (l *lattice) gap(s int64) float64 {
	var d neumaier
	d.addInt(-s)
	for _, g := range l.groups {
		for _, a := range g.atoms {
			d.addProduct(g.count*a.x, a.p)
		}
	}
	return d.value()
}

// logTop returns ln P(S = top).
func (l *lattice) logTop() float64 {
	sum := 0.0
	for _, g := range l.groups {
		sum += float64(float64(g.count) * g.atoms[len(g.atoms)-1].lnP)
	}
	return sum
}
