package main

import "strings"

// pasting undoes what copying and pasting does to a text: line ends, no-break spaces
// and typographic quotes. A text that was written with those loses by it, which is
// why normalized text is one test more and not a replacement.
var pasting = strings.NewReplacer(
	"\r\n", "\n", "\r", "\n",
	"\u00a0", " ", "\u202f", " ",
	"\u2018", "'", "\u2019", "'", "\u201c", `"`, "\u201d", `"`,
)

func normalize(text []byte) []byte { return []byte(pasting.Replace(string(text))) }
