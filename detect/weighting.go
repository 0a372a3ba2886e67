package detect

// A Weighting decides what a unit weighs in the sum that is tested. Weights are whole numbers from
// 0 to [MaxWeight]. They depend on the text alone, so the law of the sum stays known exactly for
// any weights. Good weights need less text, and bad ones more. A unit of weight 0 is not scored.
type Weighting uint8

const (
	// WeightOne gives every unit the weight 1.
	WeightOne Weighting = iota
	// WeightGiven takes the weights that AddWeighted receives, for example from the entropy of each
	// position. Tokens without a given weight weigh 1. A unit that occurs with several weights has
	// the largest.
	WeightGiven
	// WeightCounts weighs a unit by the number of its occurrences: 1 + floor(log2 count), at most
	// MaxWeight. It is meant for the outputs of a student, which repeats what it learned.
	WeightCounts
)

// MaxWeight is the largest weight of a unit.
const MaxWeight = 15
