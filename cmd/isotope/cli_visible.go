package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/visible"
	"github.com/isotope-wm/isotope/internal/secret"
)

// An output is the program's stdout. Text for people is written with escapes in place of characters
// that act on a terminal; see package visible. Data is written as it is, unless it goes to a
// terminal: an object or array of JSON, whose bytes may be hashed, and what exact announced.
type output struct {
	w        io.Writer
	shown    *visible.Writer
	terminal bool
	begun    bool
	asIs     bool
}

func newOutput(w io.Writer) *output {
	file, ok := w.(*os.File)
	return &output{w: w, shown: visible.NewWriter(w), terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// Write implements [io.Writer].
func (o *output) Write(text []byte) (int, error) {
	if !o.begun && len(text) > 0 {
		o.begun = true
		o.asIs = !o.terminal && (o.asIs || text[0] == '{' || text[0] == '[')
	}
	if o.asIs {
		return o.w.Write(text)
	}
	return o.shown.Write(text)
}

// exact announces that what follows is data and not text for people.
func (c *cli) exact() {
	if o, ok := c.stdout.(*output); ok && !o.begun {
		o.asIs = true
	}
}

// visibleText words a text of somebody else for a message.
func visibleText(text string) string { return visible.String(secret.Hide(text)) }
