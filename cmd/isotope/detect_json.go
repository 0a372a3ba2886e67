package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/report"
	"github.com/isotope-wm/isotope/detect"
)

// detectJSON is the JSON object of detect. It has the fields of the strongest result at its top, as
// the object of a single text always had, and a list of the results of all texts.
type detectJSON struct {
	envelope
	tested
	*headlineJSON
	Results []textJSON `json:"results"` // by p-value, the smallest first
	// Of one text: under every key of a keyring, the smallest p-value first.
	Keys []rankedJSON `json:"keys,omitempty"`
	*bandsJSON
	Warnings []string `json:"warnings"`
}

// headlineJSON is the strongest result, without its verdict, which is that of the call.
type headlineJSON struct {
	Log10P         *float64      `json:"log10_p"`
	Log10PAdjusted *float64      `json:"log10_p_adjusted"`
	Z              *float64      `json:"z"`
	Tokens         int64         `json:"tokens"`
	Scored         int64         `json:"scored"`
	Green          int64         `json:"green"`
	Sum            json.Number   `json:"sum"` // of scores; for another engine's mark in its unit
	Skipped        skippedJSON   `json:"skipped"`
	Tests          int64         `json:"tests"`
	Quote          string        `json:"quote"` // the adjusted p-value in words: "10^-12.4", "less than 10^-38"
	Profile        string        `json:"profile"`
	KeyID          string        `json:"key_id"`
	Label          string        `json:"label,omitempty"` // of the key in its keyring
	Scheme         string        `json:"scheme"`
	Width          int           `json:"width"`
	Tokenizer      string        `json:"tokenizer"`
	Form           string        `json:"form"` // of the text; "" is as it is
	Power          powerJSON     `json:"power"`
	Spans          []spanJSON    `json:"spans"`
	Payload        *payloadJSON  `json:"payload,omitempty"`  // of profiles with a payload
	Variant        *variantJSON  `json:"variant,omitempty"`  // of profiles with variants
	Informed       *informedJSON `json:"informed,omitempty"` // with --probs or --reference-gguf
}

// resultJSON is the JSON object of the test of one text for one mark, version 1. NaN and
// infinities, which JSON does not have, are null.
type resultJSON struct {
	Version int            `json:"version"`
	Verdict detect.Verdict `json:"verdict"`
	headlineJSON
	Warnings []string `json:"warnings"`
}

// textJSON is the result of one text.
type textJSON struct {
	Name    string   `json:"name"`              // the place in words
	Input   int      `json:"input"`             // number in inputs, from 0
	Members []string `json:"members,omitempty"` // of archives
	Row     int64    `json:"row"`               // 0: the file is one text
	Line    int64    `json:"line,omitempty"`
	Kinds   []string `json:"kinds"` // of its parts: text, answer, reasoning
	Bytes   int64    `json:"bytes"`
	Log10Q  *float64 `json:"log10_q,omitempty"` // with --fdr
	Triage  *bool    `json:"triage,omitempty"`
	resultJSON
	Bands *bandsJSON `json:"together,omitempty"`
}

type skippedJSON struct {
	Vocab        int64 `json:"vocab"`
	ShortContext int64 `json:"short_context"`
	Band         int64 `json:"band"`
	Payload      int64 `json:"payload,omitempty"` // of profiles with a payload
	Excluded     int64 `json:"excluded"`
	Duplicate    int64 `json:"duplicate"`
}

type powerJSON struct {
	Alpha     float64  `json:"alpha"`
	Power     float64  `json:"power"`
	MinSum    int64    `json:"min_sum"`
	MinExcess *float64 `json:"min_excess"`
	MinShare  *float64 `json:"min_share"`
	Rate      *float64 `json:"rate"`       // of --rate, or null
	RateShare *float64 `json:"rate_share"` // null if none would do, or without --rate
}

// spanJSON is the JSON object of a detect.Span. Offsets are half-open.
type spanJSON struct {
	Start        int `json:"start"` // in tokens of the form that was tested, as are the next three
	End          int `json:"end"`
	DisplayStart int `json:"display_start"`
	DisplayEnd   int `json:"display_end"`
	// Of the displayed part, in bytes of the file, or of the text in the field; null if the input
	// was token ids.
	ByteStart      *int     `json:"byte_start"`
	ByteEnd        *int     `json:"byte_end"`
	Field          string   `json:"field,omitempty"`     // of the row, in which the part begins
	FieldEnd       string   `json:"field_end,omitempty"` // in which it ends, if that is another
	Scored         int64    `json:"scored"`
	Green          int64    `json:"green"`
	Log10P         *float64 `json:"log10_p"`
	Log10PAdjusted *float64 `json:"log10_p_adjusted"`

	draw bool // of a keyed draw, whose scores are not colours
}

// String formats the span for terminals and pages.
func (s spanJSON) String() string {
	place := fmt.Sprintf("tokens %d to %d", s.DisplayStart, s.DisplayEnd)
	if s.ByteStart != nil {
		place += fmt.Sprintf(", bytes %d to %d", *s.ByteStart, *s.ByteEnd)
		switch {
		case s.FieldEnd != "":
			place += fmt.Sprintf(" from %s on into %s", s.Field, s.FieldEnd)
		case s.Field != "":
			place += " of " + s.Field
		}
	}
	scored := fmt.Sprintf("%d of %d scored green", s.Green, s.Scored)
	if s.draw {
		scored = fmt.Sprintf("%d scored", s.Scored)
	}
	return fmt.Sprintf("%s: %s between tokens %d and %d, log10 p %s, adjusted for every part and test",
		place, scored, s.Start, s.End, logP(*s.Log10PAdjusted))
}

// bandsJSON is what several marks of one text show together.
type bandsJSON struct {
	Bands      []bandJSON     `json:"bands"` // in the order of --profile
	Pattern    detect.Pattern `json:"pattern"`
	Found      []string       `json:"found"`
	Consistent []string       `json:"consistent"`
	Cannot     []string       `json:"cannot"`
}

type bandJSON struct {
	Role  detect.Role `json:"role"`
	Share *float64    `json:"share"` // detect.BandResult.Share: an estimate, which is not evidence
	resultJSON
}

// rankedJSON is one key of a keyring.
type rankedJSON struct {
	Rank int    `json:"rank"`
	Name string `json:"name"`
	resultJSON
}

// result returns the JSON object of an outcome. warnings are those about the text.
func (o *outcome) json(warnings []string) resultJSON {
	j := resultJSON{Version: 1, Verdict: o.result.Verdict, Warnings: []string{}}
	j.headlineJSON = headlineOf(o.result)
	j.Profile, j.KeyID, j.Label = o.candidate.profile.ID(), o.keyID(), o.candidate.label
	j.Scheme, j.Width, j.Tokenizer = o.candidate.profile.Scheme(), o.candidate.width(), o.candidate.reader.name()
	j.Form, j.Payload, j.Informed = o.form, toPayloadJSON(o.message), o.informed.json()
	j.Variant = o.settled()
	if o.engineSum != nil {
		j.Sum = json.Number(strconv.FormatFloat(*o.engineSum, 'f', -1, 64))
	}
	j.Spans = append(j.Spans, o.spans...)
	for _, w := range o.allWarnings() {
		j.Warnings = append(j.Warnings, w.Error())
	}
	j.Warnings = append(j.Warnings, warnings...)
	return j
}

// allWarnings returns the warnings of the result and those besides.
func (o *outcome) allWarnings() []error {
	list := append(append([]error(nil), o.result.Warnings...), o.warnings...)
	for i, w := range list {
		if errors.Is(w, detect.ErrKeySpace) {
			floor := o.result.Log10Floor
			list[i] = fmt.Errorf("p is below 10^%.1f, the smallest error rate that is claimed here; quote it as %s", floor, report.Quote(floor-1, floor))
		}
	}
	return list
}

// headlineOf returns the numbers of a result.
func headlineOf(r detect.Result) headlineJSON {
	return headlineJSON{
		Log10P: number(r.Log10P), Log10PAdjusted: number(r.Log10PAdjusted), Quote: report.Quote(r.Log10PAdjusted, r.Log10Floor), Z: number(r.Z),
		Tokens: r.Tokens, Scored: r.Scored, Green: r.Green, Sum: json.Number(strconv.FormatInt(r.Sum, 10)),
		Skipped: skippedJSON{
			Vocab: r.Skipped.Vocab, ShortContext: r.Skipped.ShortContext, Band: r.Skipped.Band, Payload: r.Skipped.Payload,
			Excluded: r.Skipped.Excluded, Duplicate: r.Skipped.Duplicate,
		},
		Tests: r.Tests, Spans: []spanJSON{}, // [] and not null if there are none
		Power: powerJSON{
			Alpha: r.Power.Alpha, Power: r.Power.Power, MinSum: r.Power.MinSum,
			MinExcess: number(r.Power.MinExcess), MinShare: number(r.Power.MinShare),
			Rate: stated(r.Power.Rate), RateShare: number(r.Power.RateShare),
		},
	}
}

// stated returns a rate, or nil if none was stated.
func stated(rate float64) *float64 {
	if rate == 0 {
		return nil
	}
	return &rate
}

// toJSON returns the JSON object of a result under a profile and key, without spans and payload.
func toJSON(r detect.Result, profile, keyID string) resultJSON {
	j := resultJSON{Version: 1, Verdict: r.Verdict, Warnings: []string{}, headlineJSON: headlineOf(r)}
	j.Profile, j.KeyID = profile, keyID
	for _, w := range r.Warnings {
		j.Warnings = append(j.Warnings, w.Error())
	}
	return j
}

func (f *finding) bandsJSON() *bandsJSON {
	j := &bandsJSON{
		Pattern: f.pattern.Pattern,
		// [] and not null if there are none.
		Found:      append([]string{}, f.pattern.Found...),
		Consistent: append([]string{}, f.pattern.Explanations...),
		Cannot:     append([]string{}, f.pattern.NotShown...),
	}
	for _, o := range f.outcomes {
		j.Bands = append(j.Bands, bandJSON{o.candidate.role, number(o.share), o.json(f.words())})
	}
	return j
}

// words returns all that is to be said about the text of a finding.
func (f *finding) words() []string { return slices.Concat(f.warnings, f.notes) }

// textJSON returns the JSON object of the result of one text.
func (d *detection) textJSON(f *finding) textJSON {
	j := textJSON{
		Name: placeName(f), Input: f.file, Members: f.place.Members, Row: f.place.Row, Line: f.place.Line, Kinds: f.kinds, Bytes: f.bytes,
		resultJSON: f.strongest().json(f.words()),
	}
	j.Verdict = f.verdict
	if d.flags.fdr > 0 {
		j.Log10Q, j.Triage = number(f.q), &f.triage
	}
	if d.set.bands {
		j.Bands = f.bandsJSON()
	}
	return j
}

// json returns the JSON object of a call.
func (d *detection) json() detectJSON {
	j := detectJSON{envelope: newEnvelope("detect"), Results: []textJSON{}, Warnings: d.warnings()}
	j.tested = newTested(&d.ledger, d.flags.alpha, d.verdict(), fileVerdicts(&d.ledger, d.findings))
	j.Complete = d.flags.read.isComplete(&d.ledger)
	order := ranked(d.findings)
	for _, f := range order {
		j.Results = append(j.Results, d.textJSON(f))
	}
	if len(order) == 0 {
		return j
	}
	best := j.Results[0].resultJSON
	j.headlineJSON = &best.headlineJSON
	if len(order) > 1 {
		return j
	}
	for _, w := range order[0].strongest().allWarnings() {
		j.Warnings = append(j.Warnings, w.Error())
	}
	j.Warnings = append(j.Warnings, order[0].warnings...)
	switch {
	case d.set.bands:
		j.bandsJSON = j.Results[0].Bands
	case len(d.set.list) > 1:
		for i, o := range order[0].outcomes {
			j.Keys = append(j.Keys, rankedJSON{i + 1, o.candidate.name(), o.json(order[0].words())})
		}
	}
	return j
}
