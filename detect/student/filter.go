package student

import (
	"errors"

	"github.com/isotope-wm/isotope/detect"
)

// A ContextFilter narrows a test to some contexts, such as those that the training data of the
// suspect is likely to hold. The zero ContextFilter keeps all.
//
// It sees contexts alone. A filter that saw the token could keep the pairs that occur in text
// marked under the tested key. Those are mostly green, and a clean model would score z = 25 to 30.
// The decision must not depend on the key. So take the contexts from human text, or from text that
// was written without the mark. The key also decides a little which contexts marked text holds.
type ContextFilter struct {
	// Name says which filter this is, in results and in declarations. Evidence of filters with
	// different names does not merge. It is required with Keep, and empty without it.
	Name string
	// Keep reports whether positions after this context are counted. The context is Width tokens,
	// with the newest last. Keep must be a function of the context, and must not keep or change it.
	// nil keeps all.
	Keep func(context []detect.Token) bool
}

// keeps applies the filter.
func (f ContextFilter) keeps(context []detect.Token) bool { return f.Keep == nil || f.Keep(context) }

func (f ContextFilter) check() error {
	if (f.Keep == nil) != (f.Name == "") {
		return errors.New("student: a ContextFilter has only one of Name and Keep; set both or none")
	}
	return nil
}

// positions calls add for each position of a text whose context the filter keeps, and returns the
// number of the others. It passes on positions without a full context in the vocabulary.
func (f ContextFilter) positions(
	text []detect.Token, s detect.Scorer, add func(context []detect.Token, next detect.Token),
) (filtered int64) {
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
