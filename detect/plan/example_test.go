package plan_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/isotope-wm/isotope/detect/plan"
	"github.com/isotope-wm/isotope/watermark"
)

// How much text does a test need? A Share answers for every scheme, by the law of the mark's score.
func Example() {
	key := watermark.NewKey() // the answer does not depend on it
	for _, scheme := range []watermark.Scheme{
		watermark.GreenList{Gamma: 0.25, Delta: 2, Width: 2},
		watermark.GumbelMax{Width: 4},
		watermark.Tournament{Depth: 30, Width: 4},
	} {
		mark, err := watermark.New(key, scheme, 1000)
		if err != nil {
			log.Fatal(err)
		}
		half := plan.Share{Law: mark.Law(), Share: 0.5, Alpha: 1e-6}
		n, err := half.Tokens(0.9)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%T: %d scored tokens show a half with power %.2f\n", scheme, n, half.Power(n))
	}
	// Output:
	// watermark.GreenList: 151 scored tokens show a half with power 0.91
	// watermark.GumbelMax: 654 scored tokens show a half with power 0.90
	// watermark.Tournament: 524 scored tokens show a half with power 0.90
}

// The price of detection is quality. A kind of text gives the green rate of a bias, its cost in nats,
// and the tokens that a test needs.
func ExampleText() {
	for _, kind := range plan.TextKinds() {
		law, ok := plan.Text(0.5, kind)
		if !ok {
			log.Fatal("unknown kind of text")
		}
		effect := law.Effect(1)
		n, err := effect.Plan(1).Tokens(0.9)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: green rate %.3f, %.3f nats a token, %d tokens\n", kind, effect.Green, effect.KL, n)
	}
	// Output:
	// code: green rate 0.517, 0.009 nats a token, 32958 tokens
	// chat: green rate 0.548, 0.024 nats a token, 3950 tokens
	// web: green rate 0.612, 0.055 nats a token, 727 tokens
}

// The rows of your own model give a plan for your own text.
func ExampleMix() {
	var laws []*plan.Mass
	for _, row := range [][]float64{
		{0.97, 0.02, 0.01},          // the model is nearly certain
		{0.4, 0.3, 0.2, 0.05, 0.05}, // it hesitates
		{1, 1, 1, 1, 1, 1, 1, 1},    // it finds eight tokens equally likely
	} {
		law, err := plan.Row(0.5, row)
		if err != nil {
			log.Fatal(err)
		}
		laws = append(laws, law)
	}
	mass := plan.Mix(laws, []float64{6, 3, 1}) // how often each kind of step occurs
	delta := mass.Delta(0.05)                  // the bias that costs 0.05 nats a token
	n, err := mass.Effect(delta).Plan(1).Tokens(0.9)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("delta %.2f needs %d tokens\n", delta, n)
	// Output:
	// delta 1.12 needs 1103 tokens
}

// A model can log the green mass of its steps while it runs. The histogram replaces assumptions.
func ExampleHistogram() {
	const gamma, delta, temperature = 0.5, 1, 0.8
	h, err := watermark.NewGreenMassHistogram(gamma, temperature)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 { // in an engine: h.Add of Mark.GreenMass at each step
		h.Add(rng.Float64())
	}
	law, err := plan.Histogram(h)
	if err != nil {
		log.Fatal(err)
	}
	n, err := law.Effect(delta / temperature).Plan(1).Tokens(0.9)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "tokens")
	// Output:
	// 226 tokens
}

// Keyed draws leave the distribution of each token as it is. Their plan depends on the kind of text.
func ExampleTextDraw() {
	for _, kind := range plan.TextKinds() {
		effect, ok := plan.TextDraw(watermark.GumbelMax{Width: 4}, kind)
		if !ok {
			log.Fatal("not a keyed draw, or an unknown kind of text")
		}
		n, err := effect.Tokens(1e-6, 0.9)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(kind, n)
	}
	// Output:
	// code 2241
	// chat 271
	// web 48
}

// A student shows the share of marked text in its training data, as far as its sensitivity C1 was
// measured.
func ExampleStudent() {
	p := plan.Student{C1: 0.5, Alpha: 1e-6}
	n := p.Tokens(0.1, 0.9)
	fmt.Printf("a share of 10 %% needs %.0f tokens\n", n)
	fmt.Printf("100,000 tokens show a share of %.1f %%\n", 100*p.Share(100_000, 0.9))
	share, low, high := p.Implied(12, 100_000, 0.95)
	fmt.Printf("z = 12 means %.1f %% (%.1f %% to %.1f %%)\n", 100*share, 100*low, 100*high)
	// Output:
	// a share of 10 % needs 14568 tokens
	// 100,000 tokens show a share of 3.8 %
	// z = 12 means 7.6 % (6.3 % to 8.8 %)
}

// A GreenList plans for a known green rate, such as one that was measured.
func ExampleGreenList() {
	p := plan.GreenList{Gamma: 0.25, Green: 0.34}
	n, err := p.Tokens(0.9)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("a fixed test:", n)
	fmt.Printf("a sequential test, on average: %.0f\n", p.Sequential())
	// Output:
	// a fixed test: 921
	// a sequential test, on average: 781
}
