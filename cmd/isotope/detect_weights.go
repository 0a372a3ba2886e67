package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/strictjson"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark/interop"
)

// Kinds of a file of weights.
const (
	weightsGiven   = "weights" // whole numbers from 0 to detect.MaxWeight
	weightsEntropy = "entropy" // of the row of each token, in nats
)

const (
	weightsVersion = 1
	// maxWeightsFile is the size of the largest file of weights, in bytes.
	maxWeightsFile = 256 << 20
)

// A weightsHeader is the first line of a file of weights. docs/formats/weights.md has the format.
type weightsHeader struct {
	Version int    `json:"isotope_weights"`
	Kind    string `json:"kind"`
	Note    string `json:"note,omitempty"`
}

// textWeights are the weights of the texts of a call, in the order of the texts. The file is read
// before any text, so no score can change it.
type textWeights struct {
	name  string
	kind  string
	lines [][]uint8
	next  int
}

// readWeights reads the file of --weights, or returns nil for "".
func (c *cli) readWeights(name string) (*textWeights, error) {
	if name == "" {
		return nil, nil
	}
	text, err := c.readSmallFile(name, maxWeightsFile)
	if err != nil {
		return nil, err
	}
	w, err := parseWeights(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w.name = name
	return w, nil
}

func parseWeights(text []byte) (*textWeights, error) {
	var h *weightsHeader
	w := &textWeights{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if h == nil {
			h = &weightsHeader{}
			err := strictjson.Decode(line, h)
			switch {
			case err != nil:
				return nil, fmt.Errorf("the first line is not that of a file of weights: %w; write {\"isotope_weights\":1,\"kind\":\"entropy\"}", err)
			case h.Version != weightsVersion:
				return nil, fmt.Errorf("isotope_weights is %d, and this program reads %d", h.Version, weightsVersion)
			case h.Kind != weightsGiven && h.Kind != weightsEntropy:
				return nil, fmt.Errorf("unknown kind %s; write %s or %s", strictjson.Quote(h.Kind), weightsGiven, weightsEntropy)
			}
			w.kind = h.Kind
			continue
		}
		var values []json.Number
		if err := strictjson.Decode(line, &values); err != nil {
			return nil, fmt.Errorf("line %d is not a list of numbers: %w", n, err)
		}
		weights := make([]uint8, len(values))
		for i, v := range values {
			x, err := strconv.ParseFloat(v.String(), 64)
			if err == nil {
				weights[i], err = w.weight(x)
			}
			if err != nil {
				return nil, fmt.Errorf("line %d, number %d: %w", n, i+1, err)
			}
		}
		w.lines = append(w.lines, weights)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("the file is empty")
	}
	return w, nil
}

// weight returns the weight of a number of the file. A row of entropy h has about e^h likely tokens.
// The token that was drawn is one of them, so a mark could change it with a probability of about
// 1 - e^-h.
func (w *textWeights) weight(x float64) (uint8, error) {
	switch {
	case w.kind == weightsGiven && !(x >= 0 && x <= detect.MaxWeight && x == math.Trunc(x)):
		return 0, fmt.Errorf("%v is not a whole number from 0 to %d", x, detect.MaxWeight)
	case !(x >= 0 && x <= 100):
		return 0, fmt.Errorf("%v is outside 0 to 100 nats", x)
	case w.kind == weightsGiven:
		return uint8(x), nil
	}
	return uint8(math.Round(detect.MaxWeight * -tail.Expm1(-x))), nil
}

// of returns the weights of the next text, of n tokens.
func (w *textWeights) of(where string, n int) ([]uint8, error) {
	if w.next == len(w.lines) {
		return nil, fmt.Errorf("%s has weights for %d texts, and there are more, such as %s; give one line of weights for each text, in their order", w.name, w.next, where)
	}
	line := w.lines[w.next]
	w.next++
	if len(line) != n {
		return nil, fmt.Errorf("%s has %d weights for text %d, and %s has %d tokens; make the weights with the tokenizer of the profile", w.name, len(line), w.next, where, n)
	}
	return line, nil
}

// done returns an error if there are weights for more texts than were tested.
func (w *textWeights) done() error {
	if w != nil && w.next < len(w.lines) {
		return fmt.Errorf("%s has weights for %d texts, and %d were tested; give one line of weights for each text, in their order", w.name, len(w.lines), w.next)
	}
	return nil
}

// words says how a result is weighted.
func (w *textWeights) words() string {
	how := "the weights"
	if w.kind == weightsEntropy {
		how = "the entropy"
	}
	return fmt.Sprintf("each position weighs by %s in %s, which replaces the test with equal weights; choose weights before you see a result", how, w.name)
}

// testWeighted tests a text whose positions have weights.
func testWeighted(o *outcome, b *interop.Bound, t *tokenText, x *readText, weights []uint8, tests int64) {
	options := o.candidate.options
	options.Weighting, options.Tests = detect.WeightGiven, tests
	a := detect.NewAccumulator(b.Scorer, &options)
	for _, p := range x.excluded(b) {
		a.Exclude(p)
	}
	var framing framing
	prompt, at := x.prompt, 0
	for part := range t.parts() {
		f := b.Frame(prompt, part)
		framing.add(&f)
		given := make([]uint8, f.Before, len(f.Tokens))
		given = append(given, weights[at+f.Start:at+len(part)-f.End]...)
		a.AddWeighted(f.Tokens, given)
		prompt, at = nil, at+len(part)
	}
	o.result = a.Result()
	framing.count(o)
}

// weightRules are the rules of --weights.
func (o *detectFlags) weightRules() []rule {
	several := o.keyringFile() != "" || len(o.profiles) > 1
	return []rule{
		{o.weights != "" && several, "--weights are for the tokens of one profile; give one --profile, and no keyring"},
		{o.weights != "" && (o.spans || o.normalize != ""), "--weights are for a text as a whole and as it is; leave out --spans and --normalize"},
		{o.weights != "" && (o.probs != "" || o.referenceGGUF != "" || o.referenceEndpoint != ""), "--weights and the probabilities of a model are two ways to use the model, and the second finds more; leave out --weights"},
		{o.weights != "" && len(o.rates) > 0, "--rate is the rise of the mean score of equal weights; leave it out with --weights"},
	}
}

// checkWeights returns an error for a mark that is not tested with weights.
func (s *candidateSet) checkWeights(w *textWeights) error {
	if w == nil {
		return nil
	}
	for _, c := range s.list {
		switch {
		case c.payloadBits() > 0:
			return usagef("the profile has a payload, and a message is read with equal weights; leave out --weights")
		case c.profile.Dedup() == interop.DedupNone:
			return usagef("the profile has dedup none, which counts as the engine does; leave out --weights")
		}
	}
	return nil
}
