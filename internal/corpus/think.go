package corpus

import "bytes"

// thinkTags are the marks between which servers leave the reasoning of a model in its
// answer, when they do not put it into a field of its own.
var thinkTags = []struct{ open, close []byte }{
	{[]byte("<think>"), []byte("</think>")},
	{[]byte("<thinking>"), []byte("</thinking>")},
	{[]byte("<thought>"), []byte("</thought>")},
	{[]byte("<reasoning>"), []byte("</reasoning>")},
	{[]byte("<seed:think>"), []byte("</seed:think>")},
	{[]byte("<|thinking|>"), []byte("<|/thinking|>")},
	{[]byte("[THINK]"), []byte("[/THINK]")},
	{[]byte("◁think▷"), []byte("◁/think▷")},
	{[]byte("<|begin_of_thought|>"), []byte("<|end_of_thought|>")},
	{[]byte("<|channel|>analysis<|message|>"), []byte("<|end|>")},
}

// finalMarks stand before the answer proper in formats that mark it, too.
var finalMarks = [][]byte{
	[]byte("<|start|>assistant<|channel|>final<|message|>"),
	[]byte("<|begin_of_solution|>"),
}

var answerEnds = [][]byte{[]byte("<|return|>"), []byte("<|end|>"), []byte("<|end_of_solution|>")}

// A thinkPart is a part of an answer.
type thinkPart struct {
	reasoning bool
	from, to  int
}

// hasThinkTag reports whether a text may have reasoning in tags. It is quick.
func hasThinkTag(b []byte) bool {
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	if len(trimmed) == 0 {
		return false
	}
	switch trimmed[0] {
	case '<', '[', 0xe2:
		for _, t := range thinkTags {
			if bytes.HasPrefix(trimmed, t.open) {
				return true
			}
		}
	}
	return bytes.Contains(b, []byte("</think>"))
}

// splitThink cuts an answer into reasoning and the rest. It returns nil for an answer
// without reasoning. Tags count where the answer begins with one, so that a text about tags
// stays whole. An answer that closes <think> on a line of its own without having opened it
// began inside: some templates open it in the prompt. One that never closes it was cut.
func splitThink(b []byte) []thinkPart {
	start := len(b) - len(bytes.TrimLeft(b, " \t\r\n"))
	for _, t := range thinkTags {
		if !bytes.HasPrefix(b[start:], t.open) {
			continue
		}
		var parts []thinkPart
		at := start
		for {
			from := at + len(t.open)
			i := bytes.Index(b[from:], t.close)
			if i < 0 {
				return append(parts, reasoningPart(b, from, len(b)))
			}
			parts = append(parts, reasoningPart(b, from, from+i))
			at = from + i + len(t.close)
			// More reasoning may follow, at the beginning of a line: agents think again
			// between calls of tools.
			next := nextThink(b[at:], t.open)
			if next < 0 || len(parts) > maxParts {
				break
			}
			if len(bytes.TrimSpace(b[at:at+next])) > 0 {
				parts = append(parts, thinkPart{false, at, at + next})
			}
			at += next
		}
		return append(parts, answerPart(b, at))
	}
	for _, t := range thinkTags[:1] {
		i := bytes.Index(b, t.close)
		if i < 0 || bytes.Contains(b[:i], t.open) {
			continue
		}
		after := b[i+len(t.close):]
		alone := (i == 0 || b[i-1] == '\n') && (len(after) == 0 || after[0] == '\n' || after[0] == '\r')
		if alone && !bytes.Contains(after, t.open) && !bytes.Contains(after, t.close) {
			return []thinkPart{reasoningPart(b, 0, i), answerPart(b, i+len(t.close))}
		}
	}
	return nil
}

// reasoningPart returns the reasoning between two tags without the blanks at its ends, which
// templates set.
func reasoningPart(b []byte, from, to int) thinkPart {
	to -= len(b[from:to]) - len(bytes.TrimRight(b[from:to], " \t\r\n"))
	from += len(b[from:to]) - len(bytes.TrimLeft(b[from:to], " \t\r\n"))
	return thinkPart{true, from, to}
}

// nextThink returns where the tag stands next at the beginning of a line, or -1.
func nextThink(b, open []byte) int {
	from := 0
	for {
		i := bytes.Index(b[from:], open)
		if i < 0 {
			return -1
		}
		i += from
		line := i
		for line > 0 && (b[line-1] == ' ' || b[line-1] == '\t') {
			line--
		}
		if line == 0 || b[line-1] == '\n' {
			return i
		}
		from = i + len(open)
	}
}

// answerPart returns the answer proper, from at on, without the marks around it.
func answerPart(b []byte, at int) thinkPart {
	to := len(b)
	at += len(b[at:]) - len(bytes.TrimLeft(b[at:], " \t\r\n"))
	for _, mark := range finalMarks {
		if bytes.HasPrefix(b[at:], mark) {
			at += len(mark)
			for _, end := range answerEnds {
				if rest := bytes.TrimRight(b[at:], " \t\r\n"); bytes.HasSuffix(rest, end) {
					to = at + len(rest) - len(end)
				}
			}
		}
	}
	return thinkPart{false, at, to}
}
