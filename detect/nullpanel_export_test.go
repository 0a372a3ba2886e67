package detect

// Sums scores what was added and returns the number of units of each weight and their
// weighted sum, without testing it.
func (a *Accumulator) Sums() (units [MaxWeight + 1]WeightClass, sum int64) {
	t := a.evidence.Score(a.scorer)
	for w, n := range t.Units() {
		units[w].Scored = n
	}
	return units, t.Sum().Int64()
}
