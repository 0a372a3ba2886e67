package detect

import "crypto/rand"

// A Sample bounds the memory of a test of any number of texts: of all distinct pairs
// the Size ones with the smallest tags under RunKey are kept, whatever the order of
// the texts and whoever read them (the bottom-k sketch of Cohen and Kaplan 2007, as a
// sample of distinct elements). Since the choice depends on the text and the RunKey
// alone, the p-value stays exact; with a share f of the pairs kept, a test has the power it
// would have on a share f of the text. Excluded pairs count towards Size.
//
// The zero Sample keeps everything.
type Sample struct {
	Size int // pairs to keep, up to 2^30; 0 keeps all
	// RunKey orders the pairs. It must be chosen before anybody looks at the text, best by
	// NewRunKey, and belongs in the report: whoever writes text and knows it could crowd
	// the sample. Shards of one test have one RunKey.
	RunKey [16]byte
}

const maxSample = 1 << 30

// NewRunKey returns a random RunKey.
func NewRunKey() (key [16]byte) {
	rand.Read(key[:]) // never fails
	return key
}
