package detect

import (
	"math"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
)

// TextOptions tunes the test of one text. The zero TextOptions are sound. nil means [OptionsOf] the
// mark, and nothing else.
type TextOptions struct {
	Options
	// Prompts are what the writer was given. Every context that occurs in one of them is left out
	// of the test, as after [Accumulator.Exclude].
	Prompts [][]Token
	// Breaks are the offsets, in tokens, at which another part of the text begins: the turns of a
	// conversation, or an answer after its reasoning. They ascend and lie within the text. Contexts
	// do not reach over them. nil is a text in one part.
	Breaks []int
	// Spans also tests the parts of the text, which is one more test. Decide on it before you see a
	// result. It needs the zero Sample.
	Spans bool
	// Message also reads the message of a mark with a payload, which is one more test. It needs a
	// [PayloadScorer] of at least one bit with gamma 1/2.
	Message bool
	// Colours also returns the colour of each token, for display. It is not a test. Tokens that
	// were chosen by their colour must not be tested again. It needs the zero Sample.
	Colours bool
}

// A TextResult is the test of one text.
type TextResult struct {
	// Result is the test of the text. Its counts and its Log10P are those of the whole text. Its
	// Log10PAdjusted and Verdict take the smallest p-value of the whole, the parts and the message.
	// So a Scan that has spans always comes with [Detected].
	Result
	Scan    *Scan    // the parts; nil without TextOptions.Spans
	Message *Decoded // the message; nil without TextOptions.Message
	Colours []Colour // one for each token; nil without TextOptions.Colours
}

// Text tests one text as a whole, and on request also its parts and its message. The whole, the
// parts and the message are up to three tests. Every adjusted p-value is adjusted for their number,
// and for the Tests of Options. Text does not keep the tokens. o may be nil.
//
// Text panics as [NewAccumulator] does, if a request does not fit the scorer or the options, and if
// Breaks do not fit the text. It may be called concurrently.
func Text(s Scorer, tokens []Token, o *TextOptions) TextResult {
	c := TextOptions{Options: *OptionsOf(s)}
	if o != nil {
		c = *o
	}
	checkBreaks(c.Breaks, len(tokens))
	tests := int64(1)
	for _, more := range []bool{c.Spans, c.Message} {
		if more {
			tests++
		}
	}
	options := c.Options.orDefault()
	options = options.times(tests)

	var r TextResult
	places := c.Spans || c.Colours // these need the places of units, which a Sample loses
	if places {
		q, t := newSequence(s, tokens, options, c.Breaks, c.Prompts)
		r.Result = measure(&t, s, options, 1)
		if c.Spans {
			scan := q.scan(options)
			r.Scan = &scan
			r.Log10PAdjusted = min(r.Log10PAdjusted, scan.Log10PAdjusted)
		}
		if c.Colours {
			r.Colours = q.colours(len(tokens))
		}
	}
	if c.Message || !places {
		e := evidence.New(options.config(s))
		for _, p := range c.Prompts {
			e.Exclude(p)
		}
		e.AddParts(tokens, c.Breaks)
		if !places {
			t := e.Score(s)
			r.Result = measure(&t, s, options, 1)
		}
		if c.Message {
			d := decode(e, s, options)
			r.Message = &d
			r.Log10PAdjusted = min(r.Log10PAdjusted, d.Log10PAdjusted)
		}
	}
	r.decide(s, options)
	if c.Message {
		r.Message.settle(r.Verdict == Detected, options)
	}
	return r
}

// checkBreaks panics unless breaks ascend within a text of n tokens.
func checkBreaks(breaks []int, n int) {
	for i, b := range breaks {
		if b < 0 || b > n || i > 0 && b < breaks[i-1] {
			panic("detect: Breaks do not ascend within the text")
		}
	}
}

// times returns the options for one of several tests.
func (o Options) times(tests int64) Options {
	if o.Tests > math.MaxInt64/tests {
		panic("detect: the number of tests overflows")
	}
	o.Tests *= tests
	return o
}
