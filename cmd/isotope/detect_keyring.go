package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// maxKeyring bounds a keyring: the tests of one call.
const maxKeyring = 1 << 20

// maxPath bounds a line of a keyring, in bytes.
const maxPath = 4096

// A tenant is a key of a keyring: a name and the path that derives its key.
type tenant struct {
	name string
	path []string
}

// readKeyring reads a file of derivation paths, one on a line, labels separated by
// slashes. It holds no key: the keys follow from the root's.
func (c *cli) readKeyring(name string) ([]tenant, error) {
	text, err := c.readInput(name)
	if err != nil {
		return nil, err
	}
	var tenants []tenant
	seen := make(map[string]int)
	line := 0
	for s := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) { // some editors begin with a BOM
		line++
		path := strings.TrimSpace(s)
		switch {
		case strings.Contains(path, "isotope-secret-key"):
			return nil, fmt.Errorf("%s: line %d holds a secret key; a keyring holds derivation paths, such as tenant/acme", name, line)
		case path == "" || strings.HasPrefix(path, "#"):
			continue
		case len(path) > maxPath:
			return nil, fmt.Errorf("%s: line %d is longer than %d bytes, and is no derivation path, such as tenant/acme", name, line, maxPath)
		case !utf8.ValidString(path):
			return nil, fmt.Errorf("%s: line %d is not UTF-8", name, line)
		case strings.ContainsAny(path, "\x00\r"): // UTF-16, or lines that end in CR: the key would be another
			return nil, fmt.Errorf("%s: line %d has a NUL or a CR in it; want UTF-8 text, a path on a line", name, line)
		}
		if first, ok := seen[path]; ok {
			return nil, fmt.Errorf("%s: line %d repeats line %d", name, line, first)
		}
		seen[path] = line
		tenants = append(tenants, tenant{name: path, path: strings.Split(path, "/")})
	}
	switch {
	case len(tenants) == 0:
		return nil, fmt.Errorf("%s: no derivation path in it", name)
	case len(tenants) > maxKeyring:
		return nil, fmt.Errorf("%s: %d keys are more than %d", name, len(tenants), maxKeyring)
	}
	return tenants, nil
}

// detectMany tests one text under every key of a keyring.
func (c *cli) detectMany(o detectFlags, root watermark.Key, selectors []watermark.Key, profile *watermark.Profile,
	options *detect.Options, text *subject, prompts [][]watermark.Token) error {
	tenants, err := c.readKeyring(o.keyring)
	if err != nil {
		return err
	}
	r, err := rank(root, tenants, profile, selectors, options, text.forms[0], prompts)
	if err != nil {
		return err
	}
	r.warnings = text.encoding()
	if err := r.write(c.stdout, o.json, profile.ID()); err != nil {
		return err
	}
	if o.failOn != "" && r.results[r.order[0]].Verdict == detect.Verdict(o.failOn) {
		return errVerdict
	}
	return nil
}

// A ranking is the results of a keyring, the smallest p-value first.
type ranking struct {
	law     watermark.Law // of a score, under every key
	tenants []tenant
	keyIDs  []string
	results []detect.Result
	order   []int

	warnings []error // about the text, whatever the key
}

// rank tests texts under every key of a keyring in one pass.
func rank(root watermark.Key, tenants []tenant, profile *watermark.Profile, selectors []watermark.Key, o *detect.Options,
	text []watermark.Token, prompts [][]watermark.Token) (*ranking, error) {
	r := &ranking{tenants: tenants}
	scorers := make([]detect.Scorer, len(tenants))
	for i, t := range tenants {
		mark, err := profile.Mark(root.Derive(t.path...), selectors...)
		if err != nil {
			return nil, err
		}
		scorers[i], r.law = mark, mark.Law()
		r.keyIDs = append(r.keyIDs, mark.KeyID())
		r.order = append(r.order, i)
	}
	panel := detect.NewPanel(scorers, o)
	for _, p := range prompts {
		panel.Exclude(p)
	}
	panel.Add(text)
	r.results = panel.Results()
	slices.SortStableFunc(r.order, func(a, b int) int {
		switch pa, pb := r.results[a].Log10P, r.results[b].Log10P; {
		case pa < pb:
			return -1
		case pa > pb:
			return 1
		}
		return 0
	})
	return r, nil
}

// rankedJSON is one key of a keyring in the JSON of detect.
type rankedJSON struct {
	Rank int    `json:"rank"`
	Name string `json:"name"`
	resultJSON
}

// evidenceColumn names the evidence of a law, and writes that of a result in few words.
func evidenceColumn(law watermark.Law, r detect.Result) (what, evidence string) {
	switch law.(type) {
	case watermark.Exponential, watermark.Layers:
		words := strings.Fields(evidenceWords(law, r)) // score mean 1.019 over 396 scored, ..
		return "mean " + words[0], fmt.Sprintf("%s over %d", words[2], r.Scored)
	}
	return "green", fmt.Sprintf("%d of %d", r.Green, r.Scored)
}

// write prints the ranking: all of it as JSON, the first ones for people.
func (r *ranking) write(w io.Writer, asJSON bool, profile string) error {
	if asJSON {
		out := struct {
			Version int          `json:"version"`
			Profile string       `json:"profile"`
			Tests   int64        `json:"tests"`
			Keys    []rankedJSON `json:"keys"`
		}{Version: 1, Profile: profile, Tests: r.results[0].Tests}
		for n, i := range r.order {
			r.results[i].Warnings = append(r.results[i].Warnings, r.warnings...)
			out.Keys = append(out.Keys, rankedJSON{n + 1, r.tenants[i].name, toJSON(r.results[i], profile, r.keyIDs[i])})
		}
		return json.NewEncoder(w).Encode(out)
	}
	const shown = 20
	var b strings.Builder
	if len(r.order) == 1 {
		b.WriteString("1 key\n")
	} else {
		fmt.Fprintf(&b, "%d keys, every one of them counted\n", len(r.order))
	}
	what, _ := evidenceColumn(r.law, detect.Result{})
	fmt.Fprintf(&b, "%5s  %-16s %-14s %12s %10s %15s  %s\n", "rank", "key", "verdict", "log10 p adj.", "log10 p", what, "name")
	for n, i := range r.order[:min(shown, len(r.order))] {
		x := r.results[i]
		_, evidence := evidenceColumn(r.law, x)
		fmt.Fprintf(&b, "%5d  %-16s %-14s %12s %10s %15s  %s\n", n+1, r.keyIDs[i], x.Verdict, logP(x.Log10PAdjusted), logP(x.Log10P),
			evidence, r.tenants[i].name)
	}
	if more := len(r.order) - shown; more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	for _, warning := range r.warnings {
		fmt.Fprintf(&b, "note: %v\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
