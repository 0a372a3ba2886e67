package detect

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect/internal/evidence"
	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// A PayloadScorer is a Scorer of a mark with a payload. [*watermark.Mark] is one.
type PayloadScorer interface {
	Scorer
	// PayloadBits is the number of bits of the message, from 0 to watermark.MaxPayloadBits.
	PayloadBits() int
	// ScorePayload appends, for each pair, its score under message 0 and its column. It does not
	// keep the pairs or their contexts.
	ScorePayload(dst []watermark.PayloadScore, pairs []Pair) []watermark.PayloadScore
}

// A Decoded is the message of a text (see [watermark.Payload]), with the tests of label and
// message.
type Decoded struct {
	Bits int // bits of the message, 1 to watermark.MaxPayloadBits
	// Message is the one under which Sum is largest. It is the most likely message if all are
	// equally likely beforehand. Of equal sums the lowest message wins.
	Message uint32
	// RunnerUp is the second best message, and Margin says by how much its sum is smaller. With a
	// Margin of 0 the text does not tell the two apart.
	RunnerUp uint32
	Margin   int64

	Scored   int64 // scored units, in free contexts and in message contexts
	Sum      int64 // weight of the units that are green under Message; their number if all weights are 1
	Carrying int64 // units in message contexts
	Carried  int64 // part of Sum that comes from units in message contexts

	// Log10P is log10 of the probability, under the null, of a Sum at least as large for this
	// message, at most 0. It is not adjusted for the other messages; report Log10PAdjusted.
	Log10P float64
	// Log10PAdjusted is Log10P adjusted for every message and for the tests of Options, at most 0.
	// It decides whether the text depends on the key.
	Log10PAdjusted float64
	Tests          int64 // tests that Log10PAdjusted is adjusted for: 2^Bits times the tests of Options

	// Log10PMessage is log10 of the p-value of the message contexts alone, adjusted for every
	// message and for the tests of Options, at most 0. It decides whether the text depends on
	// Message.
	Log10PMessage float64
	// Clear says that the message can be believed: the text depends on the key, and Log10PMessage
	// is at most log10 Alpha.
	Clear bool
}

// String returns one line for a log.
func (d Decoded) String() string {
	return fmt.Sprintf("message=%d of %d bits clear=%t log10p=%s log10p_message=%s "+
		"margin=%d scored=%d sum=%d carrying=%d carried=%d",
		d.Message, d.Bits, d.Clear, evidence.Rounded(d.Log10PAdjusted, 3), evidence.Rounded(d.Log10PMessage, 3),
		d.Margin, d.Scored, d.Sum, d.Carrying, d.Carried)
}

// Decode reads the message of everything added so far by comparing all 2^Bits messages. It takes 8
// bytes for each message, and some for each message context. It panics if the scorer is not a
// [PayloadScorer] of at least one bit with gamma 1/2. The Warnings of [Accumulator.Result] apply
// here too.
//
// # What is computed
//
// Unit i has a colour x_i (1 for green) under message 0, a column a_i and a weight w_i. The column
// of a free context is 0. Under message m the unit is green if x_i differs from the parity <a_i,m>.
// So the sum of m is
//
//	S_m = sum of w_i (x_i XOR <a_i,m>) = (W + A_m) / 2,  W = sum of w_i,
//	A_m = sum of w_i (2 x_i - 1) (-1)^<a_i,m>.
//
// A is the Walsh-Hadamard transform of the array that holds, at each column, the sum of
// w_i (2 x_i - 1) there. Let all units be equally likely to be green under the message that was
// written. Then the largest sum is the maximum likelihood decision of a random linear code.
//
// # Why the p-value holds
//
// Let the text not depend on the key. Given the text, the units are distinct inputs of the keyed
// function, so the x_i are independent fair bits. The a_i come from another key and are independent
// of them. Take one message m. Given the columns, x_i XOR <a_i,m> is a fair bit XOR a constant. So
// it is fair again, and independent of the others. Hence S_m has the law Binomial(n, 1/2), or its
// weighted form, exactly and for each m. Let c be the value for which P(S_m >= c) <= alpha /
// 2^Bits. The union bound gives
//
//	P(some m has S_m >= c) <= 2^Bits * alpha / 2^Bits = alpha,
//
// for any dependence between the S_m, which do depend on each other. Free contexts add the same to
// every message. They show the mark sooner, and do not help to tell messages apart.
//
// # What it says about the message
//
// A small Log10PAdjusted says that the text depends on the key. In a text whose message was lost,
// because students or editors mixed several, the free contexts alone cause that. Message then means
// nothing. Log10PMessage is the test of the message. Let d_c be the sum of w_i (2 x_i - 1) over the
// units of message context c. The test compares
//
//	sum of d_c (-1)^<a_c,m>
//
// with its law when all signs are fair, given the |d_c|. That law is exact if the text does not
// depend on the key, since d_c and -d_c are then alike.
//
// Suppose that the text carries another message m'. The text, and the lists that it was written
// with, are independent of the columns. So <a_c, m XOR m'> turns the sign, and is 1 with a
// probability above 1/2, independently for each context. A context that leans to green under m' is
// then at most as likely to lean to green under m as a fair coin. The union bound is over all
// messages, as above.
func (a *Accumulator) Decode() Decoded {
	d := decode(a.evidence, a.scorer, a.options)
	d.settle(d.Log10PAdjusted <= tail.Log10(a.options.Alpha), a.options)
	return d
}

// settle decides whether the message is clear. It claims a message for detected texts only. So in
// texts that do not depend on the key, the claim does not add an error of its own.
func (d *Decoded) settle(detected bool, o Options) {
	d.Clear = detected && d.Margin > 0 && d.Log10PMessage <= tail.Log10(o.Alpha)
}

// isFair reports whether scores are colours and green has the probability 1/2.
func isFair(s Scorer) bool {
	law, ok := s.Law().(watermark.Bernoulli)
	return ok && law.P == 0.5
}

// decode compares all messages.
func decode(e *evidence.Evidence, s Scorer, o Options) Decoded {
	reader, ok := s.(PayloadScorer)
	if !ok || reader.PayloadBits() < 1 {
		panic("detect: the mark does not have a payload")
	}
	if !isFair(s) {
		panic("detect: a mark with a payload needs gamma 1/2")
	}
	d := Decoded{Bits: reader.PayloadBits()}
	if d.Bits > watermark.MaxPayloadBits {
		panic("detect: the payload has more bits than watermark.MaxPayloadBits")
	}
	messages := int64(1) << d.Bits
	d.Tests = o.times(messages).Tests

	var carrying int64 // weight
	sums := make([]int64, messages)
	contexts := make(map[string]int64) // d_c of each message context
	seen := allUnitsScorer{PayloadScorer: reader}
	t := e.ScoreNoting(&seen, func(unit int, score int64) {
		column := seen.columns[unit%evidence.Batch]
		weight := int64(e.Weight(unit))
		term := (2*score - 1) * weight
		sums[column] += term
		if column != 0 {
			d.Carrying++
			carrying += weight
			contexts[string(evidence.Pack(nil, e.Context(unit)...))] += term
		}
	})
	free := sums[0]
	walshHadamard(sums)
	d.choose(sums)

	top := sums[d.Message]
	units := t.Units()
	d.Sum, d.Carried = (null.Max(t.Law, units).Int64()+top)/2, (carrying+top-free)/2
	for _, c := range t.Classes {
		d.Scored += c.Scored
	}
	d.Log10P = t.Law.Survival(units, null.SumOf(d.Sum))
	d.Log10PAdjusted = tail.Bonferroni(d.Log10P, d.Tests)
	d.Log10PMessage = tail.Bonferroni(signTest(contexts, top-free), d.Tests)
	return d
}

// choose finds the message with the largest entry of sums, and the runner-up.
func (d *Decoded) choose(sums []int64) {
	second := int64(math.MinInt64)
	for m, x := range sums[1:] {
		m := uint32(m + 1)
		switch best := sums[d.Message]; {
		case x > best:
			second, d.RunnerUp = best, d.Message
			d.Message = m
		case x > second:
			second, d.RunnerUp = x, m
		}
	}
	d.Margin = (sums[d.Message] - second) / 2
}

// signTest returns log10 of the probability that the sum of the values, each with a fair sign, is
// at least sum.
func signTest(values map[string]int64, sum int64) float64 {
	counts := make(map[int64]int64)
	var all int64
	for _, d := range values {
		if d != 0 {
			d = max(d, -d)
			counts[d]++
			all += d
		}
	}
	// A fair sign times d is 2d times a fair bit, minus d.
	green := (sum + all) / 2
	var groups []tail.Bernoulli
	for _, d := range slices.Sorted(maps.Keys(counts)) {
		groups = append(groups, tail.Bernoulli{Weight: d, Count: counts[d], P: 0.5})
	}
	switch len(groups) {
	case 0:
		return 0
	case 1:
		return tail.Binomial(green/groups[0].Weight, groups[0].Count, 0.5)
	default:
		return tail.WeightedBernoulli(groups, green)
	}
}

// An allUnitsScorer is a Scorer that also scores the units in message contexts. The colours are
// those under message 0. It keeps the columns of the last batch.
type allUnitsScorer struct {
	PayloadScorer
	scores  []watermark.PayloadScore
	columns [evidence.Batch]uint32
}

func (p *allUnitsScorer) Score(dst []int64, pairs []Pair) []int64 {
	p.scores = p.ScorePayload(p.scores[:0], pairs)
	for i, s := range p.scores {
		p.columns[i] = s.Column
		dst = append(dst, s.Score)
	}
	return dst
}
