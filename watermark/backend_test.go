package watermark_test

import (
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// TestEveryBackend runs the vectors, and the tests that all ways to a decision agree, on every
// backend of this machine.
func TestEveryBackend(t *testing.T) {
	for _, b := range kernel.Available() {
		t.Run(b.String(), func(t *testing.T) {
			defer kernel.Use(b)()
			for _, c := range []struct {
				name string
				test func(*testing.T)
			}{
				{"vectors of lists", TestVectorsGreenList},
				{"vectors of biases", TestVectorsBias},
				{"vectors of bands", TestVectorsBand},
				{"vectors of payloads", TestVectorsPayload},
				{"vectors of generation", TestVectorsGeneration},
				{"vectors of scores", TestVectorsGumbelMax},
				{"vectors of draws", TestVectorsDraws},
				{"vectors of layers", TestVectorsTournament},
				{"vectors of settling", TestVectorsSettled},
				{"vectors of drawn text", TestVectorsDrawGeneration},
				{"agreement", TestProcessMaskAndScoreAgree},
				{"odd rows", TestProcessOddRows},
				{"odd words", TestMaskOddWords},
				{"lanes", TestLanesShareAGroupAndNothingElse},
				{"half precision", TestProcessHalfIsProcess},
				{"packed pairs", TestPackedPairsScoreAlike},
				{"counts of lanes", TestCountLanesIsTheCountOfEachLane},
			} {
				t.Run(c.name, c.test)
			}
		})
	}
}
