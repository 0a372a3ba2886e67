package corpus_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/internal/corpus"
)

func Example() {
	rows := `{"prompt":"Hello?","output":"Hello there."}` + "\n" + `{"prompt":"And?","Output":"N/A"}` + "\n"
	c, err := corpus.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var n corpus.Counts
	for item := range c.Stream(context.Background(), strings.NewReader(rows), "dump.txt") {
		n.Add(item)
		switch x := item.(type) {
		case *corpus.Document:
			for _, t := range x.Texts {
				fmt.Printf("%v: %s of %s: %s\n", x.Place, t.Kind, t.Field, t.Text)
			}
		case *corpus.Skip:
			fmt.Println(x)
		case *corpus.Source:
			fmt.Printf("%s by %s: %d rows, %d documents, %d skipped\n", x.Format, x.By, x.Rows, x.Documents, x.Skipped)
		}
	}
	fmt.Println(n.Check())
	// Output:
	// dump.txt:1: prompt of prompt: Hello?
	// dump.txt:1: answer of output: Hello there.
	// dump.txt:2: "Output" is another field than "output", since names are exact; name it if it holds the text; the row has "prompt" and "Output"
	// json by content: 2 rows, 1 documents, 1 skipped
	// <nil>
}
