package forms

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A Form undoes one kind of change. Forms are immutable and safe for concurrent use.
type Form struct {
	Name       string // as it is asked for and reported
	Undoes     string // in words, for messages: "Unicode spaces and invisible characters"
	Idempotent bool   // the form leaves its own output as it is
	lines      bool   // one of the forms about ends of lines, which exclude each other
	rounds     int    // how often it is used on its own output at most, 0 for once
	edit       func(*editor)
}

// Apply returns the text in this form, with the map back to it. The text itself is not
// changed, and it is what is returned when the form has nothing to undo, and where it is
// longer than 512 MiB.
func (f Form) Apply(text []byte) ([]byte, Map) {
	var m Map
	if len(text) > maxText/8 { // no character that comes out is 8 times as long as what it stands for
		return text, m
	}
	for range max(f.rounds, 1) {
		e := editor{src: text}
		f.edit(&e)
		next, step := e.done()
		if step.Identity() {
			break
		}
		text, m = next, m.Then(step)
	}
	return text, m
}

// all has the forms in the order in which they compose.
var all = []Form{
	{Name: "terminal", Undoes: "sequences for terminals and overstruck characters", Idempotent: true, edit: terminal},
	{Name: "json", Undoes: "escapes of JSON strings", edit: jsonEscapes},
	{Name: "entities", Undoes: "entities of HTML", edit: entities},
	{Name: "mojibake", Undoes: "UTF-8 that was read as Latin-1 or Windows-1252, up to three times", rounds: 3, edit: mojibake},
	{Name: "line_ends", Undoes: "ends of lines other than LF", Idempotent: true, edit: lineEnds},
	{Name: "spaces", Undoes: "Unicode spaces, zero-width and format characters", Idempotent: true, edit: spaces},
	{Name: "width", Undoes: "full-width characters and ligatures", Idempotent: true, edit: width},
	{Name: "nfc", Undoes: "decomposed characters", Idempotent: true, edit: nfc},
	{Name: "lookalikes", Undoes: "Cyrillic and Greek letters in place of Latin ones", Idempotent: true, edit: lookalikes},
	{Name: "quotes", Undoes: "typographic quotation marks", Idempotent: true, edit: quotes},
	{Name: "markdown", Undoes: "escapes of Markdown", edit: markdown},
	{Name: "trailing", Undoes: "blanks at the ends of lines", Idempotent: true, edit: trailing},
	{Name: "prefixes", Undoes: "quotation marks, list markers, numbers and indents before lines", Idempotent: true, edit: prefixes},
	{Name: "unwrap", Undoes: "lines that were wrapped", Idempotent: true, lines: true, edit: unwrap},
	{Name: "paragraphs", Undoes: "blank lines between paragraphs that were lost or doubled", Idempotent: true, lines: true, edit: paragraphs},
	{Name: "join", Undoes: "all ends of lines, as copying into one line does", Idempotent: true, lines: true, edit: joinLines},
}

// All returns every form, in the order in which they compose.
func All() []Form { return slices.Clone(all) }

// Lookup returns the form of that name.
func Lookup(name string) (Form, bool) {
	for _, f := range all {
		if f.Name == name {
			return f, true
		}
	}
	return Form{}, false
}

// A Chain is a list of forms that are used one after the other, as one form.
type Chain []Form

// NewChain returns the chain of the forms of these names, in the order of All whatever the
// order of the names. It fails on a name that is not known or stands twice, and on a
// second form about ends of lines.
func NewChain(names ...string) (Chain, error) {
	var c Chain
	for _, f := range all {
		switch n := count(names, f.Name); {
		case n > 1:
			return nil, fmt.Errorf("the form %s is named twice; name it once", f.Name)
		case n == 1:
			c = append(c, f)
		}
	}
	if len(c) != len(names) {
		for _, n := range names {
			if _, ok := Lookup(n); !ok {
				return nil, fmt.Errorf("the form %q is not known; the forms are %s", n, strings.Join(Names(), ", "))
			}
		}
	}
	lines := ""
	for _, f := range c {
		if f.lines && lines != "" {
			return nil, fmt.Errorf("the forms %s and %s exclude each other; name one of them", lines, f.Name)
		}
		if f.lines {
			lines = f.Name
		}
	}
	return c, nil
}

func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// Names returns the names of all forms.
func Names() []string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	return names
}

// Name returns the names of the forms with a plus between them.
func (c Chain) Name() string {
	names := make([]string, len(c))
	for i, f := range c {
		names[i] = f.Name
	}
	return strings.Join(names, "+")
}

// Apply uses the forms one after the other. It also returns which of them changed the text.
func (c Chain) Apply(text []byte) (out []byte, m Map, changed []string) {
	out = text
	for _, f := range c {
		next, step := f.Apply(out)
		if !step.Identity() {
			changed = append(changed, f.Name)
		}
		out, m = next, m.Then(step)
	}
	return out, m, changed
}

// Default returns the chains that are tested by default besides the text as it is: what
// pasting does, as the first version of this program had it; all escapes and characters;
// and the same with lines unquoted and unwrapped.
func Default() []Chain {
	var chains []Chain
	for _, names := range [][]string{
		{"line_ends", "spaces", "quotes"},
		{"terminal", "entities", "mojibake", "line_ends", "spaces", "width", "nfc", "lookalikes"},
		{"terminal", "entities", "mojibake", "line_ends", "spaces", "width", "nfc", "lookalikes", "trailing", "prefixes", "unwrap"},
	} {
		c, err := NewChain(names...)
		if err != nil {
			panic("forms: the default chains are wrong")
		}
		chains = append(chains, c)
	}
	return chains
}

// A Variant is a text as some chain leaves it.
type Variant struct {
	Chain   Chain    // the first that leads to this text
	Changed []string // the forms that changed something
	Text    []byte
	Map     Map
}

// Variants returns the texts besides the given one that the chains lead to, each once, in
// the order of the chains. Every one is a test that must be counted, and no other is: equal
// texts have equal results.
func Variants(text []byte, chains []Chain) []Variant {
	var list []Variant
	for _, c := range chains {
		out, m, changed := c.Apply(text)
		if bytes.Equal(out, text) || slices.ContainsFunc(list, func(v Variant) bool { return bytes.Equal(v.Text, out) }) {
			continue
		}
		list = append(list, Variant{c, changed, out, m})
	}
	return list
}
