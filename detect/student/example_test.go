package student_test

import (
	"fmt"
	"iter"
	"log"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/registry"
)

// words is the vocabulary of the example, and scheme its mark.
const words = 120

var scheme = watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}

// exampleRoot returns a key that everybody may know. A real one comes from watermark.ReadKeyFile.
func exampleRoot() watermark.Key {
	root, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("0b", 32))
	if err != nil {
		log.Fatal(err)
	}
	return root
}

// bind binds a key as the service does.
func bind(key watermark.Key) (detect.Scorer, error) { return watermark.New(key, scheme, words) }

// serviceMark returns the mark of the service, and control keys like it.
func serviceMark() (*watermark.Mark, *student.Decoys) {
	mark, err := watermark.New(exampleRoot().Derive("service"), scheme, words)
	if err != nil {
		log.Fatal(err)
	}
	// A report draws the run key by detect.NewRunKey, and runs student.DefaultDecoys.
	decoys, err := student.NewDecoys([16]byte{1, 2, 3}, student.MinDecoys, bind)
	if err != nil {
		log.Fatal(err)
	}
	return mark, decoys
}

// A model is a toy language, in which the next word depends on the last one. A student of marked text
// is the same language with a bias for green words.
type model struct {
	logits   *[words][words]float64 // by last word
	learned  []*watermark.Mark
	strength float64 // how well it learned them, in nats
}

// newLanguage returns a model that was not trained on marked text.
func newLanguage() model {
	rng := rand.New(rand.NewPCG(1, 2))
	m := model{logits: new([words][words]float64)}
	for last := range m.logits {
		for rank, word := range rng.Perm(words) {
			m.logits[last][word] = -math.Log(float64(rank + 3)) // Zipf's law
		}
	}
	return m
}

// train returns a student of text with marks.
func (m model) train(strength float64, marks ...*watermark.Mark) model {
	return model{m.logits, marks, strength}
}

// probs returns the next-word probabilities after a context.
func (m model) probs(context []watermark.Token) []float32 {
	var last watermark.Token
	if len(context) > 0 {
		last = context[len(context)-1]
	}
	logits := m.logits[last]
	mask := make([]uint64, (words+63)/64)
	for _, mark := range m.learned {
		if len(context) < mark.Width() {
			continue
		}
		mark.Mask(mask, context)
		for word := range logits {
			if mask[word/64]>>(word%64)&1 == 1 {
				logits[word] += m.strength
			}
		}
	}
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(x)
	}
	probs := make([]float32, words)
	for word, x := range logits {
		probs[word] = float32(math.Exp(x) / sum)
	}
	return probs
}

// answer writes n words after a prompt.
func (m model) answer(rng *rand.Rand, prompt []watermark.Token, n int) []watermark.Token {
	text := append([]watermark.Token(nil), prompt...)
	for range n {
		u, next := rng.Float32(), 0
		for probs := m.probs(text); next < words-1 && u >= probs[next]; next++ {
			u -= probs[next]
		}
		text = append(text, watermark.Token(next))
	}
	return text[len(prompt):]
}

// LogProb makes a model a detect.Reference.
func (m model) LogProb(context []watermark.Token, next watermark.Token) float64 {
	return math.Log(float64(m.probs(context)[next]))
}

// LogProbs makes it a student.RowReference, which saves most of the time.
func (m model) LogProbs(dst []float32, context []watermark.Token) []float32 {
	dst = dst[:0]
	for _, p := range m.probs(context) {
		dst = append(dst, float32(math.Log(float64(p))))
	}
	return dst
}

// Rows makes a model a student.RowReader.
func (m model) Rows(text []watermark.Token) iter.Seq2[student.Row, error] {
	return func(yield func(student.Row, error) bool) {
		for i := range text {
			if !yield(student.Row{Probs: m.probs(text[:i+1])}, nil) {
				return
			}
		}
	}
}

// Choices makes a model a student.ChoiceReader.
func (m model) Choices(text []watermark.Token) ([]watermark.Token, error) {
	var choices []watermark.Token
	for row := range m.Rows(text) {
		choices = append(choices, row.Choice())
	}
	return choices, nil
}

// A suspect answers questions. Do its answers depend on the key? The reference is a model that was not
// trained on marked text.
func Example() {
	mark, decoys := serviceMark()
	language := newLanguage()
	for _, suspect := range []model{language, language.train(0.5, mark)} {
		test, err := student.New(mark, decoys, &student.Options{Reference: language, PromptsUnmarked: true})
		if err != nil {
			log.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		for range 30 {
			prompt := []watermark.Token{rng.Int32N(words)}
			test.Add(prompt, suspect.answer(rng, prompt, 100))
		}
		r := test.Result()
		fmt.Println(r.Verdict, "by", r.Statistics, "statistics")
		if r.Verdict == detect.Detected {
			controls := len(r.PairsDecoys.Log10P)
			fmt.Printf("the real key is number %d of %d\n", r.PairsDecoys.Rank, controls+1)
		}
	}
	// Output:
	// inconclusive by 2 statistics
	// detected by 2 statistics
	// the real key is number 1 of 101
}

// A Sequential is looked at after every answer, and says when to stop asking.
func ExampleSequential() {
	mark, decoys := serviceMark()
	suspect := newLanguage().train(0.7, mark)
	test, err := student.NewSequential(mark, decoys, &student.SequentialOptions{PromptsUnmarked: true})
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for !test.Done() {
		prompt := []watermark.Token{rng.Int32N(words)}
		test.Add(prompt, suspect.answer(rng, prompt, 50))
	}
	r := test.Result()
	fmt.Println(r.Verdict, r.Outputs < 100)
	// Output:
	// detected true
}

// tracedTest returns a test of a student of what was served to two of five accounts, and the registry.
func tracedTest() (*student.Test, *registry.Registry) {
	root := exampleRoot()
	var tenants []registry.Tenant
	for _, id := range []string{"acme", "bolt", "corp", "dyna", "echo"} {
		tenants = append(tenants, registry.Tenant{ID: id})
	}
	reg, err := registry.Generate(root.ID(), "2026", tenants, student.MinDecoyAccounts)
	if err != nil {
		log.Fatal(err)
	}
	marker, err := reg.Marker(root, "2026", scheme, words)
	if err != nil {
		log.Fatal(err)
	}
	var served []*watermark.Mark // what the student learned: the marks of two accounts
	for _, id := range []string{"bolt", "echo"} {
		marks, err := marker.Marks(id)
		if err != nil {
			log.Fatal(err)
		}
		served = append(served, marks...)
	}
	suspect := newLanguage().train(0.7, served...)

	binder, err := reg.MasterBinder(root, "2026", scheme, words)
	if err != nil {
		log.Fatal(err)
	}
	decoys, err := student.NewDecoys([16]byte{1, 2, 3}, student.MinDecoys,
		func(key watermark.Key) (detect.Scorer, error) { return binder(key) })
	if err != nil {
		log.Fatal(err)
	}
	master, _, _, err := reg.Accounts(root, "2026", scheme, words)
	if err != nil {
		log.Fatal(err)
	}
	test, err := student.New(master, decoys, &student.Options{PromptsUnmarked: true})
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		prompt := []watermark.Token{rng.Int32N(words)}
		test.Add(prompt, suspect.answer(rng, prompt, 200))
	}
	return test, reg
}

// A trace tests the keys of all accounts, control accounts included.
func ExampleTest_Trace() {
	test, reg := tracedTest()
	_, cohorts, tenants, err := reg.Accounts(exampleRoot(), "2026", scheme, words)
	if err != nil {
		log.Fatal(err)
	}
	r, err := test.Trace(student.Accounts(cohorts), student.Accounts(tenants), &student.TraceOptions{Alpha: 1e-3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("master detected:", r.MasterDetected)
	fmt.Println("accounts:", len(r.Tenants.Accounts), "with", len(r.Tenants.Decoys.Log10P), "control accounts")
	for _, a := range r.Tenants.Accounts {
		if a.Named {
			fmt.Println("named:", a.ID)
		}
	}
	// Output:
	// master detected: true
	// accounts: 105 with 100 control accounts
	// named: bolt
	// named: echo
}

// Conclude says what may be concluded, and what may not.
func ExampleConclude() {
	test, reg := tracedTest()
	_, cohorts, tenants, err := reg.Accounts(exampleRoot(), "2026", scheme, words)
	if err != nil {
		log.Fatal(err)
	}
	trace, err := test.Trace(student.Accounts(cohorts), student.Accounts(tenants), &student.TraceOptions{Alpha: 1e-3})
	if err != nil {
		log.Fatal(err)
	}
	c := student.Conclude(student.Findings{Trace: trace})
	fmt.Println(c.Pattern)
	fmt.Println(c.Claim)
	fmt.Println("Not shown:", c.NotShown[0]+".")
	// Output:
	// concentrated
	// The outputs depend on the keys of "bolt", "echo". Text that was served to these accounts was used, directly or through others, in making the model or its outputs, if the keys were secret and the records of them are right.
	// Not shown: who trained the suspect model, and whether anybody meant to use marked text.
}

// The weights of a suspect, read next to those of the model from which it was tuned, show the most.
func ExampleDifference() {
	mark, decoys := serviceMark()
	base := newLanguage()
	tuned := base.train(0.2, mark)
	test, err := student.NewDifference(mark, decoys, nil)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	for range 4 {
		text := base.answer(rng, nil, 50) // text without a mark
		if err := test.AddModels(tuned, base, text); err != nil {
			log.Fatal(err)
		}
	}
	r := test.Result()
	fmt.Println(r.Verdict, "from", r.Texts, "texts")
	// Output:
	// detected from 4 texts
}

// Without a base model, the most probable next words still show a mark.
func ExampleChoices() {
	mark, decoys := serviceMark()
	suspect := newLanguage().train(2, mark)
	test, err := student.NewChoices(mark, decoys, nil)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for range 20 {
		if err := test.AddModel(suspect, newLanguage().answer(rng, nil, 100)); err != nil {
			log.Fatal(err)
		}
	}
	r := test.Result()
	fmt.Println(r.Verdict, "from", r.Scored, "windows")
	// Output:
	// detected from 120 windows
}

// Your own logs are marked text, so they need a test that takes them in their order.
func ExampleMarked() {
	mark, decoys := serviceMark()
	service := newLanguage().train(2, mark) // it marks while it writes
	suspect := newLanguage().train(2, mark) // it was trained on such text
	test, err := student.NewMarked(mark, decoys, nil)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(13, 14))
	for range 20 { // in the order of the log
		logged := service.answer(rng, []watermark.Token{rng.Int32N(words)}, 100)
		choices, err := suspect.Choices(logged)
		if err != nil {
			log.Fatal(err)
		}
		if err := test.Add(logged, choices); err != nil {
			log.Fatal(err)
		}
	}
	r := test.Result()
	fmt.Println(r.Verdict, "from", r.Scored, "windows")
	// Output:
	// detected from 120 windows
}
