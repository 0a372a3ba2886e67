package main

import (
	"fmt"
	"math"

	"github.com/isotope-wm/isotope/detect"
)

// payloadJSON is a detect.Decoded.
type payloadJSON struct {
	Bits    int    `json:"bits"`
	Message uint32 `json:"message"` // the best one, whether or not it is clear
	Clear   bool   `json:"clear"`   // whether it can be believed
	// Of the whole text under this message, before and after counting every message and test.
	Log10P         *float64 `json:"log10_p"`
	Log10PAdjusted *float64 `json:"log10_p_adjusted"`
	// Of the contexts that carry a message alone, everything counted.
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

// bestMessage is log10 of the p-value of the best message, every message counted.
func bestMessage(d *detect.Decoded) float64 {
	return min(d.Log10P+float64(d.Bits)*math.Log10(2), 0)
}

// messageWords says what was read.
func messageWords(d *detect.Decoded) string {
	if !d.Clear {
		return fmt.Sprintf("none can be read: the best of %d, %d, has log10 p %s with every message and test counted", 1<<d.Bits, d.Message, logP(d.Log10PMessage))
	}
	return fmt.Sprintf("%d: %d of the %d tokens that carry one are green under it, log10 p %s with every message and test counted; the next best is %d, with %d fewer",
		d.Message, d.Carried, d.Carrying, logP(d.Log10PMessage), d.RunnerUp, d.Margin)
}

// partsWords says what the best part of a text has, if parts were tested.
func partsWords(s detect.Scan) string {
	if s.Intervals == 0 {
		return ""
	}
	return fmt.Sprintf(", %s for the best of %d parts", logP(s.Log10P), s.Intervals)
}
