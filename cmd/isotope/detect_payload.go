package main

import (
	"fmt"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
)

// payloadJSON is the JSON object of a detect.Decoded.
type payloadJSON struct {
	Bits    int    `json:"bits"`
	Message uint32 `json:"message"` // the best one, readable or not
	Clear   bool   `json:"clear"`   // whether the message is readable
	// Of the whole text under this message, before and after adjusting for every message and test.
	Log10P         *float64 `json:"log10_p"`
	Log10PAdjusted *float64 `json:"log10_p_adjusted"`
	// Of the contexts that carry a message alone, adjusted for every message and test.
	Log10PMessage *float64 `json:"log10_p_message"`
	RunnerUp      uint32   `json:"runner_up"`
	Margin        int64    `json:"margin"`
	Scored        int64    `json:"scored"`
	Green         int64    `json:"green"`
	Carrying      int64    `json:"carrying"`
	CarryingGreen int64    `json:"carrying_green"`
	Tests         int64    `json:"tests"`
}

// toPayloadJSON returns nil for nil.
func toPayloadJSON(d *detect.Decoded) *payloadJSON {
	if d == nil {
		return nil
	}
	return &payloadJSON{
		Bits: d.Bits, Message: d.Message, Clear: d.Clear,
		Log10P: number(d.Log10P), Log10PAdjusted: number(d.Log10PAdjusted), Log10PMessage: number(d.Log10PMessage),
		RunnerUp: d.RunnerUp, Margin: d.Margin,
		Scored: d.Scored, Green: d.Sum, Carrying: d.Carrying, CarryingGreen: d.Carried,
		Tests: d.Tests,
	}
}

// bestMessage returns log10 of the p-value of the best message, adjusted for every message
// (Bonferroni).
func bestMessage(d *detect.Decoded) float64 {
	return min(d.Log10P+float64(float64(d.Bits)*tail.Log10(2)), 0)
}

// messageWords says which message was read.
func messageWords(d *detect.Decoded) string {
	if !d.Clear {
		return fmt.Sprintf("none is readable: the best of %d, %d, has log10 p %s, adjusted for every message and test", 1<<d.Bits, d.Message, logP(d.Log10PMessage))
	}
	return fmt.Sprintf("%d: %d of the %d tokens that carry a message are green under it, log10 p %s, adjusted for every message and test; the next best is %d, with %d fewer",
		d.Message, d.Carried, d.Carrying, logP(d.Log10PMessage), d.RunnerUp, d.Margin)
}

// partsWords gives log10 p of the best part of a text, or "" if parts were not tested.
func partsWords(s detect.Scan) string {
	if s.Intervals == 0 {
		return ""
	}
	return fmt.Sprintf(", %s for the best of %d parts", logP(s.Log10P), s.Intervals)
}

// variantJSON says which of the keys of a profile with variants a text has. A generator that chooses
// the key by a number writes the number into the text.
type variantJSON struct {
	Number int `json:"number"` // of the key with the smallest p-value, from 0
	Of     int `json:"of"`
	// Whether the number is readable: the text depends on this key, with every key adjusted for.
	Clear      bool     `json:"clear"`
	Log10PNext *float64 `json:"log10_p_next"` // smallest log10 p under another key, before adjusting
}

func newVariant(n, of int, next float64) *variantJSON {
	return &variantJSON{Number: n, Of: of, Log10PNext: number(next)}
}

// settled returns the variant of an outcome with its verdict, or nil.
func (o *outcome) settled() *variantJSON {
	if o.variant == nil {
		return nil
	}
	v := *o.variant
	v.Clear = o.result.Verdict == detect.Detected
	return &v
}

// words says which key of several it is.
func (v *variantJSON) words() string {
	next := ""
	if v.Log10PNext != nil {
		next = fmt.Sprintf("; the best of the others has log10 p %s before adjusting", logP(*v.Log10PNext))
	}
	if !v.Clear {
		return fmt.Sprintf("none of %d is readable%s", v.Of, next)
	}
	return fmt.Sprintf("%d of 0 to %d: the text depends on this key, adjusted for all %d%s", v.Number, v.Of-1, v.Of, next)
}
