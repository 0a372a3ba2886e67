package corpus

import "bytes"

// A template is a way to write the turns of a conversation into one text, as files for
// training have them. Prompts stand in such a text, and are not the model's words.
type template struct {
	marks []mark   // before a turn
	ends  []string // after one
	// plain marks are words of any text. They cut a text only if no field says that it is an answer, since
	// an answer may have questions of its own.
	plain bool
}

type mark struct {
	text string
	kind Kind
	role string
}

// templates are those that models and data sets use. A text is cut by one of them only if
// it begins with a mark of it, and has a prompt and an answer.
var templates = append([]template{
	{[]mark{{"<|im_start|>system\n", System, "system"}, {"<|im_start|>user\n", Prompt, "user"}, {"<|im_start|>assistant\n", Answer, "assistant"}, {"<|im_start|>tool\n", Tool, "tool"}},
		[]string{"<|im_end|>", "<|endoftext|>"}, false},
	{[]mark{{"<|start_header_id|>system<|end_header_id|>", System, "system"}, {"<|start_header_id|>user<|end_header_id|>", Prompt, "user"}, {"<|start_header_id|>assistant<|end_header_id|>", Answer, "assistant"}, {"<|start_header_id|>ipython<|end_header_id|>", Tool, "ipython"}},
		[]string{"<|eot_id|>", "<|end_of_text|>"}, false},
	{[]mark{{"<start_of_turn>user\n", Prompt, "user"}, {"<start_of_turn>model\n", Answer, "model"}}, []string{"<end_of_turn>", "<eos>"}, false},
	{[]mark{{"<|system|>", System, "system"}, {"<|user|>", Prompt, "user"}, {"<|assistant|>", Answer, "assistant"}}, []string{"</s>", "<|end|>", "<|endoftext|>"}, false},
	{[]mark{{"[INST]", Prompt, "user"}, {"[/INST]", Answer, "assistant"}}, []string{"<s>", "</s>"}, false},
	{[]mark{{"### Human:", Prompt, "human"}, {"### Assistant:", Answer, "assistant"}, {"### System:", System, "system"}}, nil, false},
	{[]mark{{"### Instruction:", Prompt, "instruction"}, {"### Input:", Prompt, "input"}, {"### Response:", Answer, "response"}}, []string{"</s>", "<|endoftext|>"}, false},
	{[]mark{{"\n\nHuman:", Prompt, "human"}, {"\n\nAssistant:", Answer, "assistant"}}, nil, false},
	{[]mark{{"USER:", Prompt, "user"}, {"ASSISTANT:", Answer, "assistant"}}, []string{"</s>"}, false},
	{[]mark{{"<｜User｜>", Prompt, "user"}, {"<｜Assistant｜>", Answer, "assistant"}}, []string{"<｜end▁of▁sentence｜>"}, false},
	{[]mark{
		{"<|start|>user<|message|>", Prompt, "user"}, {"<|start|>system<|message|>", System, "system"}, {"<|start|>developer<|message|>", System, "developer"},
		{"<|start|>assistant<|channel|>final<|message|>", Answer, "assistant"}, {"<|start|>assistant<|channel|>analysis<|message|>", Reasoning, "assistant"},
		{"<|start|>assistant<|message|>", Answer, "assistant"},
	}, []string{"<|end|>", "<|return|>"}, false},
	{[]mark{{"<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", Prompt, "user"}, {"<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", Answer, "chatbot"}, {"<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>", System, "system"}},
		[]string{"<|END_OF_TURN_TOKEN|>"}, false},
}, transcripts()...)

// transcripts returns the templates whose marks are words at the beginning of a line.
func transcripts() (list []template) {
	for _, pair := range [][2]string{
		{"User:", "Assistant:"}, {"user:", "assistant:"}, {"Human:", "Assistant:"}, {"Human:", "AI:"}, {"User:", "AI:"}, {"User:", "Bot:"},
		{"**User:**", "**Assistant:**"}, {"**User**:", "**Assistant**:"}, {"**Human:**", "**Assistant:**"}, {"## User\n", "## Assistant\n"}, {"### User\n", "### Assistant\n"},
		{"You said:\n", "ChatGPT said:\n"}, {"You:", "ChatGPT:"}, {"Prompt:", "Response:"}, {"Prompt:", "Output:"}, {"Prompt:", "Completion:"}, {"Prompt:", "Answer:"},
		{"Instruction:", "Response:"}, {"Instruction:", "Output:"}, {"Input:", "Output:"}, {"Question:", "Answer:"}, {"Q:", "A:"},
	} {
		list = append(list, template{[]mark{{"\n" + pair[0], Prompt, "user"}, {"\n" + pair[1], Answer, "assistant"}, {"\nSystem:", System, "system"}}, nil, true})
	}
	return list
}

// beginnings may stand before the first mark of a template.
var beginnings = []string{"<|begin_of_text|>", "<s>", "<bos>", "<|endoftext|>", "<｜begin▁of▁sentence｜>", "<BOS_TOKEN>"}

// preamble stands before the first mark of the template of Alpaca.
const preamble = "Below is an instruction that describes a task"

// A turnPart is a turn in a text.
type turnPart struct {
	kind     Kind
	role     string
	from, to int
}

// maxParts bounds the parts that one text is cut into, each of which takes memory.
const maxParts = 1 << 12

// splitTemplate cuts a text into the turns that it holds, by the template with which it
// begins. It returns nil for a text that is not a conversation. Of a text with more than
// maxParts turns it returns those, and that there are more. plain says that nothing but the text
// itself tells what it is.
func splitTemplate(b []byte, plain bool) (parts []turnPart, more bool) {
	at := 0
	for {
		at += len(b[at:]) - len(bytes.TrimLeft(b[at:], " \t\r\n"))
		before := at
		for _, s := range beginnings {
			if bytes.HasPrefix(b[at:], []byte(s)) {
				at += len(s)
			}
		}
		if at == before {
			break
		}
	}
	head := b[at:]
	if len(head) == 0 || bytes.IndexByte([]byte("<[#*HUuBSYPIQ"), head[0]) < 0 {
		return nil, false
	}
	for i := range templates {
		t := &templates[i]
		if t.plain && !plain {
			continue
		}
		begins := bytes.HasPrefix(head, []byte(preamble)) && t.marks[0].text == "### Instruction:"
		for _, m := range t.marks {
			begins = begins || bytes.HasPrefix(head, bytes.TrimLeft([]byte(m.text), "\n"))
		}
		if !begins {
			continue
		}
		if parts, more = t.split(b, at); parts != nil {
			return parts, more
		}
	}
	return nil, false
}

func (t *template) split(b []byte, at int) (parts []turnPart, more bool) {
	prompts, answers := 0, 0
	// Where each mark stands next, so that no byte is looked at twice for one mark.
	places := make([]int, len(t.marks))
	for i := range places {
		places[i] = -2 // not known
	}
	for first := true; ; first = false {
		// The mark that stands next. The first may lack the blank lines before it.
		next, which, length := -1, 0, 0
		for i, m := range t.marks {
			text := []byte(m.text)
			if first {
				text = bytes.TrimLeft(text, "\n")
			}
			if places[i] == -2 || places[i] >= 0 && places[i] < at || first {
				if places[i] = bytes.Index(b[at:], text); places[i] >= 0 {
					places[i] += at
				}
			}
			if j := places[i]; j >= 0 && (next < 0 || j < next) {
				next, which, length = j, i, len(text)
			}
		}
		if first {
			for i := range places {
				places[i] = -2
			}
		}
		end := next
		if next < 0 {
			end = len(b)
		}
		if n := len(parts); n > 0 {
			parts[n-1].to = t.trim(b, parts[n-1].from, end)
			if parts[n-1].to < parts[n-1].from {
				parts[n-1].from = parts[n-1].to
			}
		} else if text := bytes.TrimSpace(b[at:end]); len(text) > 0 { // a preamble
			parts = append(parts, turnPart{System, "", at, end})
		}
		if next < 0 {
			break
		}
		if len(parts) >= maxParts {
			more = true
			break
		}
		m := t.marks[which]
		switch m.kind {
		case Prompt:
			prompts++
		case Answer:
			answers++
		}
		at = next + length
		from := at + len(b[at:]) - len(bytes.TrimLeft(b[at:], " \t\r\n"))
		parts = append(parts, turnPart{m.kind, m.role, from, from})
	}
	if prompts == 0 || answers == 0 {
		return nil, false
	}
	return parts, more
}

// trim returns the end of a turn without blanks and marks of an end.
func (t *template) trim(b []byte, from, to int) int {
	for from <= to {
		kept := len(bytes.TrimRight(b[from:to], " \t\r\n"))
		for _, e := range t.ends {
			if bytes.HasSuffix(b[from:from+kept], []byte(e)) {
				kept -= len(e)
			}
		}
		if from+kept == to {
			return to
		}
		to = from + kept
	}
	return to
}
