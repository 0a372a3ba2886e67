package interop

import "errors"

// Floors of functions whose keys are not independent: log10 of the smallest p-value that a test
// may claim. Each is above the share of random keys, or its extrapolation by the standard
// deviation of z, under which a text of 1,000 tokens that another key marked has a p-value of 1e-6.
// TestKeysAreNotIndependent measures them.
const (
	textsealFloor = -2.5
	tableFloor    = -4.5
	hashFloor     = -1.5
)

// Warnings about functions whose keys are not independent. Under each of them, p-values of text
// without a mark of this engine are uniform.
var (
	ErrTextSealFunction = errors.New("textseal's function has 8191 values and related keys: of random keys, up to 1 in 400 finds the mark of another key " +
		"in 1,000 tokens with p below 1e-6, so nothing below 10^-2.5 is claimed")
	ErrSynthIDTable = errors.New("SynthID's table has 65,536 entries, and a key counts modulo its size: under random keys, z of 1,000 tokens that another key marked " +
		"has a standard deviation of up to 1.13 instead of 1, so nothing below 10^-4.5 is claimed")
	ErrSynthIDHash = errors.New("the keys of SynthID's hash are not independent: under random keys, z of 1,000 tokens that another key marked has a standard deviation " +
		"of up to 2.3 instead of 1, so nothing below 10^-1.5 is claimed")
)
