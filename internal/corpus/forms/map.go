package forms

import "sort"

// An edit is a run of n replacements of the same lengths, one directly after the other. It
// is small, since a text may need one for every few bytes.
type edit struct {
	out, in       uint32 // where the first begins
	outLen, inLen uint32 // of each
	n             uint32
}

// maxText is the longest text that a form is used on: 4 GiB, which edits can address.
const maxText = 1<<32 - 1

// wide returns the fields of an edit as offsets.
func (e *edit) wide() (out, in, outLen, inLen, n int) {
	return int(e.out), int(e.in), int(e.outLen), int(e.inLen), int(e.n)
}

// A Map leads from offsets of a changed text to offsets of the text as it was. The zero
// Map is the identity.
type Map struct {
	stages [][]edit // from the text as it was to the changed one; each has edits
}

// Identity reports whether the texts are the same.
func (m Map) Identity() bool { return len(m.stages) == 0 }

// Start returns where in the text as it was a span begins that begins at that offset of
// the changed one. Inside a replacement that is where the replaced bytes begin.
func (m Map) Start(offset int) int {
	for i := len(m.stages) - 1; i >= 0; i-- {
		offset = start(m.stages[i], offset)
	}
	return offset
}

// End returns where in the text as it was a span ends that ends at that offset of the
// changed one. Inside a replacement that is where the replaced bytes end.
func (m Map) End(offset int) int {
	for i := len(m.stages) - 1; i >= 0; i-- {
		offset = end(m.stages[i], offset)
	}
	return offset
}

// Span returns Start of the first offset and End of the second, and an empty span for an
// empty one.
func (m Map) Span(from, to int) (int, int) {
	a := m.Start(from)
	return a, max(a, m.End(to))
}

// Then returns the map of a change after another: m leads from the text between to the
// first, and next from the last to the one between.
func (m Map) Then(next Map) Map {
	if next.Identity() {
		return m
	}
	if m.Identity() {
		return next
	}
	return Map{append(append([][]edit{}, m.stages...), next.stages...)}
}

// start takes what was deleted at the offset as lying before it.
func start(edits []edit, offset int) int {
	i := sort.Search(len(edits), func(i int) bool { return int(edits[i].out) > offset }) - 1
	if i < 0 {
		return offset
	}
	out, in, outLen, inLen, n := edits[i].wide()
	within := offset - out
	if within >= outLen*n {
		return in + inLen*n + within - outLen*n
	}
	return in + within/outLen*inLen
}

// end takes what was deleted at the offset as lying after it.
func end(edits []edit, offset int) int {
	i := sort.Search(len(edits), func(i int) bool { return int(edits[i].out) >= offset }) - 1
	if i < 0 {
		return offset
	}
	out, in, outLen, inLen, n := edits[i].wide()
	within := offset - out // at least 1
	if within > outLen*n {
		return in + inLen*n + within - outLen*n
	}
	return in + (within+outLen-1)/outLen*inLen
}

// An editor builds a changed text with its map.
type editor struct {
	src   []byte
	at    int // of src, up to which all was taken over
	out   []byte
	edits []edit
}

// replace takes over what comes before from, and then the text with in place of
// src[from:to]. Calls go forward.
func (e *editor) replace(from, to int, with string) {
	if to-from == len(with) && string(e.src[from:to]) == with {
		return
	}
	if e.out == nil {
		e.out = make([]byte, 0, len(e.src)+64)
	}
	e.out = append(e.out, e.src[e.at:from]...)
	at := len(e.out)
	e.out = append(e.out, with...)
	e.at = to
	if n := len(e.edits); n > 0 {
		last := &e.edits[n-1]
		lastOut, lastIn, outLen, inLen, n := last.wide()
		if outLen == len(with) && inLen == to-from && lastIn+inLen*n == from && lastOut+outLen*n == at {
			last.n++
			return
		}
	}
	e.edits = append(e.edits, edit{uint32(at), uint32(from), uint32(len(with)), uint32(to - from), 1})
}

// done returns the changed text and its map.
func (e *editor) done() ([]byte, Map) {
	if len(e.edits) == 0 {
		return e.src, Map{}
	}
	e.out = append(e.out, e.src[e.at:]...)
	return e.out, Map{[][]edit{e.edits}}
}
