package detect

// A Panel tests many keys over one set of evidence. Its results are those of an
// Accumulator for each key, adjusted for the number of keys: given the text, p-values
// under different keys are independent (Sidak). One goroutine at a time.
type Panel struct {
	scorers  []Scorer
	options  Options
	evidence *evidence
}

// NewPanel returns an empty Panel. o may be nil. It panics without scorers, when they
// differ in width or vocabulary, when two of them have one ID, since the same test
// twice is not two tests, and as [New] does.
func NewPanel(s []Scorer, o *Options) *Panel {
	if len(s) == 0 {
		panic("detect: a Panel needs scorers")
	}
	seen := make(map[string]bool, len(s))
	for _, scorer := range s {
		if scorer.Width() != s[0].Width() || scorer.Vocab() != s[0].Vocab() {
			panic("detect: scorers of a Panel differ in width or vocabulary")
		}
		if seen[scorer.ID()] {
			panic("detect: a scorer occurs twice in a Panel")
		}
		seen[scorer.ID()] = true
	}
	options := o.orDefault()
	return &Panel{scorers: s, options: options, evidence: newEvidence(s[0].Width(), s[0].Vocab(), options)}
}

// Add counts one text; see [Accumulator.Add].
func (p *Panel) Add(tokens []Token) { p.evidence.add(tokens) }

// AddPair counts one position; see [Accumulator.AddPair].
func (p *Panel) AddPair(context []Token, next Token) { p.evidence.addPair(context, next) }

// Exclude takes contexts out of the test; see [Accumulator.Exclude].
func (p *Panel) Exclude(tokens []Token) { p.evidence.exclude(tokens) }

// Results returns a Result for each scorer, in the order given to NewPanel.
func (p *Panel) Results() []Result {
	results := make([]Result, len(p.scorers))
	for i, s := range p.scorers {
		results[i] = p.evidence.score(s).result(s, p.options, int64(len(p.scorers)))
	}
	return results
}

// Reset forgets everything added and excluded.
func (p *Panel) Reset() { p.evidence.reset() }
