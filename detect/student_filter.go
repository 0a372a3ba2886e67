package detect

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
	Keep func(context []Token) bool
}

// keeps applies the filter.
func (f ContextFilter) keeps(context []Token) bool { return f.Keep == nil || f.Keep(context) }

func (f ContextFilter) check() {
	if (f.Keep == nil) != (f.Name == "") {
		panic("detect: a ContextFilter needs both a Name and a Keep")
	}
}
