package main

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
)

// resultJSON is the JSON object of a detect.Result, version 1. NaN and infinities, which JSON
// does not have, are null.
type resultJSON struct {
	Version        int            `json:"version"`
	Verdict        detect.Verdict `json:"verdict"`
	Log10P         *float64       `json:"log10_p"`
	Log10PAdjusted *float64       `json:"log10_p_adjusted"`
	Z              *float64       `json:"z"`
	Tokens         int64          `json:"tokens"`
	Scored         int64          `json:"scored"`
	Green          int64          `json:"green"`
	Sum            int64          `json:"sum"`
	Skipped        skippedJSON    `json:"skipped"`
	Tests          int64          `json:"tests"`
	Profile        string         `json:"profile"`
	KeyID          string         `json:"key_id"`
	Power          powerJSON      `json:"power"`
	Spans          []spanJSON     `json:"spans"`
	Payload        *payloadJSON   `json:"payload,omitempty"` // of profiles with a payload
	Warnings       []string       `json:"warnings"`
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
}

// spanJSON is the JSON object of a detect.Span. Offsets are half-open.
type spanJSON struct {
	Start        int `json:"start"` // in tokens of the form that was tested, as are the next three
	End          int `json:"end"`
	DisplayStart int `json:"display_start"`
	DisplayEnd   int `json:"display_end"`
	// Of the displayed part, in bytes of the input; null if the input was token ids.
	ByteStart      *int     `json:"byte_start"`
	ByteEnd        *int     `json:"byte_end"`
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
	}
	scored := fmt.Sprintf("%d of %d scored green", s.Green, s.Scored)
	if s.draw {
		scored = fmt.Sprintf("%d scored", s.Scored)
	}
	return fmt.Sprintf("%s: %s between tokens %d and %d, log10 p %s, adjusted for every part and test",
		place, scored, s.Start, s.End, logP(*s.Log10PAdjusted))
}

// toJSON returns the JSON object of a result, without spans and payload.
func toJSON(r detect.Result, profile, keyID string) resultJSON {
	j := resultJSON{
		Version: 1, Verdict: r.Verdict,
		Log10P: number(r.Log10P), Log10PAdjusted: number(r.Log10PAdjusted), Z: number(r.Z),
		Tokens: r.Tokens, Scored: r.Scored, Green: r.Green, Sum: r.Sum,
		Skipped: skippedJSON{
			Vocab: r.Skipped.Vocab, ShortContext: r.Skipped.ShortContext, Band: r.Skipped.Band, Payload: r.Skipped.Payload,
			Excluded: r.Skipped.Excluded, Duplicate: r.Skipped.Duplicate,
		},
		Tests:    r.Tests,
		Profile:  profile,
		KeyID:    keyID,
		Spans:    []spanJSON{},
		Warnings: []string{},
		Power: powerJSON{
			Alpha: r.Power.Alpha, Power: r.Power.Power, MinSum: r.Power.MinSum,
			MinExcess: number(r.Power.MinExcess), MinShare: number(r.Power.MinShare),
		},
	}
	for _, w := range r.Warnings {
		j.Warnings = append(j.Warnings, w.Error())
	}
	return j
}
