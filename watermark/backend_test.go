package watermark_test

import (
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// The vectors and the agreement of all ways to a decision, on every backend that this
// machine has.
func TestEveryBackend(t *testing.T) {
	for _, b := range kernel.Available() {
		t.Run(b.String(), func(t *testing.T) {
			defer kernel.Use(b)()
			for name, test := range map[string]func(*testing.T){
				"vectors of lists":      TestVectorsGreenList,
				"vectors of biases":     TestVectorsBias,
				"vectors of bands":      TestVectorsBand,
				"vectors of payloads":   TestVectorsPayload,
				"vectors of generation": TestVectorsGeneration,
				"vectors of scores":     TestVectorsGumbelMax,
				"vectors of draws":      TestVectorsDraws,
				"vectors of layers":     TestVectorsTournament,
				"vectors of settling":   TestVectorsSettled,
				"vectors of drawn text": TestVectorsDrawGeneration,
				"agreement":             TestProcessMaskAndScoreAgree,
				"odd rows":              TestProcessOddRows,
				"odd words":             TestMaskOddWords,
				"lanes":                 TestLanesShareAGroupAndNothingElse,
				"half precision":        TestProcessHalfIsProcess,
				"packed pairs":          TestPackedPairsScoreAlike,
				"counts of lanes":       TestCountLanesIsTheCountOfEachLane,
			} {
				t.Run(name, test)
			}
		})
	}
}
