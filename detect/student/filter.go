package student

import (
	"errors"

	"github.com/isotope-wm/isotope/detect"
)

// A ContextFilter narrows a test to some contexts, such as those that training data of the
// suspect is likely to have held. The zero ContextFilter keeps all.
//
// It is asked about contexts alone, and that is the point: a filter that saw the token
// could keep the pairs that occur in text marked under the tested key, which are mostly
// green, and a clean model would score z = 25 to 30. What it keeps must not depend on the
// key: take the contexts from human text or from text written without the mark, since
// which contexts marked text holds depends on the key a little, too.
type ContextFilter struct {
	// Name says which filter this is, in results and in what is declared beforehand;
	// evidence of filters with different names does not merge. Required with Keep.
	Name string
	// Keep reports whether positions after this context, Width tokens with the newest
	// last, are counted. It must be a function of the context, and neither keep nor change
	// it. nil keeps all.
	Keep func(context []detect.Token) bool
}

// keeps applies the filter.
func (f ContextFilter) keeps(context []detect.Token) bool { return f.Keep == nil || f.Keep(context) }

func (f ContextFilter) check() error {
	if (f.Keep == nil) != (f.Name == "") {
		return errors.New("student: a ContextFilter needs both a Name and a Keep")
	}
	return nil
}

// positions calls add for each position of a text whose context the filter keeps, and returns the
// number of the others. It does not filter positions without a full context in the vocabulary.
func (f ContextFilter) positions(text []detect.Token, s detect.Scorer, add func(context []detect.Token, next detect.Token)) (filtered int64) {
	width := s.Width()
	bad := -width - 1 // the last position outside the vocabulary
	for i, t := range text {
		if t < 0 || int(t) >= s.Vocab() {
			bad = i
		}
		context := text[max(0, i-width):i]
		if i-bad > width && len(context) == width && !f.keeps(context) {
			filtered++
			continue
		}
		add(context, t)
	}
	return filtered
}
