package detect_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/internal/testmark/mutate"
	"github.com/isotope-wm/isotope/watermark"
)

func payloadMark(t testing.TB, k watermark.Key, bits int, message uint32, opts ...watermark.Option) *watermark.Mark {
	t.Helper()
	return testmark.Green(t, k, 2, append(opts, watermark.Payload{Bits: bits, Message: message})...)
}

func decode(m *watermark.Mark, o *detect.Options, texts ...[]Token) detect.Decoded {
	a := detect.NewAccumulator(m, o)
	for _, text := range texts {
		a.Add(text)
	}
	return a.Decode()
}

func TestEveryMessageDecodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	k := testmark.Key(7).Derive("every")
	for _, n := range []int{1, 2, 3, 5} {
		t.Run(fmt.Sprintf("bits=%d", n), func(t *testing.T) {
			test := payloadMark(t, k, n, 0)
			for message := range uint32(1 << n) {
				d := decode(test, nil, testmark.Write(t, rng, 300, testmark.Flat, payloadMark(t, k, n, message)))
				require.Equal(t, message, d.Message)
				assert.True(t, d.Clear, d)
				assert.Less(t, d.Log10PAdjusted, -20.0)
				assert.Positive(t, d.Margin)
				assert.NotEqual(t, message, d.RunnerUp)
				assert.Equal(t, n, d.Bits)
				assert.Equal(t, int64(1)<<n, d.Tests)
				assert.InDelta(t, tail.Binomial(d.Sum, d.Scored, 0.5), d.Log10P, 1e-12)
				assert.InDelta(t, d.Log10P+float64(n)*math.Log10(2), d.Log10PAdjusted, 1e-9, "adjusted for every message")
				assert.InDelta(t, d.Scored/2, d.Carrying, 60)
			}
		})
	}
	for _, n := range []int{16, 20} {
		t.Run(fmt.Sprintf("bits=%d", n), func(t *testing.T) {
			message := uint32(1)<<n - 3
			text := testmark.Write(t, rng, 500, testmark.Flat, payloadMark(t, k, n, message))
			d := decode(payloadMark(t, k, n, 5), nil, text)
			assert.Equal(t, message, d.Message, "the test's own message takes no part")
			assert.True(t, d.Clear)
		})
	}
}

// slowDecode compares messages one by one, as the documentation of Decode defines it.
func slowDecode(m *watermark.Mark, n int, text []Token) (sums []int64, scored int64) {
	sums = make([]int64, 1<<n)
	seen := map[string]bool{}
	for i := 2; i < len(text); i++ {
		pair := watermark.Pair{Context: text[i-2 : i], Token: text[i]}
		if key := fmt.Sprint(pair); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		r := m.ScorePayload(nil, []watermark.Pair{pair})[0]
		if r.Score == watermark.NotScored {
			continue
		}
		scored++
		for message := range sums {
			sums[message] += r.Score ^ int64(bits.OnesCount32(r.Column&uint32(message))&1)
		}
	}
	return sums, scored
}

func TestDecodeIsTheSlowDecode(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	for i := range 60 {
		n := 1 + i%6
		k := testmark.Key(7).Derive("slow", strconv.Itoa(i))
		m := payloadMark(t, k, n, 0, watermark.Band{Selector: testmark.Key(7).Derive("selector"), Hi: 50_000})
		text := testmark.Uniform(rng, 20+rng.IntN(300), 4+rng.IntN(30))
		sums, scored := slowDecode(m, n, text)
		best, second := 0, -1
		for message, s := range sums {
			if s > sums[best] {
				best = message
			}
		}
		for message, s := range sums {
			if message != best && (second < 0 || s > sums[second]) {
				second = message
			}
		}
		d := decode(m, nil, text)
		assert.Equal(t, uint32(best), d.Message)
		assert.Equal(t, sums[best], d.Sum)
		assert.Equal(t, uint32(second), d.RunnerUp)
		assert.Equal(t, sums[best]-sums[second], d.Margin)
		assert.Equal(t, scored, d.Scored)
	}
}

// TestPayloadCounts: a Decode scores the units that an Accumulator of the mark without a payload
// scores. The label is tested on the free half of them.
func TestPayloadCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(45, 46))
	k, sel := testmark.Key(7).Derive("counts"), testmark.Key(7).Derive("selector")
	band := watermark.Band{Selector: sel, Hi: 40_000}
	m, plain := payloadMark(t, k, 6, 9, band), testmark.Green(t, k, 2, band)
	for range 20 {
		o := &detect.Options{Exempt: []Token{3, 4}, Dedup: detect.Dedup(rng.IntN(2))}
		text, prompt := testmark.Uniform(rng, 400, 25), testmark.Uniform(rng, 8, 25)
		text[20], text[30] = -1, vocab
		a, b := detect.NewAccumulator(m, o), detect.NewAccumulator(plain, o)
		a.Add(text)
		b.Add(text)
		a.Exclude(prompt)
		b.Exclude(prompt)
		r, want, d := a.Result(), b.Result(), a.Decode()
		assert.Equal(t, r.Tokens, r.Scored+r.Skipped.Total())
		assert.Positive(t, r.Skipped.Payload)
		assert.Equal(t, want.Scored, d.Scored)
		assert.Equal(t, want.Scored, r.Scored+d.Carrying)
		assert.Equal(t, want.Skipped.Band, r.Skipped.Band)
		assert.Equal(t, want.Skipped.Vocab, r.Skipped.Vocab)
		assert.GreaterOrEqual(t, d.Sum, want.Green, "the lists of message 0 are those without a payload")
	}
}

func TestDecodeDoesNotDependOnOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(47, 48))
	k := testmark.Key(7).Derive("order")
	m := payloadMark(t, k, 8, 200)
	for _, c := range []struct {
		name  string
		dedup detect.Dedup
	}{{"pairs", detect.DedupPair}, {"contexts", detect.DedupContext}} {
		t.Run(c.name, func(t *testing.T) {
			var texts [][]Token
			for range 12 {
				texts = append(texts, testmark.Write(t, rng, 40, testmark.Flat, m), testmark.Uniform(rng, 40, 30))
			}
			o := &detect.Options{Dedup: c.dedup}
			whole := detect.NewAccumulator(m, o)
			for _, text := range texts {
				whole.Add(text)
			}
			whole.Exclude(texts[0][:10])
			want := whole.Decode()
			rng.Shuffle(len(texts[1:]), func(i, j int) { texts[1+i], texts[1+j] = texts[1+j], texts[1+i] })
			first, second := detect.NewAccumulator(m, o), detect.NewAccumulator(payloadMark(t, k, 8, 0), o)
			second.Exclude(texts[0][:10])
			for i, text := range texts {
				if i%2 == 0 {
					first.Add(text)
				} else {
					second.Add(text)
				}
			}
			require.NoError(t, first.Merge(second), "the message is not part of the evidence")
			restarted := detect.NewAccumulator(m, o)
			require.NoError(t, restarted.UnmarshalBinary(encode(t, first)))
			assert.Equal(t, want, restarted.Decode())
		})
	}
}

func TestDecodeWeighs(t *testing.T) {
	rng := rand.New(rand.NewPCG(49, 50))
	k := testmark.Key(7).Derive("weights")
	m := payloadMark(t, k, 8, 77)
	text := testmark.Write(t, rng, 300, testmark.Flat, m)
	weights := make([]uint8, len(text))
	for i := range weights {
		weights[i] = uint8(rng.IntN(4))
	}
	a := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
	a.AddWeighted(text, weights)
	d := a.Decode()
	assert.Equal(t, uint32(77), d.Message)
	assert.True(t, d.Clear)
	assert.Greater(t, d.Sum, d.Scored)
	counts := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightCounts})
	counts.Add(append(text[:100:100], text[:100]...))
	assert.Equal(t, uint32(77), counts.Decode().Message)
}

// TestMessagesComeBack compares rates of exact recovery with a simulation of random linear codes.
// Over n message contexts they are 72 % at 150, 90 % at 200 and 99 % at 250, for 16 bits and a
// green rate of 0.7. Half of the contexts of a text are free, so a text needs twice as many units.
func TestMessagesComeBack(t *testing.T) {
	trials := 300
	if testing.Short() {
		trials = 60
	}
	const n, p1, ids = 16, 0.7, 1 << 22
	rng := rand.New(rand.NewPCG(51, 52))
	for _, c := range []struct {
		units int
		rate  float64
	}{{150, 0.72}, {200, 0.90}, {250, 0.99}} {
		t.Run(fmt.Sprintf("contexts=%d", c.units), func(t *testing.T) {
			exact, carrying := 0, int64(0)
			for i := range trials {
				message := rng.Uint32N(1 << n)
				k := testmark.Key(7).Derive("rates", strconv.Itoa(c.units), strconv.Itoa(i))
				scheme := watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1}
				m := testmark.Mark(t, k, scheme, ids, watermark.Payload{Bits: n, Message: message})
				a := detect.NewAccumulator(m, nil)
				list := make([]uint64, 1)
				for carried, tried := 0, 0; carried < c.units; tried++ {
					require.Less(t, tried, 10*c.units, "half of the contexts carry the message")
					context := []Token{rng.Int32N(ids)}
					m.Mask(list, context)
					next, green := rng.Int32N(64), rng.Float64() < p1
					for list[0]>>next&1 == 1 != green {
						next = rng.Int32N(64)
					}
					if m.Score(nil, []watermark.Pair{{Context: context, Token: next}})[0] == watermark.InMessage {
						carried++
					}
					a.AddPair(context, next)
				}
				d := a.Decode()
				carrying += d.Carrying
				if d.Message == message {
					exact++
				}
			}
			t.Logf("%d message contexts: %d of %d exact, simulated %.2f", c.units, exact, trials, c.rate)
			assert.InDelta(t, c.units, float64(carrying)/float64(trials), 1)
			sd := math.Sqrt(c.rate * (1 - c.rate) / float64(trials))
			assert.InDelta(t, c.rate, float64(exact)/float64(trials), 4*sd+0.015)
		})
	}
}

// nullCounts counts p-values of texts that do not depend on the keys.
type nullCounts map[float64]int64

func (c nullCounts) add(log10P float64) {
	for alpha := range c {
		if log10P <= math.Log10(alpha) {
			c[alpha]++
		}
	}
}

// atMost checks that p-values are not small more often than they say, up to chance at 1e-6.
func (c nullCounts) atMost(t *testing.T, name string, texts int64) {
	for _, alpha := range slices.Sorted(maps.Keys(c)) {
		t.Logf("%s <= %v: %d of %d", name, alpha, c[alpha], texts)
		assert.Greater(t, tail.Binomial(c[alpha], texts, alpha), -6.0, "%s: too many p <= %v: %d", name, alpha, c[alpha])
	}
}

func newNullCounts() nullCounts { return nullCounts{0.5: 0, 0.1: 0, 1e-2: 0, 1e-3: 0} }

// TestDecodeUnderTheNull: under unrelated keys, neither messages nor labels show more often than their
// p-values say, and the bounds are not idle.
func TestDecodeUnderTheNull(t *testing.T) {
	const texts = 8_000
	rng := rand.New(rand.NewPCG(53, 54))
	label, adjusted, message, joint := newNullCounts(), newNullCounts(), newNullCounts(), newNullCounts()
	sizes := make(map[int64]int64)
	below := map[int64]int64{}
	for i := range texts {
		m := payloadMark(t, testmark.Key(7).Derive("null", strconv.Itoa(i)), 1+i%6, 0)
		a := detect.NewAccumulator(m, nil)
		a.Add(testmark.Uniform(rng, 60+rng.IntN(200), []int{12, vocab}[i/6%2]))
		d := a.Decode()
		r, _ := a.LabelAndMessage()
		label.add(r.Log10P) // of the label alone
		adjusted.add(d.Log10PAdjusted)
		message.add(d.Log10PMessage)
		joint.add(r.Log10PAdjusted)
		sizes[r.Scored]++
		if r.Log10P <= math.Log10(0.1) {
			below[r.Scored]++
		}
		assert.False(t, d.Clear)
	}
	label.atMost(t, "label", texts)
	adjusted.atMost(t, "every message", texts)
	message.atMost(t, "message contexts", texts)
	joint.atMost(t, "label or message", texts)
	// The union bound loses little.
	assert.Greater(t, adjusted[0.1], int64(texts/100))
	assert.Greater(t, message[0.1], int64(texts/100))

	// The label's p-value is exact, not only valid: the expected number of p-values is below 0.1.
	var attainable float64
	var seen int64
	for n, count := range sizes {
		k := tail.BinomialCritical(n, 0.5, -1)
		attainable += float64(count) * math.Pow(10, tail.Binomial(k, n, 0.5))
		seen += below[n]
	}
	assert.InDelta(t, attainable, seen, 5*math.Sqrt(attainable))
}

// TestOtherMessagesAreNoEvidence: in text that carries a message, the best wrong message has a small
// Log10PMessage no more often than it says.
func TestOtherMessagesAreNoEvidence(t *testing.T) {
	const texts = 2_000
	for _, c := range []struct {
		name                  string
		bits, contexts, pairs int
	}{
		{"many contexts", 4, 30, 1},
		// All tokens after one context are complemented together, so they are one vote.
		{"few contexts of many tokens", 8, 24, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(55, 56))
			wrong := nullCounts{0.5: 0, 0.1: 0, 1e-2: 0}
			for i := range texts {
				message := rng.Uint32N(1 << c.bits)
				m := payloadMark(t, testmark.Key(7).Derive("wrong", c.name, strconv.Itoa(i)), c.bits, message)
				a := detect.NewAccumulator(m, nil)
				for range c.contexts {
					context := testmark.Uniform(rng, 2, vocab)
					for range c.pairs {
						ids := testmark.Uniform(rng, 8, vocab)
						a.AddPair(context, ids[m.Pick(ids, []float32{1, 1, 1, 1, 1, 1, 1, 1}, context, rng.Float64())])
					}
				}
				if d := a.Decode(); d.Message != message {
					wrong.add(d.Log10PMessage)
				}
			}
			wrong.atMost(t, "a wrong message", texts)
		})
	}
}

// TestTheLabelSurvivesManyMessages shows why half of the contexts are free: pooled text of many
// messages still shows the label.
func TestTheLabelSurvivesManyMessages(t *testing.T) {
	rng := rand.New(rand.NewPCG(57, 58))
	k := testmark.Key(7).Derive("many")
	a := detect.NewAccumulator(payloadMark(t, k, 16, 0), nil)
	for range 200 {
		a.Add(testmark.Write(t, rng, 20, testmark.Flat, payloadMark(t, k, 16, rng.Uint32N(1<<16))))
	}
	r := a.Result()
	assert.Equal(t, detect.Detected, r.Verdict)
	assert.InDelta(t, float64(r.Skipped.Payload), float64(r.Scored), 5*math.Sqrt(float64(r.Scored)))
	assert.Greater(t, float64(r.Green), 0.8*float64(r.Scored), "the free half is marked throughout")

	// The message is lost, and the best one is not called clear.
	d := a.Decode()
	assert.Less(t, d.Log10PAdjusted, -6.0, "the text depends on the key")
	assert.Greater(t, d.Log10PMessage, -6.0)
	assert.False(t, d.Clear, d)
}

// TestComplementedTextKeepsItsLabel: complementing every message context does not touch the label.
func TestComplementedTextKeepsItsLabel(t *testing.T) {
	rng := rand.New(rand.NewPCG(59, 60))
	k := testmark.Key(7).Derive("complement")
	test := payloadMark(t, k, 1, 0)
	zero := testmark.Write(t, rng, 300, testmark.Flat, payloadMark(t, k, 1, 0))
	one := testmark.Write(t, rng, 300, testmark.Flat, payloadMark(t, k, 1, 1))
	for message, text := range [][]Token{zero, one} {
		t.Run(fmt.Sprintf("message=%d", message), func(t *testing.T) {
			a := detect.NewAccumulator(test, nil)
			a.Add(text)
			r := a.Result()
			assert.Equal(t, detect.Detected, r.Verdict)
			assert.Less(t, r.Log10P, -10.0)
			assert.Equal(t, uint32(message), a.Decode().Message)
		})
	}
	// A test without free contexts would find half of the evidence against the mark.
	blind := detect.NewAccumulator(testmark.Green(t, k, 2), nil)
	blind.Add(one)
	assert.NotEqual(t, detect.Detected, blind.Result().Verdict)
}

func TestLabelAndMessage(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	k := testmark.Key(7).Derive("both")
	m := payloadMark(t, k, 10, 700)
	for _, c := range []struct {
		name string
		text []Token
	}{
		{"marked", testmark.Write(t, rng, 300, testmark.Flat, m)}, {"unmarked", testmark.Uniform(rng, 300, vocab)}, {"empty", nil},
	} {
		text := c.text
		t.Run(c.name, func(t *testing.T) {
			o := &detect.Options{Tests: 3}
			a := detect.NewAccumulator(m, o)
			a.Add(text)
			label, alone := a.Result(), a.Decode()
			both := detect.Text(m, text, &detect.TextOptions{Options: *o, Message: true})
			r, d := both.Result, *both.Message
			accumulated, message := a.LabelAndMessage()
			assert.Equal(t, fmt.Sprint(accumulated, message), fmt.Sprint(r, d))
			assert.Equal(t, int64(6), r.Tests)
			assert.Equal(t, int64(6<<10), d.Tests)
			assert.Equal(t, label.Log10P, r.Log10P)
			assert.Equal(t, alone.Log10P, d.Log10P)
			assert.InDelta(t, min(alone.Log10PAdjusted+math.Log10(2), 0), d.Log10PAdjusted, 1e-9)
			assert.InDelta(t, min(0, label.Log10PAdjusted+math.Log10(2), d.Log10PAdjusted), r.Log10PAdjusted, 1e-9)
			assert.Equal(t, r.Verdict == detect.Detected, r.Log10PAdjusted <= -6)

			prompt := testmark.Uniform(rng, 5, vocab)
			got := detect.Text(m, text, &detect.TextOptions{Options: *o, Prompts: [][]Token{prompt}, Spans: true, Message: true})
			whole, scan, located := got.Result, got.Scan, got.Message
			assert.Equal(t, int64(9), whole.Tests)
			assert.Equal(t, int64(9<<10), located.Tests)
			assert.Equal(t, d.Message, located.Message)
			best := min(0, label.Log10PAdjusted+math.Log10(3), located.Log10PAdjusted, scan.Log10PAdjusted)
			assert.InDelta(t, best, whole.Log10PAdjusted, 1e-9)
		})
	}
	// Both halves together detect a text earlier than the free half does.
	m = payloadMark(t, k, 4, 11)
	text := testmark.Write(t, rng, 200, testmark.Flat, m)
	for n := 10; ; n++ {
		require.Less(t, n, len(text), "never detected")
		a := detect.NewAccumulator(m, nil)
		a.Add(text[:n])
		r, d := a.LabelAndMessage()
		if r.Verdict == detect.Detected {
			t.Logf("detected after %d tokens, the label's own log10 p being %.1f", n, r.Log10P)
			assert.Equal(t, d.Log10PAdjusted, r.Log10PAdjusted)
			assert.Greater(t, r.Log10P, -6.0)
			break
		}
	}
}

func TestSequentialLeavesMessagesOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(63, 64))
	m := payloadMark(t, testmark.Key(7).Derive("sequential"), 12, 99)
	text := testmark.Write(t, rng, 300, testmark.Flat, m)
	q, a := sequential.New(m, nil), detect.NewAccumulator(m, nil)
	q.Add(text)
	a.Add(text)
	r, want := q.Result(), a.Result()
	assert.Equal(t, want.Scored, r.Scored)
	assert.Equal(t, want.Green, r.Green)
	assert.Equal(t, want.Skipped, r.Skipped)
	again := sequential.New(m, nil)
	data, err := q.MarshalBinary()
	require.NoError(t, err)
	require.NoError(t, again.UnmarshalBinary(data))
	assert.Equal(t, r, again.Result())
}

func TestDecodeRefuses(t *testing.T) {
	k := testmark.Key(7).Derive("refuses")
	plain := testmark.Green(t, k, 2)
	m := payloadMark(t, k, 20, 0)
	for _, c := range []struct {
		name, says string
		scorer     detect.Scorer
		o          *detect.Options
	}{
		{"no payload", "detect: the mark does not have a payload", plain, nil},
		{"no method", "detect: the mark does not have a payload", labelOnly{plain}, nil},
		{"too many tests", "detect: the number of tests overflows", m, &detect.Options{Tests: 1 << 44}},
		{"gamma", "detect: a mark with a payload needs gamma 1/2", biased{m}, nil},
		{"too many bits", "detect: the payload has more bits than watermark.MaxPayloadBits", long{m}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.PanicsWithValue(t, c.says, func() { detect.NewAccumulator(c.scorer, c.o).Decode() })
			assert.PanicsWithValue(t, c.says, func() {
				detect.Text(c.scorer, nil, &detect.TextOptions{Options: *orZero(c.o), Message: true})
			})
		})
	}

	d := detect.NewAccumulator(m, nil).Decode()
	assert.Equal(t, detect.Decoded{Bits: 20, RunnerUp: 1, Tests: 1 << 20}, d, "without text")
	assert.True(t, strings.HasPrefix(d.String(), "message=0 of 20 bits clear=false"))
}

// orZero returns the Options that nil means.
func orZero(o *detect.Options) *detect.Options {
	if o == nil {
		return new(detect.Options)
	}
	return o
}

// labelOnly hides the payload of a mark.
type labelOnly struct{ detect.Scorer }

// biased is a mark that declares another law.
type biased struct{ *watermark.Mark }

func (biased) Law() watermark.Law { return watermark.Bernoulli{P: 0.25, Marked: 0.5} }

// long declares too many bits.
type long struct{ *watermark.Mark }

func (long) PayloadBits() int { return 21 }

// FuzzDecode compares with the slow decoder on any text.
func FuzzDecode(tf *testing.F) {
	f := mutate.New(tf)
	f.Add(uint8(3), []byte{1, 2, 3, 4, 1, 2, 3, 9, 9, 9, 9})
	m := make([]*watermark.Mark, 7)
	for n := range m {
		m[n] = payloadMark(f, testmark.Key(7).Derive("fuzz"), n, 0)
	}
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		bits := 1 + int(n%6)
		text := make([]Token, len(data)/2)
		for i := range text {
			text[i] = Token(binary.LittleEndian.Uint16(data[2*i:]) % vocab)
		}
		d := decode(m[bits], nil, text)
		sums, scored := slowDecode(m[bits], bits, text)
		require.Equal(t, sums[d.Message], d.Sum)
		require.Equal(t, scored, d.Scored)
		for _, s := range sums {
			require.LessOrEqual(t, s, d.Sum)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	rng := rand.New(rand.NewPCG(65, 66))
	for _, n := range []int{16, 20} {
		m := payloadMark(b, testmark.Key(7).Derive("bench"), n, 0)
		a := detect.NewAccumulator(m, nil)
		a.Add(testmark.Uniform(rng, 1000, vocab))
		b.Run(fmt.Sprintf("bits=%d", n), func(b *testing.B) {
			for b.Loop() {
				a.Decode()
			}
		})
	}
}
