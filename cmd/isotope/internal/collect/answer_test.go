package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/testmark/mutate"
)

func TestAnswersOfAllKinds(t *testing.T) {
	usage := &Usage{3, 4}
	for _, c := range []struct {
		name   string
		stream bool
		status int
		body   string
		want   Answer
	}{
		{name: "chat", body: `{"model":"m","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, want: Answer{Texts: []string{"hi"}, Model: "m", Finish: "stop", Usage: usage}},
		{name: "completions", body: `{"choices":[{"text":" hi","finish_reason":"length"}]}`, want: Answer{Texts: []string{" hi"}, Finish: "length"}},
		{name: "parts", body: `{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"image"},{"text":"b"}]}}]}`, want: Answer{Texts: []string{"ab"}}},
		{name: "reasoning", body: `{"choices":[{"message":{"content":"42","reasoning_content":"let me see"}}]}`, want: Answer{Texts: []string{"let me see", "42"}}},
		{name: "reasoning, other spelling", body: `{"choices":[{"message":{"content":null,"reasoning":"let me see"}}]}`, want: Answer{Texts: []string{"let me see"}}},
		{name: "reasoning that is not text", body: `{"choices":[{"message":{"content":"x","reasoning":{"effort":"low"}}}]}`, want: Answer{Texts: []string{"x"}}},
		{name: "several choices", body: `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":"b"},"finish_reason":"length"}]}`, want: Answer{Texts: []string{"a", "b"}, Finish: "stop,length"}},
		{name: "refusal", body: `{"choices":[{"message":{"content":null,"refusal":"I cannot"}}]}`, want: Answer{Skip: Refusal}},
		{name: "filter", body: `{"choices":[{"message":{"content":"par"},"finish_reason":"content_filter"}]}`, want: Answer{Skip: Refusal, Finish: "content_filter"}},
		{name: "tool", body: `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"x"}]},"finish_reason":"tool_calls"}]}`, want: Answer{Skip: ToolCall, Finish: "tool_calls"}},
		{name: "function", body: `{"choices":[{"message":{"function_call":{"name":"x"}}}]}`, want: Answer{Skip: ToolCall}},
		{name: "null calls", body: `{"choices":[{"message":{"content":"a","tool_calls":null,"function_call":null}}]}`, want: Answer{Texts: []string{"a"}}},
		{name: "blank", body: `{"choices":[{"message":{"content":" \n"}}]}`, want: Answer{Skip: Empty}},
		{name: "no choices", body: `{"choices":[]}`, want: Answer{Skip: Invalid}},
		{name: "null", body: `null`, want: Answer{Skip: Invalid}},
		{name: "array", body: `[]`, want: Answer{Skip: Invalid}},
		{name: "nothing", body: ``, want: Answer{Skip: Invalid}},
		{name: "html", body: `<html>`, want: Answer{Skip: Invalid}},
		{name: "deep", body: strings.Repeat("[", 1<<20), want: Answer{Skip: Invalid}},
		{name: "no UTF-8", body: "{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}", want: Answer{Skip: Invalid}},
		{name: "lone surrogate", body: `{"choices":[{"message":{"content":"\ud800x"}}]}`, want: Answer{Texts: []string{"\ufffdx"}}},
		{name: "odd usage", body: `{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":1e300,"completion_tokens":4}}`, want: Answer{Texts: []string{"a"}}},
		{name: "error", status: 500, body: `{"choices":[{"message":{"content":"a"}}]}`, want: Answer{Skip: Failed}},
		{name: "redirect", status: 301, body: ``, want: Answer{Skip: Failed}},
		{name: "stream", stream: true, body: "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n: comment\nevent: x\n" +
			"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"he\"}}]}\r\n\r\ndata:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\"},\"finish_reason\":\"stop\"}]}\n\n" +
			"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n",
			want: Answer{Texts: []string{"hello"}, Model: "m", Finish: "stop", Usage: usage}},
		{name: "stream of completions", stream: true, body: "data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"choices\":[{\"text\":\"b\"}]}\n\ndata: [DONE]\n", want: Answer{Texts: []string{"ab"}}},
		{name: "stream of reasoning", stream: true, body: "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"reasoning_content\":\"b\",\"content\":\"c\"}}]}\n\ndata: [DONE]\n", want: Answer{Texts: []string{"ab", "c"}}},
		{name: "stream of choices", stream: true, body: "data: {\"choices\":[{\"index\":1000000000000,\"delta\":{\"content\":\"a\"}},{\"index\":-3,\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n", want: Answer{Texts: []string{"b", "a"}}},
		{name: "stream of tools", stream: true, body: "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}\n\ndata: [DONE]\n", want: Answer{Skip: ToolCall}},
		{name: "stream that is none", stream: true, body: `{"choices":[{"message":{"content":"hi"}}]}`, want: Answer{Texts: []string{"hi"}}},
		{name: "stream with an error", stream: true, body: "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n", want: Answer{Skip: Invalid}},
		{name: "stream of garbage", stream: true, body: "data: {\"choices\n\n", want: Answer{Skip: Invalid}},
		{name: "empty stream", stream: true, body: "data: [DONE]\n", want: Answer{Skip: Invalid}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := Exchange{Status: c.status}
			if c.status == 0 {
				x.Status = http.StatusOK
			}
			x.setBody([]byte(c.body))
			assert.Equal(t, c.want, answer(&Declaration{Journal: journalVersion, Request: Request{Stream: c.stream, MaxTokens: 50}}, 0, "", &x))
		})
	}
}

// TestHostileEndpoint has one answer of each bad kind among good ones.
func TestHostileEndpoint(t *testing.T) {
	bad := map[string]string{
		"prompt 1": `{"choices":[]}`,
		"prompt 3": "{\"choices\":[{\"message\":{\"content\":\"\xff\xfe\"}}]}",
		"prompt 5": `{"choices":[{"message":{"content":"` + strings.Repeat("x", MaxBody) + `"}}]}`,
		"prompt 7": `{"choices":[{"message":{"tool_calls":[{}]}}]}`,
		"prompt 9": `not JSON`,
	}
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
		if text, ok := bad[prompt]; ok {
			fmt.Fprint(w, text)
			return
		}
		say(w, "fine \u2028 <b>\x00</b>")
	})
	path := journalPath(t)
	end, err := collect(t, path, f.declare(12), func(r *Run) { r.Pace.Concurrency = 1 }, new(lookLog).look)
	require.NoError(t, err)
	assert.Equal(t, Asked, end)
	_, s, _ := replayed(t, path)
	var skips []Reason
	for _, a := range s.answers {
		skips = append(skips, a.Skip)
	}
	assert.Equal(t, []Reason{"", Invalid, "", Invalid, "", TooLarge, "", ToolCall, "", Invalid, "", ""}, skips)
	assert.Equal(t, []string{"fine \u2028 <b>\x00</b>"}, s.answers[0].Texts)
}

// TestHugeErrorsAreBounded: the body of an error is read by the client's own package.
func TestHugeErrorsAreBounded(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, prompt string, _ int) {
		if prompt == "prompt 1" {
			w.WriteHeader(400)
			for range 3 * MaxBody / 1024 {
				fmt.Fprint(w, strings.Repeat("x", 1024))
			}
			return
		}
		say(w, "fine")
	})
	path := journalPath(t)
	_, err := collect(t, path, f.declare(3), nil, new(lookLog).look)
	require.NoError(t, err)
	_, s, _ := replayed(t, path)
	assert.Equal(t, Failed, s.answers[1].Skip)
}

func TestABrokenStreamIsAskedAgain(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ string, times int) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n")
		if times > 0 {
			fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\" and half\"}}]}\n\ndata: [DONE]\n\n")
		}
	})
	path, d := journalPath(t), f.declare(1)
	d.Request.Stream = true
	_, err := collect(t, path, d, nil, new(lookLog).look)
	require.NoError(t, err)
	_, s, _ := replayed(t, path)
	assert.Equal(t, []string{"half and half"}, s.answers[0].Texts)
	assert.Equal(t, 2, f.total())
	assert.Equal(t, map[string]any{"include_usage": true}, f.bodies[0]["stream_options"])
}

func FuzzAnswer(tf *testing.F) {
	f := mutate.New(tf)
	f.Add([]byte(`{"choices":[{"message":{"content":"hi"}}]}`), false)
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n"), true)
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		x := Exchange{Status: 200}
		x.setBody(body)
		d := &Declaration{Journal: journalVersion, Request: Request{Stream: stream, MaxTokens: 50}}
		a := answer(d, 0, "", &x)
		assert.Equal(t, a.Skip == "", len(a.Texts) > 0)
		// What is written to a journal reads back as the same.
		text, err := json.Marshal(x)
		require.NoError(t, err)
		var y Exchange
		require.NoError(t, json.Unmarshal(text, &y))
		assert.Equal(t, a, answer(d, 0, "", &y))
	})
}
