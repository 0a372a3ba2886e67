package tokenize_test

import (
	"fmt"
	"log"

	"github.com/isotope-wm/isotope/tokenize"
)

func Example() {
	tok, err := tokenize.Get("o200k_base")
	if err != nil {
		log.Fatal(err)
	}
	ids := tok.Append(nil, []byte("It's a blank line:\n \nand on."))
	fmt.Println(ids)
	text, err := tok.Decode(nil, ids)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", text)
	// Output:
	// [15834 261 16953 2543 734 793 427 402 13]
	// "It's a blank line:\n \nand on."
}

func ExampleBPE_Token() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	bpe := tok.(*tokenize.BPE)
	for _, id := range []int32{1917, 100257} { // the latter is <|endoftext|>
		text, ok := bpe.Token(id)
		fmt.Printf("%q %t\n", text, ok)
	}
	// Output:
	// " world" true
	// "" false
}

func ExampleGet_unknown() {
	_, err := tokenize.Get("gpt-4o")
	fmt.Println(err)
	// Output:
	// tokenize: unknown encoding: "gpt-4o" is none of cl100k_base, o200k_base, p50k_base, p50k_edit, r50k_base
}
