package detect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/sequential"
	"github.com/isotope-wm/isotope/watermark"
)

// exampleKey returns a key that everybody may know. A real key comes from watermark.NewKey or
// watermark.ReadKeyFile.
func exampleKey(label ...string) watermark.Key {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("0b", 32))
	if err != nil {
		log.Fatal(err)
	}
	return key.Derive(label...)
}

// mark binds a scheme to an example key, for a vocabulary of 1000 tokens.
func mark(label string, scheme watermark.Scheme, opts ...watermark.Option) *watermark.Mark {
	m, err := watermark.New(exampleKey(label), scheme, 1000, opts...)
	if err != nil {
		log.Fatal(err)
	}
	return m
}

// write samples n tokens with marks, or without any, from a model that finds all 1000 tokens equally
// likely. A real model has less choice, so its text needs more tokens.
func write(seed uint64, n int, marks ...*watermark.Mark) []watermark.Token {
	seq, err := watermark.NewSequence(marks...)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	var text []watermark.Token
	for range n {
		logits := make([]float32, 1000)
		next := seq.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		seq.Accept(next)
		text = append(text, next)
	}
	return text
}

// A detector needs the profile of the mark, the key, and the text as token ids.
func Example() {
	// The profile is a file that generation and detection share: see watermark.ReadProfile.
	profile, err := watermark.ParseProfile([]byte(`{
		"isotope": 1, "scheme": "greenlist", "gamma": 0.5, "delta": 2, "width": 2, "vocab": 1000,
		"tokenizer": "none", "band": [0, 65536], "mask": "none", "prompt_context": true,
		"dedup": "pair", "group": 0, "lane": 0, "payload": 0, "exempt": []}`))
	if err != nil {
		log.Fatal(err)
	}
	m, err := profile.Mark(exampleKey("service"))
	if err != nil {
		log.Fatal(err)
	}
	options := &detect.Options{Exempt: profile.Exempt, Rate: 0.35} // marked text like this is 85 % green
	if profile.Dedup == watermark.DedupContext {
		options.Dedup = detect.DedupContext
	}

	for _, text := range [][]watermark.Token{write(1, 200, m), write(25, 400), write(23, 40)} {
		acc := detect.NewAccumulator(m, options)
		acc.Add(text)
		r := acc.Result()
		fmt.Printf("%s: log10 p %.1f, %d tokens scored\n", r.Verdict, r.Log10PAdjusted, r.Scored)
	}
	// Output:
	// detected: log10 p -29.7, 198 tokens scored
	// not_detected: log10 p -1.4, 398 tokens scored
	// inconclusive: log10 p -0.2, 38 tokens scored
}

// Answers may quote prompts, and prompts may quote marked text. Exclude takes every context of a
// prompt out of the test.
func ExampleAccumulator_Exclude() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2})
	prompt := write(4, 200, m) // somebody asks about marked text
	answer := append(slices.Clone(prompt), write(5, 50)...)

	naive, sound := detect.NewAccumulator(m, nil), detect.NewAccumulator(m, nil)
	naive.Add(answer)
	sound.Exclude(prompt)
	sound.Add(answer)
	fmt.Println("without Exclude:", naive.Result().Verdict)
	fmt.Println("with Exclude:", sound.Result().Verdict)
	// Output:
	// without Exclude: detected
	// with Exclude: inconclusive
}

// Letters share a letterhead. Under one key it speaks for all of them, or against all. Shared finds
// it, and Exclude leaves it out.
func ExampleShared() {
	head := []watermark.Token{7, 7, 3, 1, 9}
	letters := [][]watermark.Token{
		append(slices.Clone(head), 21, 22, 23), append(slices.Clone(head), 31, 32, 33), {41, 42, 43, 44},
	}
	fmt.Println(detect.Shared(letters, 2, 2))
	// Output:
	// [[7 7 3 1 9]]
}

// Shards of a corpus can be read anywhere, in any order. Their evidence merges to the same bytes as
// that of the whole.
func ExampleAccumulator_Merge() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1})
	whole := detect.NewAccumulator(m, nil)
	merged := detect.NewAccumulator(m, nil)
	for shard := range uint64(4) {
		text := write(shard, 100, m)
		whole.Add(text)

		worker := detect.NewAccumulator(m, nil)
		worker.Add(text)
		state, err := worker.MarshalBinary() // as a worker sends it
		if err != nil {
			log.Fatal(err)
		}
		received := detect.NewAccumulator(m, nil)
		if err := received.UnmarshalBinary(state); err != nil {
			log.Fatal(err)
		}
		if err := merged.Merge(received); err != nil {
			log.Fatal(err)
		}
	}
	a, _ := whole.MarshalBinary() // the error is always nil
	b, _ := merged.MarshalBinary()
	fmt.Println("equal bytes:", bytes.Equal(a, b))
	fmt.Println(merged.Result().Verdict)
	// Output:
	// equal bytes: true
	// detected
}

// Weights let the test count positions by how much they can show. Here nine positions in ten do not
// leave a choice.
func ExampleAccumulator_AddWeighted() {
	scheme := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	m := mark("service", scheme)
	seq, err := watermark.NewSequence(m)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(6, 0))
	var text []watermark.Token
	var weights []uint8
	for i := range 1000 {
		logits := make([]float32, 1000)
		if i%10 > 0 {
			logits[rng.IntN(1000)] = 20 // one token is nearly certain
		}
		// The weight follows from the logits before the mark, which any model of the language has.
		weights = append(weights, detect.EntropyWeight(logits, scheme))
		next := seq.Sample(logits, watermark.Sampler{Temperature: 1}, rng.Float64())
		seq.Accept(next)
		text = append(text, next)
	}
	equal := detect.NewAccumulator(m, nil)
	equal.Add(text)
	weighted := detect.NewAccumulator(m, &detect.Options{Weighting: detect.WeightGiven})
	weighted.AddWeighted(text, weights)
	fmt.Printf("equal weights: log10 p %.1f\n", equal.Result().Log10P)
	fmt.Printf("entropy weights: log10 p %.1f\n", weighted.Result().Log10P)
	// Output:
	// equal weights: log10 p -2.6
	// entropy weights: log10 p -17.5
}

// A Sample bounds the memory of a test of a corpus. The p-value stays exact.
func ExampleSample() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1})
	// Draw the run key before anybody looks: detect.NewRunKey.
	sample := detect.Sample{Size: 500, RunKey: [16]byte{1, 2, 3}}
	acc := detect.NewAccumulator(m, &detect.Options{Sample: sample})
	for i := range uint64(20) {
		acc.Add(write(i, 200, m))
	}
	r := acc.Result()
	fmt.Println(r.Verdict, "from", r.Scored, "of", r.Tokens, "positions")
	// Output:
	// detected from 500 of 4000 positions
}

// A panel finds the key of a text among many, and adjusts for their number.
func ExamplePanel() {
	var scorers []detect.Scorer
	var tenants []*watermark.Mark
	for i := range 100 {
		m := mark(fmt.Sprint("tenant ", i), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2})
		tenants, scorers = append(tenants, m), append(scorers, m)
	}
	panel := detect.NewPanel(scorers, nil)
	panel.Add(write(7, 200, tenants[42]))
	for i, r := range panel.Results() {
		if r.Verdict == detect.Detected {
			fmt.Printf("tenant %d: log10 p %.1f, adjusted for %d keys %.1f\n", i, r.Log10P, r.Tests, r.Log10PAdjusted)
		}
	}
	// Output:
	// tenant 42: log10 p -28.8, adjusted for 100 keys -26.8
}

// A text may carry a trace band, which training carries over, and a provenance band, which marks the
// text as it was sampled. Their verdicts together mean more than each alone.
func ExampleConclude() {
	trace := mark("trace", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2})
	draw := mark("draw", watermark.GumbelMax{Width: 4})
	for _, text := range [][]watermark.Token{write(8, 800, trace, draw), write(9, 800, trace)} {
		bands := detect.NewBands([]detect.Band{
			{Role: detect.RoleMaster, Scorer: trace, Rate: 0.3},
			{Role: detect.RoleProvenance, Scorer: draw, Rate: 1},
		}, nil)
		bands.Add(text)
		c := detect.Conclude(bands.Results())
		fmt.Println(c.Pattern)
		for _, explanation := range c.Explanations {
			fmt.Println("-", explanation)
		}
	}
	// Output:
	// trace_and_provenance
	// - output of the marked service as it was sampled: the writer forwarded requests to it, or copied or quoted its text
	// - a text of which parts come from the marked service, and parts from a model trained on its output
	// trace_alone
	// - a model that was trained on marked output
	// - output of the marked service without a keyed draw: decoding was greedy, or the provenance band was off
	// - output of the marked service, edited so much that few contexts of the provenance band are left
}

// Text finds the marked parts of a text.
func ExampleText() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2})
	text := slices.Concat(write(10, 500), write(11, 150, m), write(12, 500))
	r := detect.Text(m, text, &detect.TextOptions{Spans: true})
	fmt.Println(r.Verdict, "by", r.Tests, "tests")
	for _, s := range r.Scan.Spans {
		fmt.Printf("tokens %d to %d: log10 p %.1f\n", s.DisplayStart, s.DisplayEnd, s.Log10PAdjusted)
	}
	// Output:
	// detected by 2 tests
	// tokens 502 to 650: log10 p -30.0
}

// A mark with a payload writes a message into a text, such as the number of a request.
func ExampleText_message() {
	scheme := watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}
	request := mark("service", scheme, watermark.Payload{Bits: 16, Message: 4711})
	text := write(13, 500, request)

	// The test does not know the message.
	m := mark("service", scheme, watermark.Payload{Bits: 16})
	r := detect.Text(m, text, &detect.TextOptions{Message: true})
	fmt.Println(r.Verdict, r.Message.Message, r.Message.Clear)
	// Output:
	// detected 4711 true
}

// Colours show a reader where the evidence comes from. They are not a test.
func ExampleText_colours() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 4, Width: 1})
	r := detect.Text(m, write(14, 30, m), &detect.TextOptions{Colours: true})
	var line strings.Builder
	for _, c := range r.Colours {
		line.WriteByte(".rG"[c]) // detect.Unscored, detect.NotGreen, detect.Green
	}
	fmt.Println(line.String())
	// Output:
	// .GGGGGGGGGGGGGGGGGGrGGGGGGGGGG
}

// listScorer tests a green list of somebody else. A token is green if the first bit of a SHA-256 of
// key, last token and token is 1.
type listScorer struct{ key string }

func (s listScorer) ID() string { return "sha-256 list " + s.key } // a real ID must not show the key
func (listScorer) Width() int   { return 1 }
func (listScorer) Vocab() int   { return 1000 }
func (s listScorer) green(context, token watermark.Token) bool {
	in := binary.BigEndian.AppendUint32([]byte(s.key), uint32(context))
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(in, uint32(token)))
	return sum[0]>>7 == 1
}

// Law is exact under the null: each bit is fair. Marked is the green rate of fully marked text.
func (listScorer) Law() watermark.Law { return watermark.Bernoulli{P: 0.5, Marked: 0.9} }

func (s listScorer) Score(dst []int64, pairs []detect.Pair) []int64 {
	for _, p := range pairs {
		score := int64(0)
		if s.green(p.Context[0], p.Token) {
			score = 1
		}
		dst = append(dst, score)
	}
	return dst
}

// Any mark with a known law can be tested. Package scorertest checks a Scorer of yours.
func ExampleScorer() {
	s := listScorer{"open sesame"}
	rng := rand.New(rand.NewPCG(15, 0))
	text := []watermark.Token{0}
	for len(text) < 200 { // the other engine draws again, nine times in ten, if a token is not green
		next := rng.Int32N(1000)
		if s.green(text[len(text)-1], next) || rng.IntN(10) == 0 {
			text = append(text, next)
		}
	}
	acc := detect.NewAccumulator(s, nil)
	acc.Add(text)
	fmt.Println(acc.Result().Verdict)
	// Output:
	// detected
}

// minScorer is a list that sees only the smallest id of four context tokens, as some engines do to
// survive edits.
type minScorer struct{ listScorer }

func (s minScorer) ID() string { return "min " + s.listScorer.ID() }
func (minScorer) Width() int   { return 4 }

func (s minScorer) Score(dst []int64, pairs []detect.Pair) []int64 {
	for _, p := range pairs {
		dst = s.listScorer.Score(dst, []detect.Pair{s.input(p)})
	}
	return dst
}

func (minScorer) input(p detect.Pair) detect.Pair {
	return detect.Pair{Context: []watermark.Token{slices.Min(p.Context)}, Token: p.Token}
}

// AppendUnit names the input of the function. So pairs with one input count once.
func (s minScorer) AppendUnit(dst []byte, p detect.Pair) []byte {
	in := s.input(p)
	dst = binary.BigEndian.AppendUint32(dst, uint32(in.Context[0]))
	return binary.BigEndian.AppendUint32(dst, uint32(in.Token))
}

// If several contexts are one input of the function, a Scorer says so. Without AppendUnit the test
// would count equal scores as independent ones.
func ExampleUnitNamer() {
	var s detect.UnitNamer = minScorer{listScorer{"open sesame"}}
	acc := detect.NewAccumulator(s, nil)
	acc.Add([]watermark.Token{5, 9, 8, 7, 100, 5, 8, 9, 6, 100})
	r := acc.Result()
	// The contexts 5 9 8 7 and 5 8 9 6 both have the smallest id 5.
	fmt.Println(r.Scored, "scored,", r.Skipped.Duplicate, "duplicate")
	// Output:
	// 5 scored, 1 duplicate
}

// A corpus is one claim, and its documents are many. Hardly any of these documents is long enough to
// be detected by itself. Together they are. Text that they share counts once in the corpus.
func ExampleBenjaminiHochberg() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 1})
	corpus := detect.NewAccumulator(m, nil)
	var log10P []float64
	for i := range uint64(20) {
		document := write(i, 38, m)
		alone := detect.NewAccumulator(m, nil)
		alone.Add(document)
		log10P = append(log10P, alone.Result().Log10P)
		corpus.Add(document)
	}
	fmt.Println("documents:", detect.BenjaminiHochberg(log10P, 1e-4).Count, "of", len(log10P))
	fmt.Println("corpus:", corpus.Result().Verdict)
	// Output:
	// documents: 2 of 20
	// corpus: detected
}

// To name a document is an accusation, so the probability of even one wrong name must be small.
func ExampleHolm() {
	p := []float64{1e-9, 0.03, 2e-4, 0.6, 0.04}
	log10P := make([]float64, len(p))
	for i := range p {
		log10P[i] = math.Log10(p[i])
	}
	named := detect.Holm(log10P, 0.01)
	leads := detect.BenjaminiHochberg(log10P, 0.1)
	fmt.Println("named:", named.Rejected)
	fmt.Println("leads:", leads.Rejected)
	// Output:
	// named: [true false true false false]
	// leads: [true true true false true]
}

// E-values need no condition on how documents depend on each other.
func ExampleEBH() {
	m := mark("service", watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2})
	var log10E []float64
	for i := range uint64(5) {
		document := write(i, 150)
		if i%2 == 0 {
			document = write(i, 150, m)
		}
		acc := detect.NewAccumulator(m, nil)
		acc.Add(document)
		r := acc.Result()
		log10E = append(log10E, sequential.Log10E(r.Green, r.Scored, 0.5))
	}
	fmt.Println(detect.EBH(log10E, 0.001).Rejected)
	// Output:
	// [true false true false true]
}
