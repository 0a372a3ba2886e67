// Command isotope marks text while a language model writes it. It detects the mark in a text, and
// in the outputs of another model that was trained on it.
//
//	isotope demo                          the whole story on this machine, in a minute
//	isotope key new FILE                  make a secret key
//	isotope profile new                   print a mark's public description
//	isotope generate --key FILE           write marked text with the embedded model
//	isotope detect --key FILE --profile FILE [PATH...]
//	                                      test texts
//	isotope scan --key FILE --profile FILE PATH...
//	                                      test corpora; map and reduce do it in parts
//	isotope audit --key FILE --profile FILE {PATH... | --endpoint URL}
//	                                      test a suspect model by its outputs
//	isotope plan                          how much text a test needs, and back
//	isotope eval                          what marks cost, and what finds them, measured
//	isotope import, isotope export        the configurations of other engines
//	isotope tokenize [FILE|-]             token ids of a text
//	isotope version
//
// Data goes to stdout. Progress and messages go to stderr: a bar on a terminal, and nothing in a
// pipe or with --quiet. With --json a verb prints one JSON object, which has a version.
//
// The exit status is 0 if the verb ran to its end, whatever the verdict. It is 1 after a runtime
// error, and 2 for a call that cannot be right. It is 3 if the verdict is the one of --fail-on. It
// is 4 if a collection or a scan is not complete, and the same call resumes it.
package main

import (
	"context"
	"os"
	"runtime/debug"
)

func main() {
	protectKeys()
	// A test holds every distinct pair of a corpus. Collecting garbage sooner costs a twentieth of the
	// time and saves a third of the memory.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(20)
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
