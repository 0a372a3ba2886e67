package corpus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/isotope-wm/isotope/internal/corpus"
)

// texts writes the texts of documents as lines of kind, field and text.
func texts(docs []*corpus.Document) (lines []string) {
	for _, d := range docs {
		for _, x := range d.Texts {
			if x.IDs != nil {
				lines = append(lines, fmt.Sprintf("%s %s %v", x.Kind, x.Field, x.IDs))
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s %s", x.Kind, x.Field, x.Text))
		}
	}
	return lines
}

func TestShapes(t *testing.T) {
	for _, x := range []struct {
		name    string
		row     string
		options corpus.Options
		want    []string
		unread  []string
	}{
		{name: "prompt and output", row: `{"prompt":"p","output":"a"}`, want: []string{"prompt prompt p", "answer output a"}},
		{name: "answer before its prompt", row: `{"output":"a","prompt":"p"}`, want: []string{"prompt prompt p", "answer output a"}},
		{name: "invocation", row: `{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":{"system":"s","messages":[{"role":"user","content":"p"},{"role":"assistant","content":"h"}]}},"output":{"outputBodyJson":{"role":"assistant","content":[{"type":"text","text":"a"}]}}}`,
			want: []string{"prompt input.inputBodyJson.messages[0].content p", "prompt input.inputBodyJson.messages[1].content h", "system input.inputBodyJson.system s", "answer output.outputBodyJson.content[0].text a"}},
		{name: "invocation of Converse", row: `{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":{"messages":[{"role":"user","content":[{"text":"p"}]}]}},"output":{"outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":"a"}]}}}}}`,
			want: []string{"prompt input.inputBodyJson.messages[0].content[0].text p", "answer output.outputBodyJson.output.message.content[0].text a"}},
		{name: "invocation with a prompt of another name", row: `{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":{"inputText":"p"}},"output":{"outputBodyJson":{"completion":"a"}}}`, options: corpus.Options{PromptField: "input.inputBodyJson.inputText"},
			want: []string{"prompt input.inputBodyJson.inputText p", "answer output.outputBodyJson.completion a"}},
		{name: "alpaca", row: `{"instruction":"i","input":"n","output":"a","text":"i n a"}`, want: []string{"prompt instruction i", "prompt input n", "answer output a"}, unread: []string{"text"}},
		{name: "text", row: `{"id":1,"text":"t"}`, want: []string{"text text t"}},
		{name: "content", row: `{"url":"u","content":"t"}`, want: []string{"text content t"}},
		{name: "generated text", row: `{"inputs":"p","generated_text":"a"}`, want: []string{"prompt inputs p", "answer generated_text a"}},
		{name: "list of generations", row: `[{"generated_text":"a"},{"generated_text":"b"}]`, want: []string{"answer generated_text a", "answer generated_text b"}},
		{name: "token ids", row: `{"prompt":[1,2],"output":[3,-100,99999999999]}`, want: []string{"prompt prompt [1 2]", "answer output [3 -1 -1]"}},
		{name: "prompt as messages", row: `{"prompt":[{"role":"user","content":"p"}],"output":"a"}`, want: []string{"prompt prompt[0].content p", "answer output a"}},
		{name: "answers in a prompt", row: `{"prompt":[{"role":"user","content":"p"},{"role":"assistant","content":"h"},{"role":"user","content":"q"}],"output":"a"}`,
			want: []string{"prompt prompt[0].content p", "prompt prompt[1].content h", "prompt prompt[2].content q", "answer output a"}},
		{name: "history in a prompt", row: `{"messages":[{"role":"user","content":"p"}],"response":"a"}`, want: []string{"prompt messages[0].content p", "answer response a"}},
		{name: "messages", row: `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"p"},{"role":"assistant","content":"a"},{"role":"tool","content":"t"},{"role":"assistant","content":"b"}]}`,
			want: []string{"system messages[0].content s", "prompt messages[1].content p", "answer messages[2].content a", "tool messages[3].content t", "answer messages[4].content b"}},
		{name: "a conversation that is the row", row: `[{"role":"user","content":"p"},{"role":"assistant","content":"a"}]` + "\n" + `[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]`,
			want: []string{"prompt [0].content p", "answer [1].content a", "prompt [0].content q", "answer [1].content b"}},
		{name: "a turn that is the row", row: `{"role":"assistant","content":"a"}`, want: []string{"answer content a"}},
		{name: "unknown role", row: `{"messages":[{"role":"narrator","content":"n"},{"role":"assistant","content":"a"}]}`, want: []string{"answer messages[1].content a"}, unread: []string{"messages[0]"}},
		{name: "langchain", row: `{"messages":[{"type":"human","content":"p"},{"type":"ai","content":"a"}]}`, want: []string{"prompt messages[0].content p", "answer messages[1].content a"}},
		{name: "claude export", row: `{"uuid":"u","chat_messages":[{"sender":"human","text":"p","content":[]},{"sender":"assistant","text":"a","content":[{"type":"text","text":"a"}]}]}`,
			want: []string{"prompt chat_messages[0].text p", "answer chat_messages[1].content[0].text a"}},
		{name: "adjacent parts", row: `{"role":"assistant","content":[{"type":"text","text":"one "},{"type":"text","text":"text"},{"type":"tool_use","input":{}}]}`,
			want: []string{"answer content one text"}, unread: []string{"content[2]"}},
		{name: "chosen and rejected", row: `{"prompt":"p","chosen":"a","rejected":"b"}`, want: []string{"prompt prompt p", "answer chosen a", "answer rejected b"}},
		{name: "chosen and rejected turns", row: `{"chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"b"}]}`,
			want: []string{"prompt chosen[0].content p", "answer chosen[1].content a", "prompt rejected[0].content p", "answer rejected[1].content b"}},
		{name: "chat completion", row: `{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"a"}},{"message":{"role":"assistant","content":"b"}}]}`,
			want: []string{"answer choices[0].message.content a", "answer choices[1].message.content b"}},
		{name: "old completion", row: `{"choices":[{"text":"a","index":0}]}`, want: []string{"answer choices[0].text a"}},
		{name: "gemini", row: `{"candidates":[{"content":{"role":"model","parts":[{"text":"r","thought":true},{"text":"a"}]}}]}`,
			want: []string{"reasoning candidates[0].content.parts[0].text r", "answer candidates[0].content.parts[1].text a"}},
		{name: "ollama", row: `{"model":"m","message":{"role":"assistant","content":"a","thinking":"r"}}`, want: []string{"reasoning message.thinking r", "answer message.content a"}},
		{name: "ollama generate", row: `{"model":"m","response":"a","thinking":"r","context":[1,2]}`, want: []string{"prompt context [1 2]", "reasoning thinking r", "answer response a"}},
		{name: "responses", row: `{"object":"response","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}],"encrypted_content":"x"},{"type":"function_call","name":"f"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}]}`,
			want: []string{"reasoning output[0].summary[0].text r", "answer output[2].content[0].text a"}, unread: []string{"output[0].encrypted_content", "output[1]"}},
		{name: "anthropic", row: `{"type":"message","role":"assistant","content":[{"type":"thinking","thinking":"r"},{"type":"redacted_thinking","data":"x"},{"type":"text","text":"a"}]}`,
			want: []string{"reasoning content[0].thinking r", "answer content[2].text a"}, unread: []string{"content[1]"}},
		{name: "bedrock", row: `{"output":{"message":{"role":"assistant","content":[{"text":"a"},{"reasoningContent":{}}]}}}`, want: []string{"answer output.message.content[0].text a"}, unread: []string{"output.message.content[1]"}},
		{name: "reasoning_content", row: `{"messages":[{"role":"user","content":"p"},{"role":"assistant","content":"a","reasoning_content":"r"}]}`,
			want: []string{"prompt messages[0].content p", "reasoning messages[1].reasoning_content r", "answer messages[1].content a"}},
		{name: "reasoning under two names", row: `{"choices":[{"message":{"role":"assistant","content":"a","reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r"}]}}]}`,
			want: []string{"reasoning choices[0].message.reasoning r", "answer choices[0].message.content a"}},
		{name: "reasoning details alone", row: `{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.summary","summary":"r"},{"type":"reasoning.encrypted","data":"x"}]}`,
			want: []string{"reasoning reasoning_details[0].summary r", "answer content a"}, unread: []string{"reasoning_details[1]"}},
		{name: "thinking blocks", row: `{"role":"assistant","content":"a","thinking_blocks":[{"type":"thinking","thinking":"r"}]}`, want: []string{"reasoning thinking_blocks[0].thinking r", "answer content a"}},
		{name: "reasoning beside an output", row: `{"prompt":"p","reasoning":"r","output":"a"}`, want: []string{"prompt prompt p", "reasoning reasoning r", "answer output a"}},
		{name: "reasoning and an empty answer", row: `{"prompt":"p","reasoning_content":"r","output":""}`, want: []string{"prompt prompt p", "reasoning reasoning_content r"}},
		{name: "think tags", row: `{"output":"<think>\nr\n</think>\n\na"}`, want: []string{"reasoning output r", "answer output a"}},
		{name: "think tags twice", row: `{"output":"<think>r</think>\none\n<think>s</think>two"}`, want: []string{"reasoning output r", "answer output \none\n", "reasoning output s", "answer output two"}},
		{name: "think tag opened in the prompt", row: `{"output":"r\n</think>\n\na"}`, want: []string{"reasoning output r", "answer output a"}},
		{name: "think tag never closed", row: `{"output":"<think>r and r"}`, want: []string{"reasoning output r and r"}},
		{name: "a text about tags", row: `{"output":"Write <think> and </think> around it."}`, want: []string{"answer output Write <think> and </think> around it."}},
		{name: "a text about the end of a tag", row: `{"output":"Close it with </think> and go on."}`, want: []string{"answer output Close it with </think> and go on."}},
		{name: "harmony", row: `{"output":"<|channel|>analysis<|message|>r<|end|><|start|>assistant<|channel|>final<|message|>a<|return|>"}`, want: []string{"reasoning output r", "answer output a"}},
		{name: "magistral", row: `{"text":"[THINK]r[/THINK]a"}`, want: []string{"reasoning text r", "answer text a"}},
		{name: "batch", row: `{"custom_id":"c","response":{"status_code":200,"body":{"choices":[{"message":{"role":"assistant","content":"a"}}]}},"error":null}`,
			want: []string{"answer response.body.choices[0].message.content a"}},
		{name: "stored body", row: `{"id":1,"body":{"choices":[{"message":{"role":"assistant","content":"a"}}]}}`, want: []string{"answer body.choices[0].message.content a"}},
		{name: "preferences of the api", row: `{"input":{"messages":[{"role":"user","content":"p"}]},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}`,
			want: []string{"prompt input.messages[0].content p", "answer preferred_output[0].content a", "answer non_preferred_output[0].content b"}},
		{name: "chatgpt export", row: `{"title":"t","mapping":{"r":{"parent":null,"children":["u"],"message":null},"u":{"parent":"r","children":["a","b"],"message":{"author":{"role":"user"},"content":{"content_type":"text","parts":["p"]}}},` +
			`"a":{"parent":"u","children":["c"],"message":{"author":{"role":"assistant"},"recipient":"all","content":{"content_type":"thoughts","thoughts":[{"summary":"s","content":"r"}]}}},` +
			`"c":{"parent":"a","children":[],"message":{"author":{"role":"assistant"},"recipient":"all","content":{"content_type":"text","parts":["a",{"content_type":"image"}]}}},` +
			`"b":{"parent":"u","children":["u"],"message":{"author":{"role":"assistant"},"recipient":"python","content":{"content_type":"code","text":"code"}}}}}`,
			want:   []string{"prompt mapping.u.message.content.parts[0] p", "reasoning mapping.a.message.content.thoughts[0].content r", "answer mapping.c.message.content.parts[0] a"},
			unread: []string{"mapping.c.message.content.parts[1]", "mapping.b.message"}},
		{name: "strings on lines", row: `"one \"text\""` + "\n" + `"another"`, want: []string{`text  one "text"`, "text  another"}},
		{name: "chatml", row: `{"text":"<|im_start|>system\ns<|im_end|>\n<|im_start|>user\np<|im_end|>\n<|im_start|>assistant\n<think>\nr\n</think>\n\na<|im_end|>\n"}`,
			want: []string{"system text s", "prompt text p", "reasoning text r", "answer text a"}},
		{name: "llama 3", row: `{"text":"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\np<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"}`, want: []string{"prompt text p", "answer text a"}},
		{name: "llama 2", row: `{"text":"<s>[INST] p [/INST] a </s><s>[INST] q [/INST] b </s>"}`, want: []string{"prompt text p", "answer text a", "prompt text q", "answer text b"}},
		{name: "gemma", row: `{"text":"<bos><start_of_turn>user\np<end_of_turn>\n<start_of_turn>model\na<end_of_turn>\n"}`, want: []string{"prompt text p", "answer text a"}},
		{name: "zephyr", row: `{"text":"<|user|>\np</s>\n<|assistant|>\na</s>"}`, want: []string{"prompt text p", "answer text a"}},
		{name: "alpaca template", row: `{"text":"Below is an instruction that describes a task. Write.\n\n### Instruction:\np\n\n### Response:\na"}`,
			want: []string{"system text Below is an instruction that describes a task. Write.\n\n", "prompt text p", "answer text a"}},
		{name: "guanaco", row: `{"text":"### Human: p### Assistant: a"}`, want: []string{"prompt text p", "answer text a"}},
		{name: "transcripts", row: `{"chosen":"\n\nHuman: p\n\nAssistant: a","rejected":"\n\nHuman: p\n\nAssistant: b"}`, want: []string{"prompt chosen p", "answer chosen a", "prompt rejected p", "answer rejected b"}},
		{name: "a text about templates", row: `{"text":"Write ### Human: before a prompt and ### Assistant: before an answer."}`, want: []string{"text text Write ### Human: before a prompt and ### Assistant: before an answer."}},
		{name: "a heading", row: `{"text":"### Response: the text of a report"}`, want: []string{"text text ### Response: the text of a report"}},
		{name: "refusal", row: `{"role":"assistant","content":null,"refusal":"no"}`, want: []string{"answer refusal no"}},

		{name: "by hand", row: `{"a":{"b":"x"},"prompt":"p","text":"t"}`, options: corpus.Options{Fields: []string{"a.b"}}, want: []string{"prompt prompt p", "answer a.b x"}},
		{name: "by hand, two fields", row: `{"x":"1","y":"2"}`, options: corpus.Options{Fields: []string{"x", "y"}}, want: []string{"answer x 1", "answer y 2"}},
		{name: "by hand, through a list", row: `{"data":[{"t":"1"},{"t":"2"}]}`, options: corpus.Options{Fields: []string{"data.t"}}, want: []string{"answer data[0].t 1", "answer data[1].t 2"}},
		{name: "by hand, one of a list", row: `{"data":["1","2"]}`, options: corpus.Options{Fields: []string{"data.1"}}, want: []string{"answer data[1] 2"}},
		{name: "by hand, a name with a dot", row: `{"a.b":"x"}`, options: corpus.Options{Fields: []string{"a.b"}}, want: []string{"answer a.b x"}},
		{name: "by hand, turns", row: `{"log":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}]}`, options: corpus.Options{Fields: []string{"log"}}, want: []string{"prompt log[0].content p", "answer log[1].content a"}},
		{name: "prompt by hand", row: `{"ask":{"me":"p"},"output":"a"}`, options: corpus.Options{PromptField: "ask.me"}, want: []string{"prompt ask.me p", "answer output a"}},
		{name: "role by hand", row: `{"messages":[{"role":"narrator","content":"n"},{"role":"assistant","content":"a"}]}`, options: corpus.Options{Roles: []string{"narrator"}}, want: []string{"answer messages[0].content n", "prompt messages[1].content a"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, _ := items(t, "a.jsonl", []byte(x.row+"\n"), &x.options)
			assert.Empty(t, skips)
			assert.Equal(t, x.want, texts(docs))
			var unread []string
			for _, d := range docs {
				for _, u := range d.Unread {
					unread = append(unread, u.Field)
					assert.NotEmpty(t, u.Detail)
				}
			}
			assert.Equal(t, x.unread, unread)
		})
	}
	t.Run("missing by hand", func(t *testing.T) {
		_, skips, _ := items(t, "a.jsonl", []byte(`{"Text":"t","id":1}`+"\n"), &corpus.Options{Fields: []string{"text"}})
		require.Len(t, skips, 1)
		assert.Equal(t, corpus.MissingField, skips[0].Reason)
		assert.Equal(t, []string{"Text", "id"}, skips[0].Fields)
		assert.Equal(t, `a.jsonl:1: there is no field "text" ("Text" is another field, since names are exact); the row has "Text" and "id"`, skips[0].String())
	})
}

func TestOptions(t *testing.T) {
	for _, x := range []struct {
		name string
		o    corpus.Options
		says string
	}{
		{"format", corpus.Options{Format: "docx"}, `format "docx" is not known`},
		{"encoding", corpus.Options{Encoding: "x-none"}, `encoding "x-none" is not known`},
		{"field", corpus.Options{Fields: []string{"a..b"}}, `field "a..b" is not a path`},
		{"prompt field", corpus.Options{PromptField: "."}, `field "." is not a path`},
		{"limit", corpus.Options{Limits: corpus.Limits{Row: -1}}, "limit Row is -1"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := corpus.New(&x.o)
			assert.ErrorContains(t, err, x.says)
		})
	}
}

// A place leads to the row: its line, its bytes, its member.
func TestPlaces(t *testing.T) {
	line := func(i int) string { return fmt.Sprintf(`{"prompt":"p","output":"answer number %d"}`, i) }
	for _, x := range []struct {
		name, content string
		lines         []int64
	}{
		{"lines", line(1) + "\n\n" + line(2) + "\r\n" + line(3), []int64{1, 3, 4}},
		{"list", "[\n" + line(1) + ",\n\n" + line(2) + ",\n" + line(3) + "]", []int64{2, 4, 5}},
		{"pretty", "{\n\"output\":\n\"answer number 1\"}\n{\n\"output\":\"answer number 2\"}\n\n{\"output\":\"answer number 3\"}", []int64{1, 4, 7}},
		{"csv", "prompt,output\np,answer number 1\n\"p\nq\",answer number 2\np,\"answer number 3\"\n", []int64{2, 3, 5}},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, _, _ := items(t, "a", []byte(x.content), nil)
			require.Len(t, docs, 3)
			for i, d := range docs {
				assert.Equal(t, x.lines[i], d.Place.Line)
				// The line is the one that `sed -n Np` prints, and the row begins at the offset.
				physical := strings.Split(x.content, "\n")[d.Place.Line-1]
				rest := x.content[d.Place.Offset:]
				assert.Contains(t, physical, strings.SplitN(rest, "\n", 2)[0])
				want := fmt.Sprintf("answer number %d", i+1)
				last := d.Texts[len(d.Texts)-1]
				assert.Equal(t, want, string(last.Text))
				if last.Offset >= 0 {
					assert.True(t, strings.HasPrefix(x.content[last.Offset:], want), "a text is where its offset says")
				}
			}
		})
	}
	t.Run("string", func(t *testing.T) {
		assert.Equal(t, "a.tar!b.jsonl:3", corpus.Place{File: "a.tar", Members: []string{"b.jsonl"}, Row: 3, Line: 3}.String())
		assert.Equal(t, `"a\x1b[2J": row 7`, corpus.Place{File: "a\x1b[2J", Row: 7}.String())
		assert.Equal(t, "c.warc.gz: record 2 (http://x/)", corpus.Place{File: "c.warc.gz", Row: 2, URL: "http://x/"}.String())
	})
	t.Run("parquet", func(t *testing.T) {
		docs, _, _ := read(t, "corpustest/testdata/rows.parquet", nil)
		require.Len(t, docs, 6)
		for i, d := range docs {
			assert.EqualValues(t, i+1, d.Place.Row)
			assert.Equal(t, i/2, d.Place.RowGroup)
		}
	})
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	for _, x := range []struct{ name, path, says string }{
		{"missing", filepath.Join(dir, "nosuch.jsonl"), "no file of this name"},
		{"directory", dir, "directory"},
		{"empty name", "", "name of the file is empty"},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, sources := read(t, x.path, nil)
			assert.Empty(t, docs)
			require.Len(t, skips, 1)
			assert.Equal(t, corpus.Unreadable, skips[0].Reason)
			assert.Contains(t, skips[0].Detail, x.says)
			assert.Len(t, sources, 1)
		})
	}
}

// A file that changes while it is read is said to have changed.
func TestChangedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.jsonl")
	line := []byte(`{"output":"an answer"}` + "\n")
	require.NoError(t, os.WriteFile(name, line, 0o600))
	c, err := corpus.New(nil)
	require.NoError(t, err)
	changed := false
	for item := range c.Path(context.Background(), name) {
		switch x := item.(type) {
		case *corpus.Document:
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			f.Write(line)
			f.Close()
		case *corpus.Source:
			for _, n := range x.Notes {
				changed = changed || n.Code == corpus.NoteChanged
			}
		}
	}
	assert.True(t, changed)
}

// Whoever has seen enough, or gives up, gets no more items, and no panic of theirs is lost.
func TestEarlyEnd(t *testing.T) {
	c, err := corpus.New(nil)
	require.NoError(t, err)
	content := strings.Repeat(`{"output":"an answer"}`+"\n", 10)
	t.Run("break", func(t *testing.T) {
		n := 0
		for range c.Stream(context.Background(), strings.NewReader(content), "a") {
			if n++; n == 3 {
				break
			}
		}
		assert.Equal(t, 3, n)
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		n := 0
		for item := range c.Stream(ctx, strings.NewReader(content), "a") {
			_, last := item.(*corpus.Source)
			assert.False(t, last)
			if n++; n == 3 {
				cancel()
			}
		}
		assert.Equal(t, 3, n)
	})
	t.Run("panic", func(t *testing.T) {
		assert.PanicsWithValue(t, "mine", func() {
			for range c.Stream(context.Background(), strings.NewReader(content), "a") {
				panic("mine")
			}
		})
	})
}

// Counts of parts add up to those of the whole, in any order.
func TestCounts(t *testing.T) {
	var whole, a, b corpus.Counts
	for i, item := range []corpus.Item{
		&corpus.Document{Texts: []corpus.Text{{Kind: corpus.Prompt, Text: []byte("p")}, {Kind: corpus.Answer, Text: []byte("abc")}}, Notes: []corpus.Note{{Code: corpus.NoteForms}}, Unread: []corpus.Unread{{}}},
		&corpus.Skip{Reason: corpus.Empty},
		&corpus.Skip{Reason: corpus.Empty},
		&corpus.Skip{Reason: corpus.Invalid},
		&corpus.Source{Rows: 4, Documents: 1, Skipped: 3, Bytes: 10, Passed: map[string]int64{"request": 2}},
		&corpus.Source{Place: corpus.Place{Members: []string{"m"}}, Bytes: 99},
	} {
		whole.Add(item)
		if i%2 == 0 {
			a.Add(item)
		} else {
			b.Add(item)
		}
	}
	b.Merge(&a)
	assert.Equal(t, whole, b)
	assert.NoError(t, whole.Check())
	assert.EqualValues(t, 3, whole.TextBytes)
	assert.EqualValues(t, 10, whole.Bytes)
	assert.Equal(t, []corpus.Reason{corpus.Empty, corpus.Invalid}, whole.ReasonList())
	whole.Rows++
	assert.ErrorContains(t, whole.Check(), "5 rows")
}

// A turn that holds its text in a form that is not read is not called empty.
func TestTurnsWithoutAText(t *testing.T) {
	for _, x := range []struct {
		name, turn string
		why        corpus.Reason
	}{
		{"null", `{"role":"assistant","content":null}`, corpus.Empty},
		{"a call of a tool", `{"role":"assistant","tool_calls":[{"id":"1"}]}`, corpus.Empty},
		{"blank", `{"role":"assistant","content":" "}`, corpus.Empty},
		{"an object", `{"role":"assistant","content":{"answer":"words"}}`, corpus.WrongType},
		{"another field", `{"type":"ai","data":{"content":"words"}}`, corpus.MissingField},
	} {
		t.Run(x.name, func(t *testing.T) {
			docs, skips, _ := items(t, "a.jsonl", []byte(`{"messages":[{"role":"user","content":"p"},`+x.turn+`]}`+"\n"), nil)
			assert.Empty(t, docs)
			require.Len(t, skips, 1)
			assert.Equal(t, x.why, skips[0].Reason, skips[0].Detail)
		})
	}
}
