package tokenize_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/isotope-wm/isotope/tokenize"
)

// The ids of a text, and the text of the ids.
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

// A loop that counts the tokens of many texts reuses the slice of ids, and then does not allocate.
func Example_count() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	var ids []int32
	for _, text := range []string{"Hello, world!", "Grüße aus Köln", "吾輩は猫である"} {
		ids = tok.Append(ids[:0], []byte(text))
		fmt.Printf("%d tokens, %d bytes: %s\n", len(ids), len(text), text)
	}
	// Output:
	// 4 tokens, 13 bytes: Hello, world!
	// 6 tokens, 17 bytes: Grüße aus Köln
	// 12 tokens, 21 bytes: 吾輩は猫である
}

// A server sends text while a model draws ids. The Stream holds back the bytes of a character until it is
// complete, and what may become a stop string.
func ExampleStream() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	stream := tokenize.NewStream(tok, "\nUser:")
	for _, id := range tok.Append(nil, []byte("An owl 🦉!\nUser: and?")) {
		text, stopped, err := stream.Add(id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("id %5d, send %q\n", id, text)
		if stopped {
			break
		}
	}
	fmt.Printf("end, send %q\n", stream.Rest())
	// Output:
	// id  2127, send "An"
	// id 53369, send " owl"
	// id 11410, send " "
	// id    99, send ""
	// id   231, send "🦉"
	// id  4999, send "!"
	// id  1502, send ""
	// id    25, send ""
	// end, send ""
}

// A test must tokenize a text as a whole: the ids of two parts are in general not those of the text.
func Example_parts() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	whole := tok.Append(nil, []byte("watermarked text"))
	parts := tok.Append(nil, []byte("watermark"))
	parts = tok.Append(parts, []byte("ed text"))
	fmt.Println(whole)
	fmt.Println(parts)
	// Output:
	// [13284 47462 1495]
	// [13284 4075 291 1495]
}

func ExampleBPE_Token() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	bpe := tok.(*tokenize.BPE)
	for _, id := range []int32{1917, 100257} { // 100257 is <|endoftext|>
		text, ok := bpe.Token(id)
		fmt.Printf("%q %t\n", text, ok)
	}
	// Output:
	// " world" true
	// "" false
}

// Special tokens do not decode. The error says which id, and where it stands.
func ExampleBPE_Decode() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	_, err = tok.Decode(nil, []int32{9642, 100257})
	fmt.Println(errors.Is(err, tokenize.ErrID))
	fmt.Println(err)
	// Output:
	// true
	// tokenize: id does not decode: cl100k_base: id 100257 at position 1 is the special token <|endoftext|>
}

// Two tokenizers with equal digests give equal ids for every text, whatever their names.
func ExampleGet() {
	digests := map[string]string{}
	for _, name := range []string{"gpt2", "r50k_base", "p50k_base"} {
		tok, err := tokenize.Get(name)
		if err != nil {
			log.Fatal(err)
		}
		digests[name] = tok.Digest()
	}
	fmt.Println(digests["gpt2"] == digests["r50k_base"], digests["gpt2"] == digests["p50k_base"])
	// Output: true false
}

// A tokenizer that is not built in comes from a file of the model.
func ExampleGet_model() {
	tok, err := tokenize.Get("gpt-4o")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tok.Name())
	_, err = tokenize.Get("deepseek-v3")
	fmt.Println(err)
	// Output:
	// o200k_base
	// tokenize: unknown encoding "deepseek-v3": its tokenizer is not built in; give the file tokenizer.json from the directory of the model's weights, or its GGUF file
}

// The file of a tokenizer. This one has no merges, so that its tokens are bytes.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "isotope")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var lines []byte
	for b := range 256 {
		lines = fmt.Appendf(lines, "%s %d\n", base64.StdEncoding.EncodeToString([]byte{byte(b)}), b)
	}
	path := filepath.Join(dir, "bytes.tiktoken")
	if err := os.WriteFile(path, lines, 0o666); err != nil {
		log.Fatal(err)
	}
	tok, err := tokenize.LoadWith(path, tokenize.LoadOptions{Pattern: "cl100k_base"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tok.Name(), tok.Append(nil, []byte("ok")))
	// Output:
	// bpe-d6218bc8863d [111 107]
}

// The place of each id in a text.
func ExampleBPE_AppendSpans() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	text := []byte("Grüße 🦉")
	ids, spans := tok.(*tokenize.BPE).AppendSpans(nil, nil, text)
	for i, s := range spans {
		fmt.Printf("%d to %d: id %d, %q\n", s.Start, s.End, ids[i], text[s.Start:s.End])
	}
	// Output:
	// 0 to 2: id 6600, "Gr"
	// 2 to 4: id 2448, "ü"
	// 4 to 7: id 24352, "ße"
	// 7 to 10: id 11410, " \xf0\x9f"
	// 10 to 11: id 99, "\xa6"
	// 11 to 12: id 231, "\x89"
}

// A profile whose vocabulary is too small for the tokenizer.
func ExampleBPE_CheckRows() {
	tok, err := tokenize.Get("cl100k_base")
	if err != nil {
		log.Fatal(err)
	}
	e := tok.(*tokenize.BPE)
	padding, _ := e.CheckRows(100352)
	fmt.Println(padding, "rows without a token")
	_, err = e.CheckRows(100256)
	fmt.Println(errors.Is(err, tokenize.ErrRows))
	// Output:
	// 75 rows without a token
	// true
}

func ExampleNames() {
	for _, name := range tokenize.Names() {
		tok, err := tokenize.Get(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, tok.Vocab())
	}
	// Output:
	// cl100k_base 100277
	// o200k_base 200019
	// o200k_harmony 201088
	// p50k_base 50281
	// p50k_edit 50284
	// r50k_base 50257
}

// byteTokenizer is a Tokenizer of one's own: an id is a byte, and id 256 ends a text.
type byteTokenizer struct{}

func (byteTokenizer) Name() string { return "bytes" }
func (byteTokenizer) Vocab() int   { return 257 }

// Digest changes with the vocabulary and the rules, which are this one sentence here.
func (byteTokenizer) Digest() string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("ids are bytes, and 256 ends a text")))
}

func (byteTokenizer) Append(dst []int32, text []byte) []int32 {
	for _, b := range text {
		dst = append(dst, int32(b))
	}
	return dst
}

func (byteTokenizer) Decode(dst []byte, ids []int32) ([]byte, error) {
	start := len(dst)
	for i, id := range ids {
		if id < 0 || id > 255 { // 256 has no text, so that no text can forge it
			return dst[:start], fmt.Errorf("%w: bytes: id %d at position %d", tokenize.ErrID, id, i)
		}
		dst = append(dst, byte(id))
	}
	return dst, nil
}

// An engine with a vocabulary of its own implements Tokenizer.
func ExampleTokenizer() {
	var tok tokenize.Tokenizer = byteTokenizer{}
	ids := tok.Append(nil, []byte("ok"))
	fmt.Println(tok.Name(), tok.Vocab(), tok.Digest()[:15], ids)
	_, err := tok.Decode(nil, append(ids, 256))
	fmt.Println(err)
	// Output:
	// bytes 257 sha256:cfc0308c [111 107]
	// tokenize: id does not decode: bytes: id 256 at position 2
}
