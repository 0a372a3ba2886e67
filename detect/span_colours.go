package detect

// A Colour is how a test scored a position.
type Colour uint8

// The colours of positions.
const (
	Unscored Colour = iota // not scored, for one of the reasons of Skipped
	NotGreen               // scored, and not green
	Green                  // scored, and green
)

// colours returns the colour of each of n tokens. If scores are not colours, a score above its mean
// under the null is green.
func (q *sequence) colours(n int) []Colour {
	colours := make([]Colour, n)
	for i, at := range q.At {
		colours[at] = NotGreen
		if q.Law.Green(q.Sum(i, i+1)) {
			colours[at] = Green
		}
	}
	return colours
}
