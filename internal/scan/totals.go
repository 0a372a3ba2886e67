package scan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/prf"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// kept is the number of skips, of notes and of fields that were not read that Totals keep in full.
const kept = 5

// topSources is the number of sources that Totals keep.
const topSources = 20

// Totals are the result of all documents together.
type Totals struct {
	Verdict  *detect.Verdict `json:"verdict"` // null: nothing was tested
	Alpha    float64         `json:"alpha"`
	FDR      float64         `json:"fdr"`
	Complete bool            `json:"complete"`

	Files      int64      `json:"files"`
	Bytes      int64      `json:"bytes"`      // of the files as they are
	Manifest   string     `json:"manifest"`   // sha256 of the names and the hashes of the files
	Unreadable int64      `json:"unreadable"` // files that the system could not open or read
	Changed    int64      `json:"changed"`    // files that changed while they were read
	Rows       RowsTotals `json:"rows"`

	Documents int64 `json:"documents"`          // rows that were tested
	Distinct  int64 `json:"distinct"`           // documents among them
	TextBytes int64 `json:"text_bytes"`         // of the rows that were tested
	Tokens    int64 `json:"tokens"`             // of the distinct documents, under the mark of each
	Tests     int64 `json:"tests_per_document"` // that each document's p-value is adjusted for
	Listed    int64 `json:"listed"`             // distinct documents on the list
	Same      int64 `json:"listed_rows"`        // rows that are one of them
	Detected  int64 `json:"detected"`           // distinct documents with an adjusted p-value of at most alpha
	// Log10PDocuments is that of the smallest p-value of a document, adjusted for all.
	Log10PDocuments float64 `json:"log10_p_documents"`

	Pile    []PileTotals `json:"pile"` // one test for each mark
	Sample  int          `json:"sample"`
	RunKey  string       `json:"run_key"`
	Sources []Source     `json:"sources"` // files with the most listed documents
	Hosts   []Source     `json:"hosts"`   // of addresses in crawls
	Notes   []string     `json:"notes"`

	// Controls are log10 of the p-values of the pile under control keys, ascending, and Controlled is
	// the mark that they are like. They are nil without Work.Controls, and are not tests.
	Controls   []float64 `json:"-"`
	Controlled int       `json:"-"`
	// ControlsOf are those of each mark, with Work.EachControls. They are nil for a mark without a
	// test of the pile.
	ControlsOf [][]float64 `json:"-"`

	best     float64
	manifest hash.Hash
	hosts    map[string]int64 // listed documents
	foreign  int64            // rows with ids of another tokenizer
	noted    int64
	now      current
}

// RowsTotals account for all rows.
type RowsTotals struct {
	Found   int64    `json:"found"` // Tested + Skipped
	Tested  int64    `json:"tested"`
	Skipped int64    `json:"skipped"`
	Reasons []Count  `json:"reasons"`
	First   []Skip   `json:"first_skipped"`
	Unread  []Unread `json:"unread_fields"`
}

// A Count is a named number.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// An Unread is a field that might hold text and was not read.
type Unread struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Rows   int64  `json:"rows"`
}

// A Source is a file, or the host of addresses, with its documents.
type Source struct {
	Name      string `json:"name"`
	Documents int64  `json:"documents,omitempty"` // rows of a file that were tested
	Listed    int64  `json:"listed"`              // distinct documents on the list that stand there first
}

// PileTotals is the test of all documents together for one mark.
type PileTotals struct {
	Mark      int             `json:"mark"` // number of the mark, from 0
	Label     string          `json:"label,omitempty"`
	KeyID     string          `json:"key_id"`
	Profile   string          `json:"profile"`
	Scheme    string          `json:"scheme"`
	Width     int             `json:"width"`
	Tokenizer string          `json:"tokenizer"`
	Verdict   *detect.Verdict `json:"verdict"` // null: there is no test; Notes say why
	Scored    int64           `json:"scored"`  // distinct pairs
	Green     int64           `json:"green"`
	Sum       int64           `json:"sum"`
	Excluded  int64           `json:"excluded"` // pairs of the sample whose context occurs in a prompt
	Sampled   bool            `json:"sampled"`  // there were more pairs than the sample holds
	Log10P    *float64        `json:"log10_p"`
	// Log10PAdjusted is adjusted for all marks, and for the documents.
	Log10PAdjusted *float64  `json:"log10_p_adjusted"`
	Log10Floor     *float64  `json:"log10_floor"`
	Tests          int64     `json:"tests"`
	Rate           *float64  `json:"rate"` // that was stated
	Estimate       *Estimate `json:"estimate"`
	MinShare       *float64  `json:"detectable_share"` // the smallest that would have been detected, by Rate
	Warnings       []string  `json:"warnings"`
}

// An Estimate says how much of the distinct text is marked. It is not a test. The interval holds the
// mean green rate with the stated confidence for every text whose colours are independent.
type Estimate struct {
	Confidence float64 `json:"confidence"`
	// Excess is the green rate of the pairs less that of chance.
	Excess     float64 `json:"excess"`
	ExcessLow  float64 `json:"excess_low"`
	ExcessHigh float64 `json:"excess_high"`
	// The share of marked pairs that the stated rate means; null without a rate.
	Share     *float64 `json:"share"`
	ShareLow  float64  `json:"share_low"` // holds for any rate, if none is stated
	ShareHigh *float64 `json:"share_high"`
}

func (t *Totals) skip(s *Skip) {
	t.Rows.Skipped++
	i := slices.IndexFunc(t.Rows.Reasons, func(c Count) bool { return c.Name == s.Reason })
	if i < 0 {
		i = len(t.Rows.Reasons)
		t.Rows.Reasons = append(t.Rows.Reasons, Count{Name: s.Reason})
	}
	t.Rows.Reasons[i].Count++
	if len(t.Rows.First) < kept {
		t.Rows.First = append(t.Rows.First, *s)
	}
	if s.Reason == unreadableReason {
		t.now.unreadable = true
	}
}

// A current is the file that is read.
type current struct {
	unreadable        bool
	documents, listed int64
}

func (t *Totals) row(file string, f *finding) {
	t.Rows.Tested++
	t.TextBytes += f.Bytes
	t.now.documents++
	if f.Foreign > 0 {
		t.foreign++
	}
	for _, u := range f.Unread {
		i := slices.IndexFunc(t.Rows.Unread, func(x Unread) bool { return x.Field == u.Field && x.Detail == u.Detail })
		switch {
		case i >= 0:
			t.Rows.Unread[i].Rows++
		case len(t.Rows.Unread) < kept:
			t.Rows.Unread = append(t.Rows.Unread, Unread{u.Field, u.Detail, 1})
		}
	}
	for _, n := range f.Notes {
		t.note(fmt.Sprintf("%s, row %d: %s", corpus.Place{File: file}, f.Row, n))
	}
}

func (t *Totals) note(words string) {
	t.noted++
	if t.noted <= kept {
		t.Notes = append(t.Notes, words)
	}
}

// maxHosts bounds the hosts that are counted: the first ones in the order of the files.
const maxHosts = 1 << 16

func (t *Totals) document(d *Document, f *finding) {
	t.Tokens += f.Tokens
	if d.Detected {
		t.Detected++
	}
	if !d.Listed {
		return
	}
	t.Listed++
	t.Same += d.Count
	t.now.listed++
	if host := hostOf(d.URL); host != "" {
		if t.hosts == nil {
			t.hosts = map[string]int64{}
		}
		if _, ok := t.hosts[host]; ok || len(t.hosts) < maxHosts {
			t.hosts[host]++
		}
	}
}

func (t *Totals) source(file string, s *sourceBody) {
	if t.manifest == nil {
		t.manifest = sha256.New()
	}
	fmt.Fprintf(t.manifest, "%q %s\n", file, s.SHA256)
	t.Files++
	t.Bytes += s.Bytes
	if t.now.unreadable {
		t.Unreadable++
	}
	if s.Changed {
		t.Changed++
	}
	for _, n := range s.Notes {
		t.note(n)
	}
	if t.now.listed > 0 {
		t.Sources = append(t.Sources, Source{file, t.now.documents, t.now.listed})
		if len(t.Sources) > 2*topSources {
			t.Sources = top(t.Sources)
		}
	}
	t.now = current{}
}

// top returns the sources with the most listed documents, and equal ones by name.
func top(list []Source) []Source {
	slices.SortFunc(list, func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.Listed, a.Listed), cmp.Compare(a.Name, b.Name))
	})
	return list[:min(len(list), topSources)]
}

// conclude settles what depends on all documents.
func (t *Totals) conclude(d *design) {
	t.Alpha, t.FDR, t.Tests, t.Sample, t.RunKey = d.Alpha, d.FDR, d.tests, d.Sample, fmt.Sprintf("%x", d.RunKey)
	t.Complete = t.Unreadable == 0 && t.Changed == 0
	if t.manifest == nil {
		t.manifest = sha256.New()
	}
	t.Manifest = hex.EncodeToString(t.manifest.Sum(nil))
	r := &t.Rows
	r.Found = r.Tested + r.Skipped
	slices.SortFunc(r.Reasons, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	if more := t.noted - kept; more > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("and %d more notes on the texts", more))
	}
	t.Sources = top(t.Sources)
	for name, n := range t.hosts {
		t.Hosts = append(t.Hosts, Source{Name: name, Listed: n})
	}
	t.Hosts = top(t.Hosts)
	// Lists are [] and not null if there is nothing in them.
	r.Reasons, r.First, r.Unread = notNil(r.Reasons), notNil(r.First), notNil(r.Unread)
	t.Sources, t.Hosts, t.Notes = notNil(t.Sources), notNil(t.Hosts), notNil(t.Notes)
	t.Log10PDocuments = min(t.best+tail.Log10(2*float64(max(t.Distinct, 1))), 0)
	if t.Distinct == 0 {
		return
	}
	verdict := detect.NotDetected
	for i := range t.Pile {
		switch v := t.Pile[i].Verdict; {
		case v == nil || *v == detect.Inconclusive:
			if verdict == detect.NotDetected {
				verdict = detect.Inconclusive
			}
		case *v == detect.Detected:
			verdict = detect.Detected
		}
	}
	switch {
	case t.Detected > 0:
		verdict = detect.Detected
	case verdict == detect.NotDetected && (r.Skipped > 0 || t.foreign > 0 || t.Changed > 0):
		verdict = detect.Inconclusive // silence about what was not read says nothing
	}
	t.Verdict = &verdict
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// pile tests all documents together, for each mark.
func (r *reduction) pile() {
	r.totals.Pile = make([]PileTotals, len(r.marks))
	for i := range r.samples {
		r.pileOf(i)
	}
}

// pileOf tests the marks of a sample.
func (r *reduction) pileOf(at int) {
	s, d := r.samples[at], &r.groups[r.design.samples[at].group]
	var marks []int
	var scorers []detect.Scorer
	for i, scorer := range d.scorers {
		if scorer.Width() == s.width {
			marks, scorers = append(marks, d.marks[i]), append(scorers, scorer)
		}
	}
	o := d.options
	o.Dedup = detect.DedupPair // a context may come again in another document, marked each time
	// One half of the error is for the documents. Of the other half each sample has a part.
	o.Tests = 2 * int64(len(r.samples))
	sampled := s.limit != noLimit
	refused := ""
	switch {
	case sampled && len(s.inputs) == 0:
		refused = "one context has more pairs than the sample holds, so that there is no test of the pile; make the sample larger"
	case sampled && len(s.out) > 0 && d.engine != nil:
		// Several contexts can be one input of the engine's function, and the sample knows only some
		// of those that occur in prompts.
		refused = "the sample does not know every context of the prompts, so that there is no test of the pile for this engine; make the sample larger"
	case len(s.out) > 0 && !s.knowsInputs(scorers):
		refused = "other windows of a document can have the inputs of a prompt, and the sample does not know which, so that there is no test of a pile with prompts for this engine; the tests of documents leave them out"
	}
	panel := detect.NewPanel(scorers, &o)
	excluded := s.addTo(panel, scorers)
	results := panel.Results()
	bounds := map[[2]int64]float64{}
	for i, res := range results {
		m := &r.marks[marks[i]]
		x := &r.totals.Pile[marks[i]]
		*x = PileTotals{
			Mark: marks[i], Label: m.Label, KeyID: m.KeyID, Profile: m.Profile, Scheme: m.Scheme, Width: s.width, Tokenizer: "none",
			Excluded: excluded, Sampled: sampled, Tests: res.Tests, Warnings: []string{},
		}
		if m.Tokenizer != nil {
			x.Tokenizer = m.Tokenizer.Name()
		}
		limits := m.Bound.Limits()
		for _, w := range limits.Warnings {
			x.Warnings = append(x.Warnings, w.Error())
		}
		if refused != "" {
			x.Warnings = append(x.Warnings, refused)
			continue
		}
		if m.Rate > 0 { // each mark has its own
			with := o
			with.Rate = m.Rate
			res = res.OneOf(1, scorers[i], &with)
			x.Rate, x.MinShare = &m.Rate, number(res.Power.RateShare)
		}
		for _, w := range res.Warnings {
			x.Warnings = append(x.Warnings, w.Error())
		}
		verdict := res.Verdict
		res.Log10PAdjusted = max(res.Log10PAdjusted, limits.Floor)
		if limits.Floor > tail.Log10(r.Alpha) {
			// Nothing that small is claimed, so no pile is detected, and silence says nothing.
			verdict, x.MinShare = detect.Inconclusive, nil
		}
		x.Scored, x.Green, x.Sum, x.Verdict = res.Scored, res.Green, res.Sum, &verdict
		x.Log10P, x.Log10PAdjusted, x.Log10Floor = &res.Log10P, &res.Log10PAdjusted, &res.Log10Floor
		x.Estimate = estimate(scorers[i].Law(), res.Scored, res.Green, m.Rate, bounds)
	}
}

// knowsInputs reports whether the contexts of prompts tell which inputs of the scorers' functions the
// prompts have. Where a seed depends on the token, only pairs would tell.
func (s *sample) knowsInputs(scorers []detect.Scorer) bool {
	return !slices.ContainsFunc(scorers, func(x detect.Scorer) bool {
		_, seeds := x.(detect.ContextNamer)
		_, names := x.(detect.UnitNamer)
		return names && (!seeds || s.width > prf.MaxPacked)
	})
}

// addTo adds the pairs of a sample to a test of scorers. It returns how many of them have contexts of
// prompts, and were left out. Where scorers make a seed of a context, the test leaves out the other
// contexts of these seeds as well.
func (s *sample) addTo(panel *detect.Panel, scorers []detect.Scorer) (excluded int64) {
	if s.width <= prf.MaxPacked {
		kept := s.inputs
		if len(s.out) > 0 {
			kept = make([]prf.Input, 0, len(s.inputs))
			for k := range s.inputs {
				if !s.excluded(k) {
					kept = append(kept, s.inputs[k])
				}
			}
			if slices.ContainsFunc(scorers, func(x detect.Scorer) bool { _, ok := x.(detect.ContextNamer); return ok }) {
				var context []token
				for n := range s.out {
					context = appendContext(context[:0], n[:], s.width)
					panel.Exclude(context)
				}
			}
		}
		panel.AddPacked(kept)
		return int64(len(s.inputs) - len(kept))
	}
	var context []token
	for k := range s.inputs {
		if s.excluded(k) {
			excluded++
			continue
		}
		var next token
		context, next = s.pair(context, k)
		panel.AddPair(context, next)
	}
	return excluded
}

// control tests the pile under control keys, for the mark with the smallest p-value of the pile, or
// for every mark.
func (r *reduction) control() error {
	t := r.totals
	best := -1
	for i, x := range t.Pile {
		if x.Log10P != nil && (best < 0 || *x.Log10P < *t.Pile[best].Log10P) {
			best = i
		}
	}
	if r.controls == nil || best < 0 {
		return nil
	}
	if r.eachControls {
		t.ControlsOf = make([][]float64, len(t.Pile))
	}
	for i, x := range t.Pile {
		if x.Log10P == nil || i != best && !r.eachControls {
			continue
		}
		list, err := r.controlsOf(i)
		if err != nil {
			return err
		}
		if i == best && len(list) > 0 {
			t.Controlled, t.Controls = best, list
		}
		if r.eachControls {
			t.ControlsOf[i] = list
		}
	}
	return nil
}

// controlsOf returns log10 of the p-values of the pile under control keys like a mark, ascending.
func (r *reduction) controlsOf(mark int) ([]float64, error) {
	scorers, err := r.controls(mark)
	if err != nil || len(scorers) == 0 {
		return nil, err
	}
	g := r.groupOf(mark)
	o := g.options
	o.Dedup = detect.DedupPair
	panel := detect.NewPanel(scorers, &o)
	at := slices.IndexFunc(r.design.samples, func(x sampleOf) bool { return &r.groups[x.group] == g && x.width == r.marks[mark].Bound.Scorer.Width() })
	r.samples[at].addTo(panel, scorers)
	var list []float64
	for _, x := range panel.Results() {
		list = append(list, x.Log10P)
	}
	slices.Sort(list)
	return list, nil
}

// confidence is that of an Estimate.
const confidence = 0.95

// estimate says how much of the distinct text is marked, for scores that are colours. bounds has what
// lowest returned. Many marks have the same numbers, and each bound takes as long as some hundred tests.
func estimate(law watermark.Law, scored, green int64, rate float64, bounds map[[2]int64]float64) *Estimate {
	b, ok := law.(watermark.Bernoulli)
	if !ok || scored == 0 {
		return nil
	}
	low, high := clopperPearson(green, scored, bounds)
	e := &Estimate{
		Confidence: confidence, Excess: float64(green)/float64(scored) - b.P, ExcessLow: low - b.P, ExcessHigh: high - b.P,
	}
	share := func(excess, rate float64) float64 { return min(max(excess/rate, 0), 1) }
	if rate == 0 {
		e.ShareLow = share(e.ExcessLow, 1-b.P) // no mark raises the rate by more
		return e
	}
	s, h := share(e.Excess, rate), share(e.ExcessHigh, rate)
	e.Share, e.ShareLow, e.ShareHigh = &s, share(e.ExcessLow, rate), &h
	return e
}

// clopperPearson returns the interval of Clopper and Pearson (1934) for the mean rate of n
// independent colours of which k are green. It need not be the same rate for all of them: by
// Hoeffding (1956) the tails of their sum are then no heavier.
func clopperPearson(k, n int64, bounds map[[2]int64]float64) (low, high float64) {
	each := tail.Log10((1 - confidence) / 2)
	bound := func(k int64) float64 {
		p, ok := bounds[[2]int64{k, n}]
		if !ok {
			p = lowest(k, n, each)
			bounds[[2]int64{k, n}] = p
		}
		return p
	}
	// The probability of k or more grows with the rate.
	if k > 0 {
		low = bound(k)
	}
	high = 1
	if k < n {
		// The probability of k or fewer falls: of n-k or more that are not green it is the same.
		high = 1 - bound(n-k)
	}
	return low, high
}

// lowest returns the largest rate that it finds at which k or more of n have a probability of at most
// 10^each, for 0 < k <= n and each below log10(1/2).
func lowest(k, n int64, each float64) float64 {
	excess := func(p float64) float64 { return tail.Binomial(k, n, p) - each }
	// Of the rates in question most are far from the one that is sought. So it is first enclosed, by the
	// rule of false position, as the tail is close to a straight line there. At k/n and above, k is at
	// most the median, and by Hoeffding (1963) the tail is small enough at lo.
	mean := float64(k) / float64(n)
	lo, hi := mean-math.Sqrt(-each*math.Ln10/(2*float64(n))), min(mean, 1)
	if lo > 0 {
		below, above := excess(lo), excess(hi)
		for range 12 {
			if !(below < 0 && above > 0 && hi-lo > 1e-10*hi) {
				break
			}
			// A little to either side in turn, so that both ends come close.
			mid := lo + float64((hi-lo)*below)/(below-above)
			step := float64((hi - lo) / 64)
			for _, p := range []float64{mid - step, mid + step} {
				if p <= lo || p >= hi {
					continue
				}
				if x := excess(p); x < 0 {
					lo, below = p, x
				} else if x > 0 {
					hi, above = p, x
				}
			}
		}
	} else {
		lo = 0
	}
	return bisect(func(p float64) bool {
		switch {
		case p <= lo:
			return true
		case p >= hi && hi < 1:
			return false
		}
		return excess(p) <= 0
	})
}

// bisect returns the largest p in (0,1) that it finds for which below holds, which holds up to some p.
func bisect(below func(float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 60 {
		if mid := (lo + hi) / 2; below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}
