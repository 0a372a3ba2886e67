package plan

import (
	"embed"
	"encoding/json"

	"github.com/isotope-wm/isotope/watermark"
)

//go:embed measured/*.json
var measured embed.FS

// MeasuredModel is the model whose green masses [Measured] returns.
const MeasuredModel = "SmolLM2-135M-Instruct"

// MeasuredKinds returns the kinds of text that [Measured] knows, from most to least choice.
func MeasuredKinds() []string { return []string{"chat", "reasoning", "code"} }

// Measured returns the green masses of unmarked text that [MeasuredModel] wrote, for a kind of
// [MeasuredKinds]: answers in English, 3,000 steps of 10 texts, for gamma 1/2 at temperature 0.7
// without truncation. Give it to [Histogram]. It is a model of 135 million parameters, which has much
// choice. A larger one has less, and needs more tokens. The caller may change the histogram. ok is
// false if the kind is unknown.
func Measured(kind string) (h *watermark.GreenMassHistogram, ok bool) {
	text, err := measured.ReadFile("measured/" + kind + ".json")
	if err != nil {
		return nil, false
	}
	h = new(watermark.GreenMassHistogram)
	if err := json.Unmarshal(text, h); err != nil {
		panic("plan: a measured kind of text is damaged") // a test reads all
	}
	return h, true
}
