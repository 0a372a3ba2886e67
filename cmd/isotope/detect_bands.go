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

// roles are the values of --role.
var roles = []string{string(detect.RoleMaster), string(detect.RoleCohort), string(detect.RoleTenant), string(detect.RoleProvenance)}

// checkBands finds calls for several marks that cannot be right before any file is read.
func (o *detectFlags) checkBands() error {
	switch {
	case o.keyring != "" || o.normalize || o.spans:
		return usagef("detect: several marks go with neither --keyring nor --normalize nor --spans")
	case len(o.roles) > 0 && len(o.roles) != len(o.profiles):
		return usagef("detect: --role is given %s and --profile %s; give each mark its role, or none", times(len(o.roles)), times(len(o.profiles)))
	}
	for _, role := range o.roles {
		if !slices.Contains(roles, role) {
			return usagef("detect: --role %q is none of %s", role, strings.Join(roles, ", "))
		}
	}
	return nil
}

// A band is one of several marks on a text, and what came of its test.
type band struct {
	role    detect.Role
	profile *watermark.Profile
	mark    *watermark.Mark
	result  detect.Result
	share   float64
}

// bands reads the marks of a call, once it is sure that one text can have all of them.
func (o *detectFlags) bands() ([]band, error) {
	bands := make([]band, len(o.profiles))
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
			return nil, usagef("detect: profile %s has a payload, which is tested with one --profile", name)
		case p.Variants > 1:
			return nil, usagef("detect: profile %s has %d variants, which are tested with one --profile", name, p.Variants)
		}
		if _, bias := p.Scheme.(watermark.GreenList); bias {
			biases++
		}
		bands[i].profile = p
	}
	if biases > 1 && len(o.roles) == 0 {
		return nil, usagef("detect: %d of the marks are green lists: give each mark its --role, one of %s", biases, strings.Join(roles, ", "))
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
		return nil, usagef("detect: no text has all of these marks: %w", err)
	}
	return bands, nil
}

// roleOf returns the role of a mark: as it is given, or that of its scheme.
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
		return "", usagef("detect: the mark of %s is a keyed draw, whose --role is %s and not %s", o.profiles[i], detect.RoleProvenance, role)
	case !draw && role == detect.RoleProvenance:
		return "", usagef("detect: the mark of %s is a green list, whose --role is not %s", o.profiles[i], role)
	}
	return role, nil
}

// detectBands tests one text for several marks and says what their verdicts mean together.
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
	reading := testBands(bands, &options, text.forms[0], prompts)
	testing()
	for i := range bands {
		bands[i].result.Warnings = append(bands[i].result.Warnings, text.encoding()...)
	}
	if o.report != "" {
		if err := writePage(bandsPage(bands, reading, &options, text, prompts), o.report); err != nil {
			return err
		}
	}
	if o.json {
		err = json.NewEncoder(c.stdout).Encode(toBandsJSON(bands, reading))
	} else {
		err = printBands(c.stdout, bands, reading)
	}
	if err != nil {
		return err
	}
	failed := func(b band) bool { return b.result.Verdict == detect.Verdict(o.failOn) }
	if o.failOn != "" && slices.ContainsFunc(bands, failed) {
		return errVerdict
	}
	return nil
}

// testBands fills in the results of bands.
func testBands(bands []band, options *detect.Options, text []watermark.Token, prompts [][]watermark.Token) detect.BandReading {
	var tested []detect.Band
	for _, b := range bands {
		tested = append(tested, detect.Band{Role: b.role, Scorer: b.mark, Dedup: dedupOf(b.profile)})
	}
	tests := detect.NewBands(tested, options)
	for _, p := range prompts {
		tests.Exclude(p)
	}
	tests.Add(text)
	results := tests.Results()
	for i, r := range results {
		bands[i].result, bands[i].share = r.Result, r.Share
	}
	return detect.ReadBands(results)
}

// bandsJSON is the JSON of a test for several marks, version 1.
type bandsJSON struct {
	Version    int                `json:"version"`
	Tests      int64              `json:"tests"`
	Bands      []bandJSON         `json:"bands"` // in the order of the call
	Pattern    detect.BandPattern `json:"pattern"`
	Found      []string           `json:"found"`
	Consistent []string           `json:"consistent"`
	Cannot     []string           `json:"cannot"`
}

type bandJSON struct {
	Role  detect.Role `json:"role"`
	Width int         `json:"width"`
	Share *float64    `json:"share"` // detect.BandResult.Share: an estimate, and no evidence
	resultJSON
}

func toBandsJSON(bands []band, reading detect.BandReading) bandsJSON {
	j := bandsJSON{
		Version: 1, Tests: bands[0].result.Tests, Pattern: reading.Pattern,
		// [] and not null when there are none.
		Found:      append([]string{}, reading.Found...),
		Consistent: append([]string{}, reading.Consistent...),
		Cannot:     append([]string{}, reading.Cannot...),
	}
	for _, b := range bands {
		j.Bands = append(j.Bands, bandJSON{b.role, b.mark.Width(), number(b.share), toJSON(b.result, b.profile.ID(), b.mark.KeyID())})
	}
	return j
}

var patternWords = map[detect.BandPattern]string{
	detect.NoBand:             "no band was detected",
	detect.TraceAndProvenance: "the trace band and the provenance band were detected",
	detect.TraceAlone:         "the trace band was detected, and the provenance band was not although it could have been",
	detect.ProvenanceAlone:    "the provenance band was detected, and the trace band was not although it could have been",
	detect.PartWithoutMaster:  "a cohort's or tenant's band was detected, and the master's was not although it could have been",
	detect.Open:               "a band was detected, and what the others would add is not known",
}

// String says what came of a band in one line.
func (b band) String() string {
	r := b.result
	evidence := strings.Join(strings.Fields(evidenceWords(b.mark.Law(), r)), " ")
	return fmt.Sprintf("%s, log10 p %s (%s before counting %d tests), %s, key %s",
		strings.ReplaceAll(string(r.Verdict), "_", " "), logP(r.Log10PAdjusted), logP(r.Log10P), r.Tests, evidence, b.mark.KeyID())
}

// printBands prints results and what they mean for people.
func printBands(w io.Writer, bands []band, reading detect.BandReading) error {
	var out strings.Builder
	fmt.Fprintln(&out, patternWords[reading.Pattern])
	for _, b := range bands {
		fmt.Fprintf(&out, "  %-10s  %s\n", b.role, b)
	}
	for _, list := range []struct {
		title string
		lines []string
	}{
		{"found", reading.Found},
		{"consistent with, among others", reading.Consistent},
		{"does not follow", reading.Cannot},
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

// readSelectors reads the selector keys of marks, by their ids.
func readSelectors(bands []band, names []string) (map[string][]watermark.Key, error) {
	selectors := make(map[string][]watermark.Key)
	for _, name := range names {
		key, err := watermark.ReadKeyFile(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(bands, func(b band) bool { return b.profile.Selector == key.ID() }) {
			return nil, usagef("detect: the key %s of --selector %s is the selector of no profile", key.ID(), name)
		}
		selectors[key.ID()] = []watermark.Key{key}
	}
	for _, b := range bands {
		if s := b.profile.Selector; s != "" && selectors[s] == nil {
			return nil, usagef("detect: a profile has a band: --selector FILE must name the key %s", s)
		}
	}
	return selectors, nil
}

// sameTokens returns nil when two profiles read a text as the same tokens, of which they
// score the same. first may be nil.
func sameTokens(first, p *watermark.Profile, firstName, name string) error {
	switch {
	case first == nil:
		return nil
	case p.Tokenizer != first.Tokenizer:
		return usagef("detect: the profiles are for two tokenizers: %s of %s and %s of %s", first.Tokenizer, firstName, p.Tokenizer, name)
	case p.TokenizerDigest != first.TokenizerDigest:
		return usagef("detect: the profiles are for two versions of %s: %s of %s and %s of %s", p.Tokenizer, first.TokenizerDigest, firstName, p.TokenizerDigest, name)
	case p.Vocab != first.Vocab:
		return usagef("detect: the profiles differ in vocabulary: %d ids in %s and %d in %s", first.Vocab, firstName, p.Vocab, name)
	case !slices.Equal(p.Exempt, first.Exempt):
		return usagef("detect: the profiles %s and %s differ in their exempt ids", firstName, name)
	}
	return nil
}
