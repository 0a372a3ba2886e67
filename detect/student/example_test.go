package student_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/testmark"
	"github.com/isotope-wm/isotope/watermark"
)

// A model answers; do its answers depend on the key? The reference is a model that knows
// nothing of the mark.
func ExampleStudent() {
	key, err := watermark.ParseKey("isotope-secret-key-1:" + strings.Repeat("0b", 32))
	if err != nil {
		panic(err)
	}
	bind := func(k watermark.Key) (detect.Scorer, error) {
		return watermark.New(k, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 1}, vocab)
	}
	mark, err := bind(key)
	if err != nil {
		panic(err)
	}
	decoys, err := student.NewDecoys([16]byte{1, 2, 3}, 100, bind) // of a report: detect.NewRunKey(), student.DefaultDecoys
	if err != nil {
		panic(err)
	}
	language := newToy(50, 100)
	suspect := language.taught(tilt{mark.(*watermark.Mark), 0.5})

	s := testmark.Must(student.New(mark, decoys, &student.Options{Reference: rows{language}, PromptsUnmarked: true}))
	rng := rand.New(rand.NewPCG(50, 50))
	for range 50 {
		prompt := []Token{rng.Int32N(100)}
		s.Add(prompt, suspect.write(rng, prompt, 100))
	}
	r := s.Result()
	fmt.Println(r.Verdict, "by", r.Statistics, "statistics")
	fmt.Println("rank", r.PairsDecoys.Rank, "and", r.ResidualDecoys.Rank, "of", len(r.PairsDecoys.Log10P)+1)
	// Output:
	// detected by 2 statistics
	// rank 1 and 1 of 101
}
