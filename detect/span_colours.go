package detect

// A Colour is what a test saw at a position.
type Colour uint8

const (
	Unscored Colour = iota // not scored, for one of the reasons of Skipped
	NotGreen
	Green
)

// Colours shows one text as [Spans] sees it: the colour of each token. Where scores are not
// colours, those above their mean under the null are shown as green. It is for
// people to look at; a test of what they pick by colour would find what it was told.
// o may be nil. It panics as [Spans] does.
func Colours(s Scorer, text []Token, o *Options, prompts ...[]Token) []Colour {
	q, _ := newSequence(s, text, o.orDefault(), prompts)
	colours := make([]Colour, len(text))
	for i, at := range q.at {
		colours[at] = NotGreen
		if q.law.green(q.sum(i, i+1)) {
			colours[at] = Green
		}
	}
	return colours
}
