// Command isotope marks text while a language model writes it, and finds the mark
// again: in a text, and in the outputs of another model that was trained on it.
//
//	isotope demo                          the whole story on this machine, in a minute
//	isotope keygen FILE                   make a secret key
//	isotope profile                       print a mark's public description
//	isotope generate --key FILE           write marked text with the embedded model
//	isotope detect --key FILE --profile FILE [FILE|-]
//	                                      test a text
//	isotope student --key FILE --profile FILE {FILE... | --endpoint URL}
//	                                      test a suspect model by what it says
//	isotope plan                          tokens needed for a power, and back
//	isotope version
//
// stdout is data, stderr is progress and messages: a bar on a terminal, nothing in a
// pipe or with --quiet. With --json a verb prints one JSON object with a version.
//
// Exit status: 0 ran to the end, whatever the verdict; 1 runtime error; 2 wrong usage;
// 3 only with --fail-on, when the verdict is that one; 4 incomplete, and the same call
// goes on.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
