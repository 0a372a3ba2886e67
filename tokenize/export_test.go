package tokenize

// Patterns for the programs that tests compare with.
const (
	PatternCL100K = patternCL100K
	PatternQwen2  = patternQwen2
	PatternQwen35 = patternQwen35
)
