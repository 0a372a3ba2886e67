// Gen writes the assembly of package kernel for amd64, one family of loops a call:
//
//	go run . -family aes -out ../aes_amd64.s -stubs ../aes_amd64.go
//
// Rules for all of them, which the lint test of package kernel checks in what comes out:
// VEX mnemonics only, since one legacy SSE instruction after a 256-bit one costs over a
// hundred cycles on some CPUs; VZEROUPPER before every RET; no register above 15, which
// only AVX-512 has.
package main

import (
	"flag"
	"log"
	"maps"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/build"
)

// families are the files of assembly, and what writes their functions.
var families = map[string]func(){
	"aes":   aes,
	"mask":  masks,
	"score": score,
	"fused": fused,
	"lanes": lanes,
	"bias":  bias,
	"scan":  scans,
}

func main() {
	names := strings.Join(slices.Sorted(maps.Keys(families)), ", ")
	family := flag.String("family", "", "what to write: "+names)
	flag.Parse() // avo has its own flags: -out, -stubs, -pkg
	write, ok := families[*family]
	if !ok {
		log.Fatalf("gen: -family is one of %s", names)
	}
	build.ConstraintExpr("amd64,!purego")
	write()
	build.Generate()
}
