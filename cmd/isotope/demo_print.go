package main

import (
	"fmt"
	"io"
	"strings"
)

// print tells the story on a terminal.
func (d *demo) print(w io.Writer) error {
	var b strings.Builder
	does, same := "continues", "same student"
	if d.gguf != nil {
		does, same = "answers", "same text"
	}
	fmt.Fprintf(&b, "Key %s. The model %s %q\n\n", d.mark.KeyID(), does, d.promptText(&d.marked))
	fmt.Fprintf(&b, "with the mark:\n%s\n\n", wrap(firstWords(d.marked.texts[0], 70), "  "))
	fmt.Fprintf(&b, "and without:\n%s\n\n", wrap(firstWords(d.unmarked.texts[0], 70), "  "))
	fmt.Fprintf(&b, "%-16s %-14s %10s %15s   %s\n", "tested", "verdict", "log10 p", "green", "what it is")
	for _, r := range d.rows() {
		fmt.Fprintf(&b, "%-16s %-14s %10.2f %15s   %s\n", r.Name, r.Result.Verdict, r.Result.Log10PAdjusted,
			fmt.Sprintf("%d of %d", r.Result.Green, r.Result.Scored), r.OneLine)
	}
	fmt.Fprintf(&b, "%-16s %-14s %10.2f %15s   %s\n\n", "other keys", "", d.minDecoy(), fmt.Sprintf("%d keys", len(d.decoys)), "smallest log10 p of unrelated keys, "+same)
	b.WriteString(wrap("Read a log10 p of -20 as follows. If texts do not depend on the key, a result this strong comes up at most once in 10^20 texts. Half of all tokens are green by chance.", "") + "\n")
	for _, n := range d.notes() {
		b.WriteString(wrap(n, "") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// firstWords returns the first n words of a text.
func firstWords(text []byte, n int) string {
	words := strings.Fields(string(text))
	if len(words) > n {
		return strings.Join(words[:n], " ") + " ..."
	}
	return strings.Join(words, " ")
}
