package tokenize

const (
	patternR50K = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

	patternCL100K = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` + tailCL100K
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + tailCL100K
	tailCL100K    = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen35 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}` +
		`| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternO200K = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)?` +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)?` +
		`|\p{N}{1,3}` + tailO200K
	patternTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
		`|\p{N}` + tailO200K
	tailO200K = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternDigits3  = `\p{N}{1,3}`
	patternDigit    = `\p{N}`
	patternHan      = `[一-龥぀-ゟ゠-ヿ]+`
	patternDeepSeek = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		"|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*" +
		"|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"

	// patternJunctions is not a regular expression. It stands for the rule of the type junctions.
	patternJunctions = "junctions"
)

// A rule is a pattern that cuts texts, and the stage that implements it. A pattern that matches
// everywhere leaves nothing between its matches. With digits each digit of ASCII is a piece.
type rule struct {
	pattern    string
	stage      stage
	everywhere bool
	digits     bool
}

var rules = [...]rule{
	{patternR50K, splitR50K, true, false},
	{patternCL100K, splitCL100K, true, false},
	{patternQwen2, splitQwen2, true, true},
	{patternQwen35, splitQwen35, true, true},
	{patternO200K, splitO200K, true, false},
	{patternTekken, splitTekken, true, true},
	{patternDigits3, isolated(matchDigits3), false, false},
	{patternDigit, isolated(matchDigit), false, false},
	{patternHan, isolated(matchHan), false, false},
	{patternDeepSeek, isolated(matchDeepSeek), false, false},
}

func ruleOf(pattern string) (rule, bool) {
	for _, r := range rules {
		if r.pattern == pattern {
			return r, true
		}
	}
	return rule{}, false
}
