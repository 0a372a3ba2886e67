package tokenize

import (
	"sync"
	"unicode/utf8"
)

// A class is the sets of the patterns that contain a character. A mark is in upper and lower, but not
// in letter. A control character is in no set, and neither is a byte that is not UTF-8.
type class uint8

const (
	letter  class = 1 << iota // \p{L}
	number                    // \p{N}
	space                     // \s
	upper                     // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
	lower                     // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
	newline                   // [\r\n]
	punct                     // \p{P}
	symbol                    // \p{S}

	word = upper | lower // [\p{L}\p{M}]
)

// classPages[classPage[r>>8]][r&0xff] is the class of r. ascii holds the first half of the first page.
// loadClasses writes them once, before the first Tokenizer exists.
var (
	ascii      [utf8.RuneSelf]class
	classPage  [(utf8.MaxRune + 1) >> 8]uint8
	classPages [][256]class
)

// loadClasses expands classRuns and punctRuns into pages.
var loadClasses = sync.OnceFunc(func() {
	seen := make(map[[256]class]uint8)
	flat := make(map[class]uint8) // pages of one class, which most are
	run, mark := 0, 0
	for p := range classPage {
		after := uint32(p+1) << 8
		whole := (run+1 == len(classRuns) || classRuns[run+1]>>8 >= after) && (mark+1 == len(punctRuns) || punctRuns[mark+1]>>8 >= after)
		one := class(classRuns[run]) | class(punctRuns[mark])
		if n, ok := flat[one]; ok && whole {
			classPage[p] = n
			continue
		}
		var page [256]class
		for i := range page {
			r := uint32(p<<8 | i)
			for run+1 < len(classRuns) && classRuns[run+1]>>8 <= r {
				run++
			}
			for mark+1 < len(punctRuns) && punctRuns[mark+1]>>8 <= r {
				mark++
			}
			page[i] = class(classRuns[run]) | class(punctRuns[mark])
		}
		n, ok := seen[page]
		if !ok {
			n = uint8(len(classPages))
			seen[page] = n
			classPages = append(classPages, page)
		}
		classPage[p] = n
		if whole {
			flat[one] = n
		}
	}
	copy(ascii[:], classPages[classPage[0]][:])
})

// next returns the class and the length of the character at text[i].
func next(text []byte, i int) (class, int) {
	if b := text[i]; b < utf8.RuneSelf {
		return ascii[b], 1
	}
	return nextRune(text[i:])
}

func nextRune(text []byte) (class, int) {
	r, n := utf8.DecodeRune(text)
	if r == utf8.RuneError && n == 1 {
		return 0, 1
	}
	return classPages[classPage[r>>8]][r&0xff], n
}
