// Command _asm writes the assembly of package kernel for amd64, one family of loops per call:
//
//	go run . -family aes -out ../aes_amd64.s -stubs ../aes_amd64.go -pkg kernel
//
// The lint test of package kernel checks three rules in the output:
//
//   - VEX mnemonics only. A legacy SSE instruction after a 256-bit one costs over a hundred
//     cycles on some CPUs.
//   - VZEROUPPER before every RET of a function that uses vector registers.
//   - No register above 15, because only AVX-512 has them. Families with 512 in their name may use
//     them.
package main

import (
	"flag"
	"log"
	"maps"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/build"
)

// families maps each file of assembly to the function that writes it.
var families = map[string]func(){
	"aes":      aes,
	"mask":     masks,
	"score":    score,
	"score512": score512,
	"fused":    fused,
	"lanes":    lanes,
	"bias":     bias,
	"scan":     scans,
}

func main() {
	names := strings.Join(slices.Sorted(maps.Keys(families)), ", ")
	family := flag.String("family", "", "family of loops to write: "+names)
	flag.Parse() // avo has its own flags: -out, -stubs, -pkg
	write, ok := families[*family]
	if !ok {
		log.Fatalf("_asm: unknown family %q (want one of %s)", *family, names)
	}
	build.ConstraintExpr("amd64,!purego")
	write()
	build.Generate()
}
