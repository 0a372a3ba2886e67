package openaiserver

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/watermark"
)

// steering is a model that honours what only some models do. Its text is the alphabet and the bias
// of token 7; its log-probabilities count down.
type steering struct {
	*ngram
	letters []watermark.Token
	json    atomic.Bool // the last request wants JSON; several choices are written at once
}

func newSteering(t testing.TB) *steering {
	model, err := testModel()
	require.NoError(t, err)
	m := &steering{ngram: model}
	for _, s := range []string{"a", "b", "é", "d", "e"} {
		m.letters = append(m.letters, model.tokenizer.Append(nil, []byte(s))...)
	}
	return m
}

func (m *steering) Info() Info {
	info := m.ngram.Info()
	info.Steers = true
	return info
}

func (m *steering) Generate(_ context.Context, r *Request, emit func(watermark.Token) bool) (Finish, error) {
	m.json.Store(r.JSON)
	for i, letter := range m.letters {
		if r.Logprobs {
			p := Report{Logprob: -float64(i + 1)}
			for k := range r.TopLogprobs {
				p.Top = append(p.Top, Logprob{Token: m.letters[k], Logprob: -float64(k)})
			}
			r.Report(p)
		}
		if bias := r.Bias[letter]; bias != 0 && !emit(letter) {
			return FinishStop, nil
		}
		if r.Logprobs && r.Bias[letter] != 0 {
			r.Report(Report{Logprob: -float64(i + 1)})
		}
		if !emit(letter) {
			return FinishStop, nil
		}
	}
	return FinishStop, nil
}

func steeringServer(t *testing.T, change func(*Config)) (*testServer, *steering, openai.Client) {
	m := newSteering(t)
	s := start(t, func(c *Config) {
		c.Model, c.Logprobs, c.LogitBias = m, true, true
		if change != nil {
			change(c)
		}
	})
	return s, m, s.client(acmeKey)
}

// TestLogprobs reads log-probabilities of both endpoints with OpenAI's client, whole and as a
// stream, and where a stop sequence cuts the text.
func TestLogprobs(t *testing.T) {
	_, _, client := steeringServer(t, nil)
	params := chatParams("The", 20, 1)
	params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(2)
	check := func(t *testing.T, content []openai.ChatCompletionTokenLogprob, text string) {
		t.Helper()
		var got []byte
		for i, l := range content {
			assert.InDelta(t, -float64(i+1), l.Logprob, 0)
			require.Len(t, l.TopLogprobs, 2)
			assert.Equal(t, "a", l.TopLogprobs[0].Token)
			assert.Equal(t, "b", l.TopLogprobs[1].Token)
			assert.InDelta(t, -1, l.TopLogprobs[1].Logprob, 0)
			for _, b := range l.Bytes {
				got = append(got, byte(b))
			}
		}
		assert.Equal(t, text, string(got))
	}
	whole, err := client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, "abéde", whole.Choices[0].Message.Content)
	check(t, whole.Choices[0].Logprobs.Content, "abéde")

	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	var content []openai.ChatCompletionTokenLogprob
	text := ""
	for stream.Next() {
		for _, c := range stream.Current().Choices {
			content = append(content, c.Logprobs.Content...)
			text += c.Delta.Content
		}
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, "abéde", text)
	check(t, content, "abéde")

	params.Stop = openai.ChatCompletionNewParamsStopUnion{OfString: openai.String("d")}
	cut, err := client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, "abé", cut.Choices[0].Message.Content)
	check(t, cut.Choices[0].Logprobs.Content, "abé")

	completion := textParams("The", 3, 1)
	completion.Logprobs = openai.Int(1)
	got, err := client.Completions.New(t.Context(), completion)
	require.NoError(t, err)
	l := got.Choices[0].Logprobs
	assert.Equal(t, []string{"a", "b", "é"}, l.Tokens)
	assert.Equal(t, []float64{-1, -2, -3}, l.TokenLogprobs)
	assert.Equal(t, []int64{0, 1, 2}, l.TextOffset)
	assert.Equal(t, map[string]float64{"a": 0}, l.TopLogprobs[1])
}

// TestLogitBias checks that a bias reaches the model, and that JSON does.
func TestLogitBias(t *testing.T) {
	_, m, client := steeringServer(t, nil)
	params := chatParams("The", 20, 1)
	params.LogitBias = map[string]int64{strconv.Itoa(int(m.letters[1])): 4}
	got, err := client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	assert.Equal(t, "abbéde", got.Choices[0].Message.Content)
	assert.False(t, m.json.Load())
	params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONObject: &openai.ResponseFormatJSONObjectParam{}}
	_, err = client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	assert.True(t, m.json.Load())
}

// TestSteering checks which parameters need a model that steers, and which an operator's leave.
func TestSteering(t *testing.T) {
	const user = `"messages":[{"role":"user","content":"The"}]`
	bodies := map[string]string{
		"logprobs": `"logprobs":true`, "logit_bias": `"logit_bias":{"5":1}`, "response_format": `"response_format":{"type":"json_object"}`, "n": `"n":2`,
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		taken  []string
	}{
		{"all", func(c *Config) { c.Choices = 3 }, []string{"logprobs", "logit_bias", "response_format", "n"}},
		{"no logprobs", func(c *Config) { c.Logprobs = false }, []string{"logit_bias", "response_format"}},
		{"no biases", func(c *Config) { c.LogitBias = false }, []string{"logprobs", "response_format"}},
		{"a model that cannot", func(c *Config) { c.Model = c.Model.(*steering).ngram; c.Choices = 2 }, []string{"n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _ := steeringServer(t, c.change)
			for name, body := range bodies {
				status, text, _ := s.post(t, "/v1/chat/completions", acmeKey, `{"model":"isotope-lm","max_tokens":3,`+user+`,`+body+`}`)
				if slices.Contains(c.taken, name) {
					assert.Equal(t, 200, status, "%s: %s", name, text)
					continue
				}
				assert.Equal(t, 400, status, name)
				assert.Contains(t, text, `"param":"`+name+`"`)
			}
		})
	}
	s, _, _ := steeringServer(t, func(c *Config) { c.Choices = 3 })
	for _, c := range []struct{ name, body, param string }{
		{"top_logprobs alone", `"top_logprobs":2`, "top_logprobs"},
		{"too many alternatives", `"logprobs":true,"top_logprobs":21`, "top_logprobs"},
		{"a bias beyond the vocabulary", `"logit_bias":{"9999999":1}`, "logit_bias"},
		{"a bias of a word", `"logit_bias":{"the":1}`, "logit_bias"},
		{"two biases of one id", `"logit_bias":{"5":1,"05":2}`, "logit_bias"},
		{"a bias of an id with a sign", `"logit_bias":{"+5":1}`, "logit_bias"},
		{"a large bias", `"logit_bias":{"5":101}`, "logit_bias"},
		{"an unknown format", `"response_format":{"type":"json_schema"}`, "response_format"},
		{"n of 0", `"n":0`, "n"},
		{"n above the limit", `"n":4`, "n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text, _ := s.post(t, "/v1/chat/completions", acmeKey, `{"model":"isotope-lm",`+user+`,`+c.body+`}`)
			assert.Equal(t, 400, status)
			assert.Contains(t, text, `"param":"`+c.param+`"`)
		})
	}
}

// TestChoices checks several texts for one request: they differ, the first is that of a request
// for one, each ends for its own reason, and a stream holds the same.
func TestChoices(t *testing.T) {
	s := start(t, func(c *Config) { c.Choices = 4; c.LogText = true })
	client := s.client(acmeKey)
	one, err := client.Chat.Completions.New(t.Context(), chatParams("The old river", 30, 1))
	require.NoError(t, err)
	params := chatParams("The old river", 30, 1)
	params.N = openai.Int(4)
	got, err := client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	require.Len(t, got.Choices, 4)
	texts := map[string]bool{}
	for i, c := range got.Choices {
		assert.EqualValues(t, i, c.Index)
		texts[c.Message.Content] = true
	}
	assert.Len(t, texts, 4)
	assert.Equal(t, one.Choices[0].Message.Content, got.Choices[0].Message.Content)
	assert.EqualValues(t, 120, got.Usage.CompletionTokens)

	params.Stop = openai.ChatCompletionNewParamsStopUnion{OfString: openai.String("patient")} // in some of them
	got, err = client.Chat.Completions.New(t.Context(), params)
	require.NoError(t, err)
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	streamed, finish := make([]string, 4), make([]string, 4)
	for stream.Next() {
		for _, c := range stream.Current().Choices {
			streamed[c.Index] += c.Delta.Content
			finish[c.Index] += c.FinishReason
		}
	}
	require.NoError(t, stream.Err())
	for i, c := range got.Choices {
		assert.Equal(t, c.Message.Content, streamed[i])
		assert.Equal(t, c.FinishReason, finish[i])
	}
	assert.Contains(t, finish, "stop")
	assert.Contains(t, finish, "length")
	e := s.log.entries(t)
	assert.Equal(t, strings.Join(finish, ","), e[len(e)-1]["finish"])
	assert.Equal(t, "13", s.metrics.marked.String(), "every choice is an answer")
}

// TestChoicesDifferUnderAKeyedDraw checks that the salt of a choice reaches a mark of two keys,
// which gives every choice the same text without one.
func TestChoicesDifferUnderAKeyedDraw(t *testing.T) {
	row := make([]float32, 1000)
	for i := range row {
		row[i] = float32(math.Sin(float64(i)))
	}
	key, err := watermark.ParseKey(testRoot)
	require.NoError(t, err)
	mark, err := watermark.New(key, watermark.GumbelMax{Width: 4, Dual: 0.5}, 1000)
	require.NoError(t, err)
	texts := map[string]bool{}
	for choice := range 4 {
		r, err := newRequest(job{prompt: []watermark.Token{1, 2, 3}, marks: []*watermark.Mark{mark}, sampler: watermark.Sampler{Temperature: 1}, choice: choice}, mark.Vocab())
		require.NoError(t, err)
		text := ""
		for range 20 {
			id, err := r.Draw(row)
			require.NoError(t, err)
			text += string(rune(id))
		}
		texts[text] = true
	}
	assert.Len(t, texts, 4)
}
