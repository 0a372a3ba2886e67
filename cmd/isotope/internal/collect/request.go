package collect

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/isotope-wm/isotope/internal/strictjson"
)

// Values of Request.API.
const (
	Chat        = "chat"        // POST chat/completions
	Completions = "completions" // POST completions
)

// A Request is how every prompt is asked. It is part of what is declared.
type Request struct {
	Endpoint    string          `json:"endpoint"` // base URL, with the version: https://host/v1
	API         string          `json:"api"`      // Chat or Completions
	Model       string          `json:"model"`
	System      string          `json:"system,omitempty"` // of Chat; empty is none
	Stream      bool            `json:"stream"`
	MaxTokens   int64           `json:"max_tokens"`            // of an answer
	Temperature *float64        `json:"temperature,omitempty"` // nil leaves it to the endpoint, as do the following
	TopP        *float64        `json:"top_p,omitempty"`
	Extra       json.RawMessage `json:"extra,omitempty"` // an object whose fields are sent as well
}

// Check reports what cannot be right.
func (r *Request) Check() error {
	u, err := url.Parse(r.Endpoint)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is no base URL such as https://host/v1", redactURL(r.Endpoint))
	case u.User != nil:
		return fmt.Errorf("the URL of %s has a user and a password in it, which would be recorded", u.Host)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the URL of %s has a query or a fragment; want a base URL", u.Host)
	case r.API != Chat && r.API != Completions:
		return fmt.Errorf("api %q is neither %s nor %s", r.API, Chat, Completions)
	case r.API == Completions && r.System != "":
		return fmt.Errorf("a system prompt goes with %s", Chat)
	case r.Model == "":
		return fmt.Errorf("the model's name is missing")
	case r.MaxTokens < 1 || r.MaxTokens > 1<<20:
		return fmt.Errorf("max tokens %d is outside 1 to 2^20", r.MaxTokens)
	}
	_, err = r.extra()
	return err
}

// redactURL hides what may be a password in a string that is no URL.
func redactURL(s string) string {
	if at := strings.LastIndex(s, "@"); at >= 0 {
		return "..." + s[at:]
	}
	return s
}

// ours are the fields that Extra cannot set: the plan says them, or the reader of
// answers counts on them.
var ours = []string{"model", "messages", "prompt", "stream", "stream_options", "temperature", "top_p", "n", "best_of", "max_tokens"}

// newMaxTokens is the newer name of max_tokens. It may be an extra field, of the same value: the
// plan says it, and the budget counts with it.
const newMaxTokens = "max_completion_tokens"

// maxExtraDepth keeps a record that holds the extra fields within strictjson.MaxDepth.
const maxExtraDepth = strictjson.MaxDepth / 2

func (r *Request) extra() (map[string]any, error) {
	fields := make(map[string]any)
	if len(r.Extra) == 0 {
		return fields, nil
	}
	if err := strictjson.Decode(r.Extra, &fields); err != nil {
		return nil, fmt.Errorf("the extra fields are no JSON object: %w", err)
	}
	if fields == nil { // of null
		fields = make(map[string]any)
	}
	if strictjson.Depth(r.Extra) > maxExtraDepth {
		return nil, fmt.Errorf("the extra fields are nested deeper than %d levels", maxExtraDepth)
	}
	for _, name := range ours {
		if _, ok := fields[name]; ok {
			return nil, fmt.Errorf("the extra fields may not have %q", name)
		}
	}
	if n, ok := fields[newMaxTokens]; ok && n != float64(r.MaxTokens) {
		return nil, fmt.Errorf("%s is %v in the extra fields and not %d, the max tokens that budget and plan count with", newMaxTokens, n, r.MaxTokens)
	}
	return fields, nil
}

// Given returns the texts that every prompt comes with: all strings in Extra, such as tools
// or documents, names of fields among them, in an order of their own, and the system prompt.
// The model may have copied from any of them.
func (r *Request) Given() []string {
	fields, err := r.extra()
	if err != nil {
		return []string{r.System} // Check has refused it
	}
	var texts []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				texts = append(texts, name)
				walk(v[name])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		walk(fields[name])
	}
	if r.System != "" {
		texts = append(texts, r.System)
	}
	return texts
}

// Usage is a number of tokens, asked and answered.
type Usage struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// plus does not overflow, whatever an endpoint says.
func (u Usage) plus(v Usage) Usage {
	return Usage{In: saturate(u.In, v.In), Out: saturate(u.Out, v.Out)}
}

func saturate(a, b int64) int64 {
	const most = 1 << 60
	return min(a, most) + min(b, most-min(a, most))
}

// overhead bounds the tokens that a chat template adds to a message.
const overhead = 64

// worst returns what an answer to a prompt can cost: a token has at least a byte, and extra
// fields, such as tools, may be put before the prompt.
func (r *Request) worst(prompt string) Usage {
	return Usage{In: int64(len(prompt)+len(r.System)+len(r.Extra)) + 2*overhead, Out: r.MaxTokens}
}

// A Budget ends a run before it costs more. Its zero fields bound nothing.
type Budget struct {
	Tokens   int64   `json:"tokens,omitempty"`    // in and out
	Money    float64 `json:"money,omitempty"`     // in the unit of the prices
	PriceIn  float64 `json:"price_in,omitempty"`  // of a million tokens
	PriceOut float64 `json:"price_out,omitempty"` // of a million tokens
}

// Cost returns what a usage costs.
func (b Budget) Cost(u Usage) float64 {
	return float64(u.In)/1e6*b.PriceIn + float64(u.Out)/1e6*b.PriceOut
}

// holds reports whether a usage is within the budget.
func (b Budget) holds(u Usage) bool {
	return (b.Tokens == 0 || saturate(u.In, u.Out) <= b.Tokens) && (b.Money == 0 || b.Cost(u) <= b.Money)
}

// Pace is how fast a run asks. It is no part of what is declared, since nothing
// that is tested depends on it.
type Pace struct {
	Concurrency int           // requests at a time
	PerMinute   float64       // requests, retries included; 0 is no limit
	Retries     int           // of a request, after the first attempt
	Timeout     time.Duration // of an attempt
	Backoff     time.Duration // before the first retry; doubles with each
}

// maxWait is the longest wait for a retry; an endpoint that asks for more has failed.
const maxWait = 10 * time.Minute
