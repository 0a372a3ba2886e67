package watermark_test

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// exampleKey returns a fixed key, so that the examples print the same on every machine. A program
// makes a key with watermark.NewKey once, and keeps it with watermark.WriteKeyFile.
func exampleKey() watermark.Key {
	key, err := watermark.ParseKey("isotope-secret-key-1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if err != nil {
		log.Fatal(err)
	}
	return key
}

const exampleVocab = 1000

// model stands in for a language model: it returns the raw logits of the token after text.
func model(text []watermark.Token) []float32 {
	rng := rand.New(rand.NewPCG(3, uint64(len(text))))
	row := make([]float32, exampleVocab)
	for i := range row {
		row[i] = float32(rng.IntN(800)+rng.IntN(800)-800) / 100
	}
	return row
}

// write lets the model write n tokens after a prompt, sampled by a Sequence.
func write(seq *watermark.Sequence, prompt []watermark.Token, n int) []watermark.Token {
	rng := rand.New(rand.NewPCG(1, 2))
	text := append([]watermark.Token(nil), prompt...)
	for seq.Reset(prompt); len(text) < len(prompt)+n; {
		token := seq.Sample(model(text), watermark.Sampler{Temperature: 1, TopK: 50}, rng.Float64())
		seq.Accept(token)
		text = append(text, token)
	}
	return text[len(prompt):]
}

// verdict tests a text, and says in short what the test found.
func verdict(s detect.Scorer, text []watermark.Token) string {
	test := detect.NewAccumulator(s, nil)
	test.Add(text)
	r := test.Result()
	return fmt.Sprintf("%s, %d of %d green", r.Verdict, r.Green, r.Scored)
}

// Mark a text while a model samples it, stream it to a client, and find the mark again.
func Example() {
	mark, err := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, exampleVocab)
	if err != nil {
		log.Fatal(err)
	}
	seq, err := watermark.NewSequence(mark) // one for each request
	if err != nil {
		log.Fatal(err)
	}
	sampler := watermark.Sampler{Temperature: 0.8, TopK: 40}
	rng := rand.New(rand.NewPCG(1, 2)) // use rand.Float64 in a program

	prompt := []watermark.Token{15, 7, 42}
	var answer []watermark.Token
	for seq.Reset(prompt); len(answer) < 400; {
		token := seq.Sample(model(append(prompt, answer...)), sampler, rng.Float64())
		seq.Accept(token)
		answer = append(answer, token) // and send the token to the client
	}

	fmt.Println("marked:", verdict(mark, answer))
	unmarked, _ := watermark.NewSequence()
	fmt.Println("unmarked:", verdict(mark, write(unmarked, prompt, 400)))
	// Output:
	// marked: detected, 381 of 398 green
	// unmarked: inconclusive, 189 of 398 green
}

// An engine with a sampler of its own lets Process bias the raw logits, before temperature and
// truncation. Here the sampler is greedy.
func ExampleSequence_Process() {
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, exampleVocab)
	seq, _ := watermark.NewSequence(mark)
	var text []watermark.Token
	for len(text) < 60 {
		logits := model(text)
		seq.Process(logits) // in place
		best := 0
		for i, x := range logits {
			if x > logits[best] {
				best = i
			}
		}
		seq.Accept(watermark.Token(best))
		text = append(text, watermark.Token(best))
	}
	fmt.Println(verdict(mark, text))
	// Output: detected, 58 of 58 green
}

// An engine with a sampler of its own ends with Draw: it passes the survivors of truncation with their
// probabilities. The same code is right for a bias.
func ExampleSequence_Draw() {
	mark, _ := watermark.New(exampleKey(), watermark.GumbelMax{Width: 4}, exampleVocab)
	seq, _ := watermark.NewSequence(mark)
	rng := rand.New(rand.NewPCG(1, 2))
	var text []watermark.Token
	for len(text) < 60 {
		logits := model(text)
		var ids []watermark.Token
		var probs []float32
		for i, x := range logits { // the engine's own truncation
			if x > 5 {
				ids, probs = append(ids, watermark.Token(i)), append(probs, float32(math.Exp(float64(x))))
			}
		}
		token := ids[seq.Draw(ids, probs, rng.Float64())]
		seq.Accept(token)
		text = append(text, token)
	}
	test := detect.NewAccumulator(mark, &detect.Options{Dedup: detect.DedupContext})
	test.Add(text)
	fmt.Println(test.Result().Verdict)
	n := seq.Counts()
	fmt.Println(n.Tokens, n.Draw.Marked, n.Draw.Unscorable)
	// Output:
	// detected
	// 60 56 4
}

// For a row of tempered and truncated logits, ProcessDraw leaves the drawn token alone finite.
func ExampleSequence_ProcessDraw() {
	mark, _ := watermark.New(exampleKey(), watermark.GumbelMax{Width: 2}, 4)
	seq, _ := watermark.NewSequence(mark)
	seq.Reset([]watermark.Token{1, 2})
	inf := float32(math.Inf(-1))
	row := []float32{0.5, inf, 0.1, 0.3} // truncation has removed token 1
	seq.ProcessDraw(row)
	fmt.Println(row)
	// Output: [-Inf -Inf -0.4 -Inf]
}

// Where logits live on a device, ship the bitmap of the green list there: token v is bit v%64 of
// word v/64. The device adds delta to the logits of green tokens.
func ExampleMark_Mask() {
	const vocab = 128
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 4}, vocab)
	context := []watermark.Token{1, 2, 3, 128255}
	words := make([]uint64, (vocab+63)/64)
	mark.Mask(words, context)
	fmt.Printf("%016x\n", words)

	device, host := make([]float32, vocab), make([]float32, vocab)
	for v := range device {
		device[v] += 2 * float32(words[v/64]>>(v%64)&1)
	}
	mark.Process(host, context)
	same := true
	for v := range device {
		same = same && device[v] == host[v]
	}
	fmt.Println("equal to Process:", same)
	// Output:
	// [09e9c9044ac6b38f 8c585ee438c716f4]
	// equal to Process: true
}

// A search in beams asks for the same position of several texts. A Mark is a function of the
// context alone, so it needs no Sequence for that.
func ExampleMark_ProcessBatch() {
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 8)
	beams := [][]watermark.Token{{5, 1}, {5, 3}}
	rows := [][]float32{make([]float32, 8), make([]float32, 8)}
	mark.ProcessBatch(rows, beams)
	fmt.Println(rows[0])
	fmt.Println(rows[1])
	// Output:
	// [0 2 2 2 2 0 2 0]
	// [0 0 0 0 0 0 2 0]
}

// A bias and a keyed draw mark one text together, each with its own key: the bias survives
// training, and the draw finds short texts.
func ExampleNewSequence() {
	root := exampleKey()
	trace, _ := watermark.New(root.Derive("trace"), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, exampleVocab)
	provenance, _ := watermark.New(root.Derive("provenance"), watermark.GumbelMax{Width: 4}, exampleVocab)
	seq, err := watermark.NewSequence(trace, provenance)
	if err != nil {
		log.Fatal(err)
	}
	text := write(seq, nil, 200)
	fmt.Println("trace:", verdict(trace, text))
	test := detect.NewAccumulator(provenance, &detect.Options{Dedup: detect.DedupContext})
	test.Add(text)
	fmt.Println("provenance:", test.Result().Verdict)
	// Output:
	// trace: detected, 154 of 198 green
	// provenance: detected
}

// A draft model proposes tokens, and the target model rejects some of them. Rewind takes rejected
// tokens back, so that the text continues as if nobody had proposed them.
func ExampleSequence_Rewind() {
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 6, watermark.MaskRepeats{})
	seq, _ := watermark.NewSequence(mark)
	next := func() []float32 {
		row := make([]float32, 6)
		seq.Process(row)
		return row
	}
	seq.Reset([]watermark.Token{5})
	fmt.Println(next())
	for _, draft := range []watermark.Token{4, 0, 5} {
		seq.Accept(draft)
	}
	seq.Rewind(3)
	fmt.Println(next())
	// Output:
	// [0 0 2 0 0 2]
	// [0 0 2 0 0 2]
}

// With MaskRepeats a position stays unmarked if its context occurred before in the text.
func ExampleMaskRepeats() {
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, 6, watermark.MaskRepeats{})
	seq, _ := watermark.NewSequence(mark)
	for _, token := range []watermark.Token{4, 5, 4} {
		seq.Accept(token)
		row := make([]float32, 6)
		seq.Process(row)
		fmt.Println("after", token, row)
	}
	// Output:
	// after 4 [0 0 2 0 2 0]
	// after 5 [0 0 2 0 0 2]
	// after 4 [0 0 0 0 0 0]
}

// Derived keys are independent: whoever knows a tenant's key learns nothing about the root or
// about other tenants.
func ExampleKey_Derive() {
	root := exampleKey()
	acme := root.Derive("model-7", "2026-11", "tenant", "acme")
	globex := root.Derive("model-7", "2026-11", "tenant", "globex")
	fmt.Println(root)
	fmt.Println(acme)
	fmt.Println(globex)
	fmt.Println(acme.Equal(root.Derive("model-7", "2026-11", "tenant", "acme")))
	// Output:
	// key 9d34d7cc907c7491
	// key 19188cbd0dabc469
	// key 125b02c569b47447
	// true
}

// A key file can be read by its owner alone, and is never overwritten.
func ExampleWriteKeyFile() {
	dir, err := os.MkdirTemp("", "isotope")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "my.key")

	key := watermark.NewKey()
	if err := watermark.WriteKeyFile(file, key, "the root key of model 7"); err != nil {
		log.Fatal(err)
	}
	again, err := watermark.ReadKeyFile(file)
	fmt.Println(again.Equal(key), err)
	fmt.Println(watermark.WriteKeyFile(file, watermark.NewKey()) != nil)
	// Output:
	// true <nil>
	// true
}

// A detector needs the profile of the mark besides the key. Write it where text is generated, and
// read it where text is tested.
func ExampleMark_Profile() {
	dir, err := os.MkdirTemp("", "isotope")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "profile.json")

	// The generator.
	mark, err := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2}, exampleVocab)
	if err != nil {
		log.Fatal(err)
	}
	profile, err := mark.Profile(watermark.TokenizerNone, "")
	if err != nil {
		log.Fatal(err)
	}
	text, err := profile.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		log.Fatal(err)
	}
	seq, _ := watermark.NewSequence(mark)
	answer := write(seq, nil, 120)

	// The detector.
	read, err := watermark.ReadProfile(file)
	if err != nil {
		log.Fatal(err)
	}
	tested, err := read.Mark(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.ID() == profile.ID(), tested.ID() == mark.ID())
	fmt.Println(verdict(tested, answer))
	// Output:
	// true true
	// detected, 95 of 118 green
}

// A profile that a person wrote. Fields that are left out have their defaults.
func ExampleParseProfile() {
	profile, err := watermark.ParseProfile([]byte(`{
		"isotope": 1, "scheme": "greenlist", "gamma": 0.5, "delta": 2, "width": 2,
		"vocab": 1000, "tokenizer": "none"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(profile.Scheme, profile.Mask, profile.Dedup)

	_, err = watermark.ParseProfile([]byte(`{"isotope": 1, "scheme": "greenlist", "gamma": 0.3, "delta": 2, "width": 2,
		"vocab": 1000, "tokenizer": "none"}`))
	fmt.Println(err)
	// Output:
	// greenlist gamma=0.5 width=2 none pair
	// watermark: gamma 0.3 is not m/256 with 0 < m < 256; the nearest that is: 0.30078125
}

// The mark for finding out who trained on a model's answers costs at most so many nats a token.
func ExampleTraceProfile() {
	for _, nats := range []float64{0.01, 0.05, 0.25} {
		profile, err := watermark.TraceProfile(50257, watermark.TokenizerNone, "", nats)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(nats, profile.Scheme, "delta:", profile.Scheme.(watermark.GreenList).Delta)
	}
	// Output:
	// 0.01 greenlist gamma=0.5 width=2 delta: 0.284
	// 0.05 greenlist gamma=0.5 width=2 delta: 0.648
	// 0.25 greenlist gamma=0.5 width=2 delta: 1.642
}

// The two recommended marks run together on one text.
func ExampleProvenanceProfile() {
	trace, _ := watermark.TraceProfile(50257, watermark.TokenizerNone, "", 0.05)
	provenance, _ := watermark.ProvenanceProfile(50257, watermark.TokenizerNone, "")
	root := watermark.NewKey()
	bias, _ := trace.Mark(root.Derive("trace"))
	draw, _ := provenance.Mark(root.Derive("provenance"))
	_, err := watermark.NewSequence(bias, draw)
	fmt.Println(trace.Scheme, provenance.Scheme, err)
	// Output: greenlist gamma=0.5 width=2 gumbelmax width=4 <nil>
}

// A keyed draw answers a request that is repeated with the same text. With several variants each
// text is marked with one of several keys, and a test tries all of them.
func ExampleProfile_Marks() {
	profile := &watermark.Profile{
		Scheme: watermark.GumbelMax{Width: 2}, Vocab: exampleVocab, Tokenizer: watermark.TokenizerNone, Variants: 3,
	}
	marks, err := profile.Marks(exampleKey())
	if err != nil {
		log.Fatal(err)
	}
	seq, _ := watermark.NewSequence(marks[1]) // chosen for this request
	text := write(seq, nil, 100)

	panel := detect.NewPanel([]detect.Scorer{marks[0], marks[1], marks[2]}, nil)
	panel.Add(text)
	for i, r := range panel.Results() {
		fmt.Println("variant", i, r.Verdict, "tests:", r.Tests)
	}
	// Output:
	// variant 0 inconclusive tests: 3
	// variant 1 detected tests: 3
	// variant 2 inconclusive tests: 3
}

// With two keys, a coin that depends on the context and on the request's salt decides which of
// them draws. Requests with different salts get different answers, under one key and one test.
func ExampleSequence_SetSalt() {
	mark, _ := watermark.New(exampleKey(), watermark.GumbelMax{Width: 2, Dual: 0.5}, exampleVocab)
	seq, _ := watermark.NewSequence(mark)
	for salt := range uint32(3) {
		seq.SetSalt(salt)
		text := write(seq, []watermark.Token{1, 2}, 100)
		test := detect.NewAccumulator(mark, nil)
		test.Add(text)
		fmt.Println(text[:4], test.Result().Verdict)
	}
	// Output:
	// [455 579 920 440] detected
	// [278 289 862 437] detected
	// [278 289 862 437] detected
}

// Two teams mark one text, each in half of the contexts. A selector key that both know divides the
// contexts; neither needs the other's key.
func ExampleBand() {
	root := exampleKey()
	selector := root.Derive("selector")
	scheme := watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2}
	ours, _ := watermark.New(root.Derive("us"), scheme, exampleVocab, watermark.Band{Selector: selector, Lo: 0, Hi: watermark.BandSize / 2})
	theirs, _ := watermark.New(root.Derive("them"), scheme, exampleVocab, watermark.Band{Selector: selector, Lo: watermark.BandSize / 2, Hi: watermark.BandSize})
	seq, err := watermark.NewSequence(ours, theirs)
	if err != nil {
		log.Fatal(err)
	}
	text := write(seq, nil, 200)
	fmt.Println(verdict(ours, text))
	fmt.Println(verdict(theirs, text))
	// Output:
	// detected, 94 of 94 green
	// detected, 102 of 104 green
}

// A payload is a message that the text carries besides the mark, such as the number of a request.
func ExamplePayload() {
	list := watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2}
	mark, err := watermark.New(exampleKey(), list, exampleVocab, watermark.Payload{Bits: 12, Message: 2026})
	if err != nil {
		log.Fatal(err)
	}
	seq, _ := watermark.NewSequence(mark)
	text := write(seq, nil, 400)

	reader, _ := watermark.New(exampleKey(), list, exampleVocab, watermark.Payload{Bits: 12}) // knows no message
	test := detect.NewAccumulator(reader, nil)
	test.Add(text)
	fmt.Println(test.Result().Verdict)
	fmt.Println("message", test.Decode().Message)
	// Output:
	// detected
	// message 2026
}

// Tenants that share a group share one AES call in a test: one pass counts the green pairs of all
// 128 of them.
func ExampleMark_CountLanes() {
	scheme := watermark.GreenList{Gamma: 0.5, Delta: 3, Width: 2}
	tenant, _ := watermark.New(exampleKey(), scheme, exampleVocab, watermark.Lane{Group: 1, Index: 77})
	seq, _ := watermark.NewSequence(tenant)
	text := write(seq, nil, 200)

	var pairs []watermark.Packed
	for i := 2; i < len(text); i++ {
		var p watermark.Packed
		for j := range p[:12] { // four ids of 3 bytes; FF FF FF where there is none
			p[j] = 0xff
		}
		for j, id := range text[i-2 : i] {
			copy(p[6+3*j:], []byte{byte(id), byte(id >> 8), byte(id >> 16)})
		}
		copy(p[12:], []byte{0, byte(text[i] >> 16), byte(text[i] >> 8), byte(text[i])})
		pairs = append(pairs, p)
	}
	var green [watermark.MaxLanes]int64
	fmt.Println(tenant.CountLanes(&green, pairs))
	best := 0
	for lane, n := range green {
		if n > green[best] {
			best = lane
		}
	}
	fmt.Println("lane", best, "has", green[best], "of", len(pairs), "green")
	// Output:
	// true
	// lane 77 has 198 of 198 green
}

// The scores of single pairs, for a statistic of your own.
func ExampleMark_Score() {
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, exampleVocab)
	scores := mark.Score(nil, []watermark.Pair{
		{Context: []watermark.Token{1, 2}, Token: 3},
		{Context: []watermark.Token{1, 2}, Token: 4},
		{Context: []watermark.Token{2, 3}, Token: 4},
	})
	fmt.Println(scores)
	// Output: [0 1 1]
}

// A histogram of the green mass of a model's steps holds no text and no key. From it package detect
// computes how much text a test of such a mark needs.
func ExampleGreenMassHistogram() {
	mark, _ := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 1, Width: 2}, exampleVocab)
	histogram, err := watermark.NewGreenMassHistogram(0.5, 0.8)
	if err != nil {
		log.Fatal(err)
	}
	var text []watermark.Token
	for i := range 200 { // unmarked steps
		if mass, ok := mark.GreenMass(model(text), text, 0.8); ok {
			histogram.Add(mass)
		}
		text = append(text, watermark.Token(i*i%exampleVocab))
	}
	least, most := 1.0, 0.0
	for mass := range histogram.Bins() {
		least, most = min(least, mass), max(most, mass)
	}
	fmt.Printf("%d steps with masses between %.2f and %.2f\n", histogram.Steps(), least, most)
	// Output: 200 steps with masses between 0.29 and 0.65
}

// A draft model proposes three tokens at a time, and a target model verifies them.
func ExampleSpeculation() {
	const ahead = 3
	mark, _ := watermark.New(exampleKey(), watermark.GumbelMax{Width: 4, Dual: 0.5}, exampleVocab)
	first, second, _ := mark.Halves()
	spec, err := watermark.NewSpeculation(first, second)
	if err != nil {
		log.Fatal(err)
	}
	sampler := watermark.Sampler{Temperature: 1}
	rng := rand.New(rand.NewPCG(1, 2))
	draftModel := func(text []watermark.Token) []float32 { return make([]float32, exampleVocab) }

	text := []watermark.Token{1, 2, 3, 4}
	spec.Reset(text)
	var draft [ahead]watermark.Row
	var target watermark.Row
	for len(text) < 60 {
		proposed := text
		for i := range ahead {
			draft[i] = spec.Row(draft[i], draftModel(proposed), sampler)
			token := spec.Draft(draft[i], rng.Float64())
			spec.Accept(token)
			proposed = append(proposed[:len(text)+i:len(text)+i], token)
		}
		spec.Rewind(ahead)
		accepted := true
		for i := 0; i < ahead && accepted; i++ {
			var token watermark.Token
			target = spec.Row(target, model(text), sampler)
			token, accepted = spec.Verify(draft[i], target, proposed[len(proposed)-ahead+i], rng.Float64(), rng.Float64())
			spec.Accept(token)
			text = append(text, token)
		}
		if accepted {
			target = spec.Row(target, model(text), sampler)
			token := spec.Target(target, rng.Float64())
			spec.Accept(token)
			text = append(text, token)
		}
	}
	test := detect.NewAccumulator(mark, nil) // looks at both keys
	test.Add(text)
	fmt.Println(test.Result().Verdict)
	// Output: detected
}

// Errors about parameters say which one is wrong.
func ExampleParamError() {
	_, err := watermark.New(exampleKey(), watermark.GreenList{Gamma: 0.5, Delta: 0, Width: 2}, exampleVocab)
	fmt.Println(err)
	_, err = watermark.NewSequence(nil)
	fmt.Println(strings.TrimPrefix(err.Error(), "watermark: "))
	// Output:
	// watermark: delta 0 is outside (0, 100]
	// marks contain nil at index 0
}

// A server checks its profile once, and makes a Sequence for each text. Samples of one request share
// its prompt.
func ExampleMarking() {
	profile, _ := watermark.ProvenanceProfile(exampleVocab, watermark.TokenizerNone, "")
	profile.Exempt = []watermark.Token{0} // the id that ends a text
	marking, err := profile.Marking(exampleKey())
	if err != nil {
		log.Fatal(err) // at start, and never at a request
	}
	prompt := watermark.NewPrompt([]watermark.Token{5, 6, 7, 8, 9})
	rng := rand.New(rand.NewPCG(3, 4))
	var texts []string
	for sample := range uint32(2) {
		seq := marking.Sequence(sample)
		seq.ResetTo(prompt)
		for seq.Len() < 20 {
			seq.Accept(seq.Sample(model(seq.Tokens()), watermark.Sampler{Temperature: 1}, rng.Float64()))
		}
		n := seq.Counts()
		fmt.Println(n.Tokens, "tokens,", n.Draw.Unscorable, "at the start cannot be scored,", n.Unasked, "faults")
		texts = append(texts, fmt.Sprint(seq.Tokens()))
	}
	fmt.Println(texts[0] == texts[1])
	// Output:
	// 20 tokens, 4 at the start cannot be scored, 0 faults
	// 20 tokens, 4 at the start cannot be scored, 0 faults
	// false
}

// A request that was taken off continues from its tokens and its State, with the counts that it had.
func ExampleSequence_Resume() {
	mark, _ := watermark.New(exampleKey(), watermark.GumbelMax{Width: 2}, exampleVocab)
	seq, _ := watermark.NewSequence(mark)
	prompt := []watermark.Token{1, 2, 3}
	seq.Reset(prompt)
	for range 10 {
		seq.Accept(seq.Sample(model(seq.Tokens()), watermark.Sampler{Temperature: 1}, 0.5))
	}
	tokens, state := seq.Tokens(), seq.State() // of a few numbers; it marshals to JSON

	later, _ := watermark.NewSequence(mark)
	if err := later.Resume(prompt, tokens, state); err != nil {
		log.Fatal(err)
	}
	row := model(tokens)
	fmt.Println(later.Sample(row, watermark.Sampler{Temperature: 1}, 0.5) == seq.Sample(row, watermark.Sampler{Temperature: 1}, 0.5))
	fmt.Println(later.Counts() == seq.Counts())
	// Output:
	// true
	// true
}

// A draft without a distribution needs one key alone: draw, and accept the draft if it is the same.
func ExampleSequence_Sample_drafts() {
	profile, _ := watermark.ProvenanceProfile(exampleVocab, watermark.TokenizerNone, "")
	mark, _ := profile.Mark(exampleKey())
	seq, _ := watermark.NewSequence(mark)
	rng := rand.New(rand.NewPCG(5, 6))
	rounds := 0
	for seq.Len() < 60 {
		rounds++ // a step of the model computes the rows of all drafts
		for range 4 {
			row := model(seq.Tokens())
			draft := watermark.Token(slices.Index(row, slices.Max(row)))
			token := seq.Sample(row, watermark.Sampler{Temperature: 0.5}, rng.Float64())
			seq.Accept(token)
			if token != draft {
				break
			}
		}
	}
	fmt.Println(verdictOf(mark, seq.Text()))
	fmt.Println(rounds < seq.Len())
	// Output:
	// detected
	// true
}

// verdictOf tests a text as the mark's profile says.
func verdictOf(mark *watermark.Mark, text []watermark.Token) detect.Verdict {
	return detect.Text(mark, text, nil).Verdict
}
