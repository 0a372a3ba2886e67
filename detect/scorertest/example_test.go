package scorertest_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/scorertest"
	"github.com/isotope-wm/isotope/watermark"
)

// tableScorer tests a green list of somebody else. Its law says that a share p of tokens is green.
type tableScorer struct {
	key uint64
	p   float64
}

func (s tableScorer) ID() string         { return fmt.Sprint("table ", s.key) }
func (tableScorer) Width() int           { return 1 }
func (tableScorer) Vocab() int           { return 5000 }
func (s tableScorer) Law() watermark.Law { return watermark.Bernoulli{P: s.p, Marked: 0.8} }

func (s tableScorer) Score(dst []int64, pairs []detect.Pair) []int64 {
	for _, p := range pairs {
		h := fnv.New64a()
		in := binary.LittleEndian.AppendUint64(nil, s.key)
		in = binary.LittleEndian.AppendUint32(in, uint32(p.Context[0]))
		h.Write(binary.LittleEndian.AppendUint32(in, uint32(p.Token)))
		score := int64(0)
		if h.Sum64()>>32%4 == 0 { // a quarter of the tokens is green
			score = 1
		}
		dst = append(dst, score)
	}
	return dst
}

// A test of your own scorer calls both functions. The second one counts p-values under many keys, and
// notices a law that promises too much.
func Example() {
	fmt.Println("Test:", scorertest.Test(tableScorer{1, 0.25}))
	for _, p := range []float64{0.25, 0.2} {
		err := scorertest.TestNull(200, func(i int) (detect.Scorer, error) {
			return tableScorer{uint64(i), p}, nil
		})
		fmt.Printf("TestNull with gamma %v: %v\n", p, err)
	}
	// Output:
	// Test: <nil>
	// TestNull with gamma 0.25: <nil>
	// TestNull with gamma 0.2: scorertest: 200 of 200 p-values are at most 0.5: the scores are larger than their law says
}

// Test names the promise that a scorer breaks.
func ExampleTest() {
	err := scorertest.Test(overwriting{tableScorer{1, 0.25}})
	fmt.Println(err)
	// Output:
	// scorertest: Score changes dst: append to it
}

// overwriting forgets the scores that are in dst already.
type overwriting struct{ tableScorer }

func (s overwriting) Score(dst []int64, pairs []detect.Pair) []int64 {
	return s.tableScorer.Score(dst[:0], pairs)
}
