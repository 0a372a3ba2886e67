package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
)

// maxKeyring is the largest number of keys in a keyring, and so of tests in one call.
const maxKeyring = 1 << 20

// maxPath is the longest line of a keyring, in bytes.
const maxPath = 4096

// A tenant is an entry of a keyring: a name, and the path that derives its key.
type tenant struct {
	name string
	path []string
}

// readKeyring reads a file of derivation paths, one a line, with labels separated by slashes.
// The file holds no key: the keys follow from the root key.
func (c *cli) readKeyring(name string) ([]tenant, error) {
	text, err := c.readInput(name)
	if err != nil {
		return nil, err
	}
	var tenants []tenant
	seen := make(map[string]int)
	line := 0
	for s := range strings.Lines(textfile.TrimMark(string(text))) {
		line++
		path := strings.TrimSpace(s)
		switch {
		case holdsKey(path):
			return nil, fmt.Errorf("%s: line %d holds a secret key; write derivation paths, such as tenant/acme, and treat the key as leaked", name, line)
		case path == "" || strings.HasPrefix(path, "#"):
			continue
		case len(path) > maxPath:
			return nil, fmt.Errorf("%s: line %d is longer than %d bytes; write derivation paths, such as tenant/acme, one a line", name, line, maxPath)
		case !utf8.ValidString(path):
			return nil, fmt.Errorf("%s: line %d is not UTF-8; convert the file", name, line)
		case strings.ContainsAny(path, "\x00\r"): // UTF-16, or lines that end in CR, would give another key
			return nil, fmt.Errorf("%s: line %d has a NUL or a CR in it; convert the file to UTF-8 text with one path a line", name, line)
		}
		if first, ok := seen[path]; ok {
			return nil, fmt.Errorf("%s: line %d repeats line %d; remove one of them", name, line, first)
		}
		seen[path] = line
		tenants = append(tenants, tenant{name: path, path: strings.Split(path, "/")})
	}
	switch {
	case len(tenants) == 0:
		return nil, fmt.Errorf("%s has no derivation path; write one a line, such as tenant/acme", name)
	case len(tenants) > maxKeyring:
		return nil, fmt.Errorf("%s has too many keys: %d (maximum %d)", name, len(tenants), maxKeyring)
	}
	return tenants, nil
}

// detectKeyring tests one text under every key of a keyring.
func (c *cli) detectKeyring(o detectFlags, root watermark.Key, t *textTest) error {
	tenants, err := c.readKeyring(o.keyring)
	if err != nil {
		return err
	}
	r, err := t.rank(root, tenants)
	if err != nil {
		return err
	}
	if err := r.write(c.stdout, o.json, t.profile.ID()); err != nil {
		return err
	}
	if o.failOn != "" && r.results[r.order[0]].Verdict == detect.Verdict(o.failOn) {
		return errVerdict
	}
	return nil
}

// A ranking is the results of a keyring, the smallest p-value first.
type ranking struct {
	law     watermark.Law // of a score, the same under every key
	tenants []tenant
	keyIDs  []string
	results []detect.Result
	order   []int // of the results, by p-value

	warnings []error // about the text, whatever the key
}

// rank tests the text under every key of a keyring in one pass.
func (t *textTest) rank(root watermark.Key, tenants []tenant) (*ranking, error) {
	r := &ranking{tenants: tenants, warnings: t.text.encoding()}
	scorers := make([]detect.Scorer, len(tenants))
	for i, x := range tenants {
		mark, err := t.profile.Mark(root.Derive(x.path...), t.selectors...)
		if err != nil {
			return nil, err
		}
		scorers[i], r.law = mark, mark.Law()
		r.keyIDs = append(r.keyIDs, mark.KeyID())
		r.order = append(r.order, i)
	}
	panel := detect.NewPanel(scorers, t.options)
	for _, p := range t.prompts {
		panel.Exclude(p)
	}
	panel.Add(t.text.forms[0])
	r.results = panel.Results()
	slices.SortStableFunc(r.order, func(a, b int) int { return cmp.Compare(r.results[a].Log10P, r.results[b].Log10P) })
	return r, nil
}

// rankedJSON is one key of a keyring in the JSON object of a ranking.
type rankedJSON struct {
	Rank int    `json:"rank"`
	Name string `json:"name"`
	resultJSON
}

// evidenceColumn returns the title of a column of evidence, and the evidence of a result in
// few words.
func evidenceColumn(law watermark.Law, r detect.Result) (what, evidence string) {
	switch law.(type) {
	case watermark.Exponential, watermark.Layers:
		words := strings.Fields(evidenceWords(law, r)) // score mean 1.019 over 396 scored, ..
		return "mean " + words[0], fmt.Sprintf("%s over %d", words[2], r.Scored)
	}
	return "green", fmt.Sprintf("%d of %d", r.Green, r.Scored)
}

// write prints all of the ranking as JSON, or its first keys for people.
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
		fmt.Fprintf(&b, "%d keys; p-values are adjusted for all of them\n", len(r.order))
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
