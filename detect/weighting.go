package detect

// A Weighting says what a unit weighs in the sum that is tested. Weights are whole
// numbers from 0 to [MaxWeight] that depend on the text alone, so the law of the sum
// stays exactly known whatever they are; good ones need less text, bad ones more. A
// unit of weight 0 is not scored.
type Weighting uint8

const (
	// WeightOne counts every unit alike.
	WeightOne Weighting = iota
	// WeightGiven takes the weights that come with AddWeighted,
	// from the entropy of each position for one. What comes without weighs 1, and a
	// unit that occurs with several weights has the largest.
	WeightGiven
	// WeightCounts weighs a unit by how often it occurred, 1 + floor(log2 count). It is
	// for the outputs of a student, who repeats what it learned.
	WeightCounts
)

// MaxWeight is the largest weight of a unit.
const MaxWeight = 15
