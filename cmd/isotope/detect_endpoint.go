package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
)

const (
	// endpointTop is how many of the likeliest tokens a rowsEndpoint asks for. Servers give five or
	// more. The token that was drawn comes besides.
	endpointTop = 5
	// maxEndpointAnswer is the size of the largest answer, in bytes.
	maxEndpointAnswer = 256 << 20
	endpointTimeout   = 5 * time.Minute
	// referenceKeyEnv is the variable with the key of a reference endpoint's API.
	referenceKeyEnv = "ISOTOPE_REFERENCE_API_KEY"
)

// A rowsEndpoint asks an OpenAI-compatible server for the probabilities of the tokens of a text: a
// completion of the ids that echoes them with their logprobs, and writes nothing.
type rowsEndpoint struct {
	url, model, apiKey string
	tokenizer          tokenize.Tokenizer // nil: the server's tokens are not compared
	client             *http.Client
	blind              bool // some answer did not name the likeliest tokens
}

// newRowsEndpoint returns the endpoint below a base URL, such as https://host/v1.
func newRowsEndpoint(base, model string, t tokenize.Tokenizer) (*rowsEndpoint, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, usagef("--reference-endpoint is not an address such as https://host/v1; give one without a user name, and the API key in $%s", referenceKeyEnv)
	}
	key := strings.TrimSpace(os.Getenv(referenceKeyEnv))
	if strings.ContainsAny(key, "\r\n\x00") || holdsKey(key) {
		return nil, fmt.Errorf("$%s is no API key; it has several lines, or the secret key of a mark", referenceKeyEnv)
	}
	return &rowsEndpoint{
		url: strings.TrimRight(u.String(), "/") + "/completions", model: model, apiKey: key, tokenizer: t,
		// A redirect could carry the text and the API key to another host.
		client: &http.Client{Timeout: endpointTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// echoRequest is the request of a rowsEndpoint.
type echoRequest struct {
	Model       string            `json:"model"`
	Prompt      []watermark.Token `json:"prompt"`
	MaxTokens   int               `json:"max_tokens"`
	Echo        bool              `json:"echo"`
	Logprobs    int               `json:"logprobs"`
	Temperature float64           `json:"temperature"`
}

// echoAnswer is what a rowsEndpoint reads of an answer.
type echoAnswer struct {
	Choices []struct {
		Logprobs *echoLogprobs `json:"logprobs"`
	} `json:"choices"`
}

type echoLogprobs struct {
	Tokens []string             `json:"tokens"`
	Drawn  []*float64           `json:"token_logprobs"`
	Top    []map[string]float64 `json:"top_logprobs"`
}

// rows returns a row for each token of a text after what came before it. A row has the token that was
// drawn and those of the likeliest tokens whose ids are known. Its other tokens have what these leave
// over, together. So a server that cuts its list weakens a test, and no row makes it invalid.
func (e *rowsEndpoint) rows(ctx context.Context, before, text []watermark.Token) ([]student.Row, error) {
	ids := slices.Concat(before, text)
	l, err := e.ask(ctx, ids, 0)
	if errors.Is(err, errNoEcho) {
		l, err = e.ask(ctx, ids, 1) // some servers must write a token
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.url, err)
	}
	if err := e.compare(l, ids); err != nil {
		return nil, fmt.Errorf("%s: %w", e.url, err)
	}
	rows := make([]student.Row, len(text))
	for i := range rows {
		at := len(before) + i
		if rows[i], err = e.row(l, at, text[i]); err != nil {
			return nil, fmt.Errorf("%s: token %d: %w", e.url, at+1, err)
		}
	}
	return rows, nil
}

// errNoEcho says that a server does not answer with the logprobs of a prompt.
var errNoEcho = errors.New("the server gives no logprobs of the text; it must be able to echo a prompt with logprobs, as the completions of vLLM and SGLang do")

// ask makes one request.
func (e *rowsEndpoint) ask(ctx context.Context, ids []watermark.Token, write int) (*echoLogprobs, error) {
	body, err := json.Marshal(echoRequest{Model: e.model, Prompt: ids, MaxTokens: write, Echo: true, Logprobs: endpointTop, Temperature: 1})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if e.apiKey != "" {
		r.Header.Set("Authorization", "Bearer "+e.apiKey)
	}
	answer, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxEndpointAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxEndpointAnswer:
		return nil, fmt.Errorf("the answer has more than %d bytes; give shorter texts", maxEndpointAnswer)
	case answer.StatusCode == http.StatusBadRequest && write == 0:
		return nil, errNoEcho
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answered %s: %s", answer.Status, quoted(string(text[:min(len(text), 200)])))
	}
	var a echoAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the answer is not that of a completion: %w", err)
	}
	if len(a.Choices) != 1 || a.Choices[0].Logprobs == nil {
		return nil, errNoEcho
	}
	l := a.Choices[0].Logprobs
	if len(l.Drawn) < len(ids) || len(l.Tokens) < len(ids) {
		return nil, errNoEcho
	}
	return l, nil
}

// compare returns an error if the server read the ids as other text.
func (e *rowsEndpoint) compare(l *echoLogprobs, ids []watermark.Token) error {
	if e.tokenizer == nil {
		return nil
	}
	for i, id := range ids {
		said := l.Tokens[i]
		own, err := e.tokenizer.Decode(nil, []watermark.Token{id})
		// A token that is a part of a character has no text of its own.
		if err != nil || !utf8.Valid(own) || strings.ContainsRune(said, utf8.RuneError) || strings.HasPrefix(said, "bytes:") || strings.HasPrefix(said, "token_id:") {
			continue
		}
		if said != string(own) {
			return fmt.Errorf("token %d is %s there and %s in the profile's tokenizer; ask a model with that tokenizer", i+1, quoted(said), quoted(string(own)))
		}
	}
	return nil
}

// id returns the id of a token by its text. A token that is a part of a character has none.
func (e *rowsEndpoint) id(token string) (watermark.Token, bool) {
	ids := e.tokenizer.Append(nil, []byte(token))
	if len(ids) != 1 {
		return 0, false
	}
	return ids[0], !strings.ContainsRune(token, utf8.RuneError)
}

// names reports whether the likeliest token of a list has an id.
func (e *rowsEndpoint) names(top map[string]float64) bool {
	best := math.Inf(-1)
	for _, logprob := range top {
		best = max(best, logprob)
	}
	for token, logprob := range top {
		if _, ok := e.id(token); ok && logprob == best {
			return true
		}
	}
	return false
}

// row returns one row: nil probabilities where the server gives none.
func (e *rowsEndpoint) row(l *echoLogprobs, at int, drawn watermark.Token) (student.Row, error) {
	type entry struct {
		id watermark.Token
		p  float64
	}
	var list []entry
	if at == 0 {
		return student.Row{}, nil // nothing comes before it
	}
	if len(l.Top) <= at || len(l.Top[at]) == 0 || e.tokenizer == nil {
		e.blind = true
	} else if !e.names(l.Top[at]) {
		return student.Row{}, nil // its likeliest token has no id, so nobody could test the model
	}
	add := func(id watermark.Token, logprob float64) error {
		if math.IsNaN(logprob) || logprob > 1e-3 {
			return fmt.Errorf("the logprob %v is not that of a probability", logprob)
		}
		if !slices.ContainsFunc(list, func(x entry) bool { return x.id == id }) {
			list = append(list, entry{id, tail.Exp(min(logprob, 0))})
		}
		return nil
	}
	if x := l.Drawn[at]; x != nil {
		if err := add(drawn, *x); err != nil {
			return student.Row{}, err
		}
	}
	if at < len(l.Top) && e.tokenizer != nil {
		for token, logprob := range l.Top[at] {
			if id, ok := e.id(token); ok {
				if err := add(id, logprob); err != nil {
					return student.Row{}, err
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	var sum float64
	for _, x := range list {
		sum += x.p
	}
	r := student.Row{}
	for _, x := range list {
		// Servers round, so that a row can have a little more than 1.
		r.Tokens, r.Probs = append(r.Tokens, x.id), append(r.Probs, float32(x.p/max(sum, 1)))
	}
	return r, nil
}

// openEndpoint makes the endpoint of a call ready.
func (c *cli) openEndpoint(o *detectFlags, set *candidateSet, p *tokenProbs) error {
	reader := set.list[0].reader
	if len(set.readers) > 1 {
		return usagef("the marks have several tokenizers, and --reference-endpoint has one; give marks of one tokenizer")
	}
	var err error
	if p.endpoint, err = newRowsEndpoint(o.referenceEndpoint, o.referenceModel, reader.tokenizer); err != nil {
		return err
	}
	p.name, p.temperature = o.referenceModel+" at "+o.referenceEndpoint, 1
	p.written, err = createRows(o.writeRows, p.name, p.temperature, reader.vocabulary(), set.list[0].profile)
	return err
}

// beforePart returns the tokens before a part of a subject: all texts of its row before it, as they
// are, or else the prompt of the call.
func beforePart(r *textReader, s *subject, part int) []watermark.Token {
	var before []watermark.Token
	for _, t := range s.shown[part] {
		switch {
		case t.IDs != nil:
			before = append(before, t.IDs...)
		case r.tokenizer != nil:
			before = r.tokenizer.Append(before, t.Text)
		}
	}
	if len(before) == 0 && len(r.asIs) == 1 {
		return r.asIs[0]
	}
	return before
}
