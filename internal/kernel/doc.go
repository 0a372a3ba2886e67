// Package kernel holds the loops that run over a vocabulary or over the pairs of a text. They
// turn keystream into biased logits, bitmaps and decisions, and scan rows for a sampler.
// Package prf above it knows what keys and contexts mean, and kernel does not.
//
// # The rule
//
// generic.go is the specification. Every backend gives the same bits as generic.go for every
// argument that the exported functions allow. Thus a text that one machine marks tests the
// same on all others, and no user needs to know which backend ran.
//
// [SumExp] is the one exception. Its backends round in another order, [SumExpError] bounds the
// error of all of them, and callers use the sum in bounds alone.
//
// # Backends
//
// The process picks the fastest backend of its CPU at start. See [Active] and [Available].
//
//	backend  build tags          CPU features              dispatch           assembly
//	generic  any                 none                      none               none
//	aesni    amd64 && !purego    AVX2, AES, F16C           loops_amd64.go     *_amd64.s
//	vaes     amd64 && !purego    those of aesni and VAES   loops_amd64.go     *_amd64.s
//	avx512   amd64 && !purego    those of vaes, AVX512F    loops_amd64.go     score512_amd64.s
//	                             and BW, on Intel
//	neon     arm64 && !purego    AES                       loops_arm64.go     *_arm64.s
//
// Backend avx512 scores pairs on 512-bit vectors, which took 0.7 of the time of vaes there. Everything
// else is that of vaes. Loops that wait for memory gain nothing from wider vectors.
//
// The files *_amd64.s and their Go stubs come from the generators in _asm, a module of its own.
// "go generate" writes them, and "make generate" fails if that changes a byte. The files
// *_arm64.s are written by hand, and neon_arm64.h has the macros that they share.
//
// Each loop has one specification, and a backend may leave a loop to it:
//
//	loop            specification      amd64                         arm64
//	streamBlocks    streamGeneric      streamAESNI, streamVAES       streamNEON
//	encryptBlocks   encryptGeneric     encryptAESNI, encryptVAES     encryptNEON
//	maskGroups      maskGeneric        mask1AVX2 to mask8AVX2        mask1NEON to mask8NEON
//	biasGroups      biasGeneric        biasAVX2                      biasNEON
//	biasHalf        widen, then bias   biasBF16AVX2, biasFP16AVX2    biasBF16NEON, biasFP16NEON
//	processTurns    stream, then bias  fused1AESNI to fused8VAES     fused1NEON to fused8NEON
//	packPlaces      packGeneric        packAVX2                      packNEON
//	scoreGroups     scoreGeneric       scoreAESNI, scoreVAES,        scoreNEON
//	                                   scoreAVX512
//	laneBlocks      laneBlocksGeneric  laneBlocksAVX2                laneBlocksNEON
//	countLanes      countLanesGeneric  lanesAVX2                     lanesNEON
//	blockMax        blockMaxGeneric    blockMaxAVX2                  blockMaxNEON
//	groupMax        groupMaxGeneric    groupMaxAVX2                  groupMaxNEON
//	atLeast         atLeastGeneric     atLeastAVX2                   atLeastNEON
//	sumExp          sumExpGeneric      sumExpAVX2                    sumExpNEON
//	floor           the loop in Floor  floorAVX2                     floorNEON
//
// # Switches
//
//   - Build tag purego leaves all assembly out, here and in the standard library.
//   - [Use] selects a backend for tests and benchmarks. No environment variable selects one.
//   - ISOTOPE_REQUIRE_BACKEND=name makes TestRequiredBackend fail if the tests of this package
//     would run on another backend. CI sets it, because a test of a backend that the machine
//     lacks would pass without running.
//
// # How to add a backend
//
//  1. Add its constant and its name to backend.go.
//  2. Detect it in backend_GOARCH.go: detect returns the backends of the CPU, the fastest last,
//     and subWord is the AES S-box on four bytes. On a new GOARCH, exclude that GOARCH in the
//     build tags of backend_noasm.go, loops_noasm.go and scan_loops_noasm.go.
//  3. Implement every function of loops_noasm.go in loops_GOARCH.go, and every function of
//     scan_loops_noasm.go in scan_loops_GOARCH.go. Their comments say what they must do. Call the
//     specification where assembly does not pay.
//  4. Write the assembly by hand, or as a generator in _asm with a line in generate.go. A loop may
//     not read or write outside its arguments, except where its comment says so. Loops assume
//     little-endian memory: they write the words of a bitmap as bytes. On amd64 the rules in
//     _asm/main.go hold as well.
//  5. Run "go test ./internal/kernel ./watermark ./detect". Tests and fuzz targets run on every
//     [Available] backend and compare it with a second reading of the specification.
//     TestGuardPages puts each argument next to memory that may not be touched.
//  6. Add the architecture to the targets cross and qemu of the Makefile, and measure the loops
//     with the benchmarks of this package and of benchmarks/speed.
package kernel
