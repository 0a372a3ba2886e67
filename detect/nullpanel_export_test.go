package detect

// Sums scores what was added and returns the number of units of each weight and their
// weighted sum, without testing it.
func (a *Accumulator) Sums() (units [MaxWeight + 1]WeightClass, sum int64) {
	units = a.evidence.score(a.scorer).classes
	for w := range units {
		sum += int64(w) * units[w].Green
		units[w].Green = 0
	}
	return units, sum
}
