package reading_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/isotope-wm/isotope/internal/reading"
)

func ExampleReader() {
	file := `{"isotope_reading":1,"kind":"choices","vocab":100,"tokenizer":"none","model":"suspect"}
{"tokens":[1,2,3],"choices":[2,3,-1]}
`
	r, err := reading.NewReader(strings.NewReader(file))
	if err != nil {
		panic(err)
	}
	for {
		text, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(err)
		}
		fmt.Println(r.Header().Model, text.Tokens, text.Choices)
	}
	// Output: suspect [1 2 3] [2 3 -1]
}
