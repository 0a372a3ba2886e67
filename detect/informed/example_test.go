package informed_test

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/informed"
	"github.com/isotope-wm/isotope/watermark"
)

// exampleMark returns a mark of a service.
func exampleMark() *watermark.Mark {
	root, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("01", 32))
	if err != nil {
		log.Fatal(err)
	}
	mark, err := watermark.New(root.Derive("service"), watermark.GumbelMax{Width: 2}, 1000)
	if err != nil {
		log.Fatal(err)
	}
	return mark
}

// logits is a model that is nearly sure of every token, as models of code are.
func logits(text []watermark.Token) []float32 {
	row := make([]float32, 1000)
	rng := rand.New(rand.NewPCG(uint64(len(text)), 1))
	for i := range row {
		row[i] = -20
	}
	for rank := range 5 {
		row[rng.IntN(len(row))] = float32(-3 * rank)
	}
	return row
}

// probability is the softmax of a row at one token.
func probability(row []float32, token watermark.Token) float64 {
	var sum float64
	for _, x := range row {
		sum += math.Exp(float64(x))
	}
	return math.Exp(float64(row[token])) / sum
}

// A model that knows how likely each token was finds a mark in text that leaves little choice.
func Example() {
	mark := exampleMark()
	s, err := watermark.NewSequence(mark)
	if err != nil {
		log.Fatal(err)
	}
	s.Reset(nil)
	var text []watermark.Token
	var probabilities []float64
	rng := rand.New(rand.NewPCG(1, 2))
	for len(text) < 1000 {
		row := logits(text)
		token := s.Sample(row, watermark.Sampler{Temperature: 1}, rng.Float64())
		s.Accept(token)
		text = append(text, token)
		probabilities = append(probabilities, probability(row, token))
	}

	plain := detect.NewAccumulator(mark, nil)
	plain.Add(text)
	fmt.Printf("without probabilities: %s, log10 p %.1f\n", plain.Result().Verdict, plain.Result().Log10P)
	test := informed.New(mark, nil)
	test.Add(text, probabilities)
	fmt.Printf("with them: %s, log10 p %.1f\n", test.Result().Verdict, test.Result().Log10P)
	// Output:
	// without probabilities: inconclusive, log10 p -5.1
	// with them: detected, log10 p -45.8
}

// A Stream says after every token whether the evidence suffices.
func ExampleStream() {
	stream := informed.NewStream(exampleMark(), nil)
	text := []watermark.Token{1, 2, 3, 4, 5}
	stream.Add(text, []float64{0.5, 0.1, 0.9, 0.2, 0.3})
	fmt.Println(stream.Result().Verdict, "after", stream.Result().Scored, "scored tokens")
	// Output:
	// inconclusive after 3 scored tokens
}
