package detect

import (
	"sync"

	"github.com/isotope-wm/isotope/detect/internal/null"
	"github.com/isotope-wm/isotope/watermark"
)

// A powerQuestion is all that a Power depends on.
type powerQuestion struct {
	law         watermark.Law
	units       null.Units
	alpha, rate float64
	tests       int64
}

// powers remembers statements of power. Texts with equal numbers of units share one, whatever the key
// and the scores are. It takes six tails of sums or more, where the p-value takes one.
var powers powerMemo

// maxPowers bounds the number of statements that are remembered. They take about 1 MiB.
const maxPowers = 4096

// A powerMemo is safe for concurrent use. It forgets everything when it is full. It only changes how
// long a test takes.
type powerMemo struct {
	mu sync.Mutex
	of map[powerQuestion]Power
}

// statement returns powerOf a law.
func (m *powerMemo) statement(public watermark.Law, law null.Law, units *null.Units, o Options, tests int64) Power {
	q := powerQuestion{public, *units, o.Alpha, o.Rate, tests}
	m.mu.Lock()
	p, ok := m.of[q]
	m.mu.Unlock()
	if ok {
		return p
	}
	p = powerOf(law, units, o, tests)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil || len(m.of) >= maxPowers {
		m.of = make(map[powerQuestion]Power)
	}
	m.of[q] = p
	return p
}
