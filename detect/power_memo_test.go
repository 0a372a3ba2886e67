package detect

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/isotope-wm/isotope/detect/internal/lawtest"
	"github.com/isotope-wm/isotope/detect/internal/null"
)

// TestPowersAreRemembered: a statement that is remembered is the one that is computed, whatever was
// asked before, and the memo stays bounded.
func TestPowersAreRemembered(t *testing.T) {
	m := &powerMemo{}
	for round := range 2 {
		for _, c := range lawtest.Cases() {
			law := null.Of(c.Law)
			for _, units := range []null.Units{{1: 60}, {1: 61}, {2: 60}} {
				for _, o := range []Options{{Alpha: 1e-3}, {Alpha: 1e-2}, {Alpha: 1e-3, Rate: 0.3 * law.Unit()}} {
					for _, tests := range []int64{1, 2} {
						got := m.statement(c.Law, law, &units, o, tests)
						if round == 0 {
							assert.Equal(t, fmt.Sprint(powerOf(law, &units, o, tests)), fmt.Sprint(got), c.Name)
						}
					}
				}
			}
		}
	}
	law := null.Of(lawtest.Cases()[0].Law)
	for n := range int64(maxPowers + 10) {
		m.statement(lawtest.Cases()[0].Law, law, &null.Units{1: n}, Options{Alpha: 0.5}, 1)
	}
	assert.LessOrEqual(t, len(m.of), maxPowers)
}
