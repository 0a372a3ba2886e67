package secretaccess_test

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// A program that hands a key to another one asks for its text form by name.
func Example() {
	key := watermark.NewKey()
	text := key.Secret(secretaccess.Allow())
	fmt.Println(len(text), strings.HasPrefix(text, "isotope-secret-key-1:"))
	// Output: 85 true
}
