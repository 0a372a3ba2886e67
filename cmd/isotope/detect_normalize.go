package main

import "strings"

// pasting undoes changes that copying and pasting makes: line ends, no-break spaces and
// typographic quotes. A text that was written with these loses evidence by it. This is why the
// normalized text is a second test and does not replace the first.
var pasting = strings.NewReplacer(
	"\r\n", "\n", "\r", "\n",
	"\u00a0", " ", "\u202f", " ",
	"\u2018", "'", "\u2019", "'", "\u201c", `"`, "\u201d", `"`,
)

// normalize returns a text as it was before pasting.
func normalize(text []byte) []byte { return []byte(pasting.Replace(string(text))) }
