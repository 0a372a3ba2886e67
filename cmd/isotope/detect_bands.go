package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// A bandTest is one of several marks on a text, and the result of its test.
type bandTest struct {
	role    detect.Role
	profile *watermark.Profile
	mark    *watermark.Mark
	result  detect.Result
	share   float64
}

// bands reads the marks of a call. It returns an error unless one text can have all of them.
func (o *detectFlags) bands() ([]bandTest, error) {
	bands, err := o.bandProfiles()
	if err != nil {
		return nil, err
	}
	selectors, err := readSelectors(bands, o.selectors)
	if err != nil {
		return nil, err
	}
	marks := make([]*watermark.Mark, len(bands))
	for i := range bands {
		b := &bands[i]
		key, err := watermark.ReadKeyFile(o.keys[i])
		if err != nil {
			return nil, err
		}
		if b.mark, err = b.profile.Mark(key, selectors[b.profile.Selector]...); err != nil {
			return nil, err
		}
		if b.role, err = o.roleOf(i, b.mark.IsKeyedDraw()); err != nil {
			return nil, err
		}
		marks[i] = b.mark
	}
	if _, err := watermark.NewSequence(marks...); err != nil {
		return nil, usagef("no text can have all of these marks: %w", err)
	}
	return bands, nil
}

// roleOf returns the role of mark i: the one that --role gives it, or that of its scheme.
func (o *detectFlags) roleOf(i int, draw bool) (detect.Role, error) {
	role := detect.RoleMaster
	switch {
	case len(o.roles) > 0:
		role = detect.Role(o.roles[i])
	case draw:
		role = detect.RoleProvenance
	}
	switch {
	case draw && role != detect.RoleProvenance:
		return "", usagef("the mark of %s is a keyed draw, and its --role is %s; give it the role %s", o.profiles[i], role, detect.RoleProvenance)
	case !draw && role == detect.RoleProvenance:
		return "", usagef("the mark of %s is a green list, and its --role is %s; give it another role", o.profiles[i], role)
	}
	return role, nil
}

// detectBands tests one text for several marks, and prints what their verdicts mean together.
func (c *cli) detectBands(o detectFlags, input string) error {
	bands, err := o.bands()
	if err != nil {
		return err
	}
	text, prompts, err := c.inputs(o, bands[0].profile, input)
	if err != nil {
		return err
	}
	options := detect.Options{Exempt: bands[0].profile.Exempt, Alpha: o.alpha, MinShare: o.minShare}
	testing := c.busy("testing")
	meaning := testBands(bands, &options, text.forms[0], prompts)
	testing()
	for i := range bands {
		bands[i].result.Warnings = append(bands[i].result.Warnings, text.encoding()...)
	}
	if o.report != "" {
		if err := writePage(bandsPage(bands, meaning, &options, text, prompts), o.report); err != nil {
			return err
		}
	}
	if o.json {
		err = json.NewEncoder(c.stdout).Encode(toBandsJSON(bands, meaning))
	} else {
		err = printBands(c.stdout, bands, meaning)
	}
	if err != nil {
		return err
	}
	failed := func(b bandTest) bool { return b.result.Verdict == detect.Verdict(o.failOn) }
	if o.failOn != "" && slices.ContainsFunc(bands, failed) {
		return errVerdict
	}
	return nil
}

// testBands fills in the results of bands, and returns their meaning together.
func testBands(bands []bandTest, options *detect.Options, tokens []watermark.Token, prompts [][]watermark.Token) detect.Conclusion {
	var tested []detect.Band
	for _, b := range bands {
		tested = append(tested, detect.Band{Role: b.role, Scorer: b.mark, Dedup: dedupOf(b.profile)})
	}
	tests := detect.NewBands(tested, options)
	for _, p := range prompts {
		tests.Exclude(p)
	}
	tests.Add(tokens)
	results := tests.Results()
	for i, r := range results {
		bands[i].result, bands[i].share = r.Result, r.Share
	}
	return detect.Conclude(results)
}

// bandsJSON is the JSON object of a test for several marks, version 1.
type bandsJSON struct {
	Version    int            `json:"version"`
	Tests      int64          `json:"tests"`
	Bands      []bandJSON     `json:"bands"` // in the order of --profile
	Pattern    detect.Pattern `json:"pattern"`
	Found      []string       `json:"found"`
	Consistent []string       `json:"consistent"`
	Cannot     []string       `json:"cannot"`
}

type bandJSON struct {
	Role  detect.Role `json:"role"`
	Width int         `json:"width"`
	Share *float64    `json:"share"` // detect.BandResult.Share: an estimate, which is not evidence
	resultJSON
}

func toBandsJSON(bands []bandTest, meaning detect.Conclusion) bandsJSON {
	j := bandsJSON{
		Version: 1, Tests: bands[0].result.Tests, Pattern: meaning.Pattern,
		// [] and not null if there are none.
		Found:      append([]string{}, meaning.Found...),
		Consistent: append([]string{}, meaning.Explanations...),
		Cannot:     append([]string{}, meaning.NotShown...),
	}
	for _, b := range bands {
		j.Bands = append(j.Bands, bandJSON{b.role, b.mark.Width(), number(b.share), toJSON(b.result, b.profile.ID(), b.mark.KeyID())})
	}
	return j
}

var patternWords = map[detect.Pattern]string{
	detect.PatternNone:               "no band was detected",
	detect.PatternTraceAndProvenance: "the trace band and the provenance band were detected",
	detect.PatternTraceAlone:         "the trace band was detected, and the provenance band was not although it could have been",
	detect.PatternProvenanceAlone:    "the provenance band was detected, and the trace band was not although it could have been",
	detect.PatternPartWithoutMaster:  "a cohort's or tenant's band was detected, and the master's was not although it could have been",
	detect.PatternOpen:               "a band was detected, and the others were not tested, or their silence says nothing",
}

// String returns the result of a band in one line.
func (b bandTest) String() string {
	r := b.result
	evidence := strings.Join(strings.Fields(evidenceWords(b.mark.Law(), r)), " ")
	return fmt.Sprintf("%s, log10 p %s (%s before adjusting for %d tests), %s, key %s",
		strings.ReplaceAll(string(r.Verdict), "_", " "), logP(r.Log10PAdjusted), logP(r.Log10P), r.Tests, evidence, b.mark.KeyID())
}

// printBands prints results and their meaning for people.
func printBands(w io.Writer, bands []bandTest, meaning detect.Conclusion) error {
	var out strings.Builder
	fmt.Fprintln(&out, patternWords[meaning.Pattern])
	for _, b := range bands {
		fmt.Fprintf(&out, "  %-10s  %s\n", b.role, b)
	}
	for _, list := range []struct {
		title string
		lines []string
	}{
		{"found", meaning.Found},
		{"consistent with, among other explanations", meaning.Explanations},
		{"not shown", meaning.NotShown},
	} {
		if len(list.lines) > 0 {
			fmt.Fprintf(&out, "%s\n", list.title)
		}
		for _, line := range list.lines {
			fmt.Fprintf(&out, "  - %s\n", line)
		}
	}
	for _, b := range bands {
		for _, warning := range b.result.Warnings {
			fmt.Fprintf(&out, "  note      %s: %v\n", b.role, warning)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// readSelectors reads the selector keys of marks, and returns them by their ids.
func readSelectors(bands []bandTest, names []string) (map[string][]watermark.Key, error) {
	selectors := make(map[string][]watermark.Key)
	for _, name := range names {
		key, err := watermark.ReadKeyFile(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(bands, func(b bandTest) bool { return b.profile.Selector == key.ID() }) {
			return nil, usagef("no profile has the key %s of --selector %s as its selector; leave it out", key.ID(), name)
		}
		selectors[key.ID()] = []watermark.Key{key}
	}
	for _, b := range bands {
		if s := b.profile.Selector; s != "" && selectors[s] == nil {
			return nil, missingSelector(s)
		}
	}
	return selectors, nil
}

// bandProfiles reads the profiles of several marks.
func (o *detectFlags) bandProfiles() ([]bandTest, error) {
	bands := make([]bandTest, len(o.profiles))
	biases := 0
	for i, name := range o.profiles {
		p, err := watermark.ReadProfile(name)
		if err != nil {
			return nil, err
		}
		if err := sameTokens(bands[0].profile, p, o.profiles[0], name); err != nil {
			return nil, err
		}
		switch {
		case p.Payload > 0:
			return nil, usagef("profile %s has a payload; test it with one --profile alone", name)
		case p.Variants > 1:
			return nil, usagef("profile %s has %d variants; test it with one --profile alone", name, p.Variants)
		}
		if _, bias := p.Scheme.(watermark.GreenList); bias {
			biases++
		}
		bands[i].profile = p
	}
	if biases > 1 && len(o.roles) == 0 {
		return nil, usagef("%d of the marks are green lists; give each mark its --role, one of %s", biases, strings.Join(roles, ", "))
	}
	return bands, nil
}

// sameTokens returns nil if two profiles turn a text into the same tokens and score the same
// of them. first may be nil.
func sameTokens(first, p *watermark.Profile, firstName, name string) error {
	switch {
	case first == nil:
		return nil
	case p.Tokenizer != first.Tokenizer:
		return usagef("the profiles are for two tokenizers: %s of %s and %s of %s", first.Tokenizer, firstName, p.Tokenizer, name)
	case p.TokenizerDigest != first.TokenizerDigest:
		return usagef("the profiles are for two versions of %s: %s of %s and %s of %s", p.Tokenizer, first.TokenizerDigest, firstName, p.TokenizerDigest, name)
	case p.Vocab != first.Vocab:
		return usagef("the profiles have different vocabularies: %d ids in %s and %d in %s", first.Vocab, firstName, p.Vocab, name)
	case !slices.Equal(p.Exempt, first.Exempt):
		return usagef("the profiles %s and %s have different exempt ids", firstName, name)
	}
	return nil
}
