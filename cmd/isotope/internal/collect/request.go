package collect

import (
	"encoding/json"
	"errors"
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

// A Request says how every prompt is asked. It is part of the declaration.
type Request struct {
	Endpoint    string          `json:"endpoint"` // base URL with the version, such as https://host/v1
	API         string          `json:"api"`      // Chat or Completions
	Model       string          `json:"model"`
	System      string          `json:"system,omitempty"` // for Chat; "" is none
	Stream      bool            `json:"stream"`
	MaxTokens   int64           `json:"max_tokens"`            // longest answer, in tokens
	Temperature *float64        `json:"temperature,omitempty"` // nil leaves it to the endpoint, as for the next field
	TopP        *float64        `json:"top_p,omitempty"`
	Extra       json.RawMessage `json:"extra,omitempty"` // JSON object with more fields of the request
}

// Check returns an error for a request that cannot be right.
func (r *Request) Check() error {
	u, err := url.Parse(r.Endpoint)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the endpoint %q is not a base URL, such as https://host/v1", redactURL(r.Endpoint))
	case u.User != nil:
		return fmt.Errorf("the URL of %s has a user and a password, which would be recorded; give the API key in a file or in the environment", u.Host)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the URL of %s has a query or a fragment; give a base URL, such as https://host/v1", u.Host)
	case r.API != Chat && r.API != Completions:
		return fmt.Errorf("the API %q is not one of %s and %s", r.API, Chat, Completions)
	case r.API == Completions && r.System != "":
		return fmt.Errorf("a system prompt needs the API %s", Chat)
	case r.Model == "":
		return errors.New("the name of the model is missing")
	case r.MaxTokens < 1 || r.MaxTokens > 1<<20:
		return fmt.Errorf("the longest answer, %d tokens, is outside 1 to 2^20", r.MaxTokens)
	}
	_, err = r.extra()
	return err
}

// redactURL hides a possible password in a string that is not a URL.
func redactURL(s string) string {
	if at := strings.LastIndex(s, "@"); at >= 0 {
		return "..." + s[at:]
	}
	return s
}

// reservedFields are fields that Extra cannot set. The plan sets them, or the parser of answers
// relies on them.
var reservedFields = []string{"model", "messages", "prompt", "stream", "stream_options", "temperature", "top_p", "n", "best_of", "max_tokens"}

// newMaxTokens is the newer name of max_tokens. It may be an extra field if it has the same value,
// which the plan and the budget use.
const newMaxTokens = "max_completion_tokens"

// maxExtraDepth keeps a record that holds the extra fields within strictjson.MaxDepth.
const maxExtraDepth = strictjson.MaxDepth / 2

// extra returns the fields of Extra.
func (r *Request) extra() (map[string]any, error) {
	fields := make(map[string]any)
	if len(r.Extra) == 0 {
		return fields, nil
	}
	if err := strictjson.Decode(r.Extra, &fields); err != nil {
		return nil, fmt.Errorf("the extra fields are not a JSON object: %w", err)
	}
	if fields == nil { // of null
		fields = make(map[string]any)
	}
	if strictjson.Depth(r.Extra) > maxExtraDepth {
		return nil, fmt.Errorf("the extra fields are nested deeper than %d levels", maxExtraDepth)
	}
	for _, name := range reservedFields {
		if _, ok := fields[name]; ok {
			return nil, fmt.Errorf("the extra fields cannot set %q; leave it out", name)
		}
	}
	if n, ok := fields[newMaxTokens]; ok && n != float64(r.MaxTokens) {
		return nil, fmt.Errorf("the extra fields set %s to %v, and the plan and the budget have %d; give the same value", newMaxTokens, n, r.MaxTokens)
	}
	return fields, nil
}

// Given returns the texts that come with every prompt: all strings in Extra, such as tools or
// documents, with the names of their fields, sorted by name, and the system prompt. The model may
// copy from any of them.
func (r *Request) Given() []string {
	fields, err := r.extra()
	if err != nil {
		return []string{r.System} // which Check refuses
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

// Usage is a number of tokens in and out.
type Usage struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// plus adds two usages. The sum saturates and does not overflow, whatever an endpoint reports.
func (u Usage) plus(v Usage) Usage {
	return Usage{In: saturate(u.In, v.In), Out: saturate(u.Out, v.Out)}
}

func saturate(a, b int64) int64 {
	const most = 1 << 60
	return min(a, most) + min(b, most-min(a, most))
}

// overhead is an upper bound on the tokens that a chat template adds to a message.
const overhead = 64

// worst returns an upper bound on the usage of one request. A token has at least one byte, and the
// endpoint may put extra fields, such as tools, before the prompt.
func (r *Request) worst(prompt string) Usage {
	return Usage{In: int64(len(prompt)+len(r.System)+len(r.Extra)) + 2*overhead, Out: r.MaxTokens}
}

// A Budget limits the usage of a run. A field that is 0 sets no limit.
type Budget struct {
	Tokens   int64   `json:"tokens,omitempty"`    // in and out
	Money    float64 `json:"money,omitempty"`     // in the currency of the prices
	PriceIn  float64 `json:"price_in,omitempty"`  // of a million tokens
	PriceOut float64 `json:"price_out,omitempty"` // of a million tokens
}

// Cost returns the money that a usage costs.
func (b Budget) Cost(u Usage) float64 {
	return float64(u.In)/1e6*b.PriceIn + float64(u.Out)/1e6*b.PriceOut
}

// holds reports whether a usage is within the budget.
func (b Budget) holds(u Usage) bool {
	return (b.Tokens == 0 || saturate(u.In, u.Out) <= b.Tokens) && (b.Money == 0 || b.Cost(u) <= b.Money)
}

// Pace says how fast a run asks. It is not part of the declaration, since the test does not depend
// on it.
type Pace struct {
	Concurrency int           // requests at a time
	PerMinute   float64       // requests per minute, including retries; 0 means no limit
	Retries     int           // of a request, after the first attempt
	Timeout     time.Duration // of an attempt
	Backoff     time.Duration // before the first retry; it doubles with each retry
}

// maxWait is the longest wait for a retry. An endpoint that asks for more has failed.
const maxWait = 10 * time.Minute

// maxPauses is how long a run waits in all because the endpoint asks for it. After that a question
// that is to wait has failed, and some of them in a row end the run.
const maxPauses = time.Hour
