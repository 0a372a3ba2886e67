//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The fused loops make keystream, decide and add biases in one pass. A turn encrypts 4 blocks. It
// adds the biases that the turn before has decided, between the rounds of AES: one block after the
// other would wait for each round, and additions do not depend on them.
//
// V0 to V3 hold the blocks, V8 to V15 the bits of a word of decisions, and V28 delta. R0 is the
// row, R1 the number of turns, R4 the counter and R6 the tables. R7 points to the decisions of a
// turn on the stack, and R8 to those that come next.

#define PREPARE \
	LOADKEYS(R2)                                          \
	MOVD  (R3), R5                                        \
	MOVWU 8(R3), R8                                       \
	VEOR  V27.B16, V27.B16, V27.B16                       \
	VMOV  R5, V27.D[0]                                    \
	VMOV  R8, V27.S[2]                                    \
	VDUP  R9, V28.S4                                      \
	VMOVQ $0x0000000200000001, $0x0000000800000004, V8    \
	VSHL  $4, V8.S4, V9.S4                                \
	VSHL  $8, V8.S4, V10.S4                               \
	VSHL  $12, V8.S4, V11.S4                              \
	VSHL  $16, V8.S4, V12.S4                              \
	VSHL  $20, V8.S4, V13.S4                              \
	VSHL  $24, V8.S4, V14.S4                              \
	VSHL  $28, V8.S4, V15.S4

// 8 logits, by the bits low and high of the word in V4.
#define EIGHT(low, high) \
	VCMTST low.S4, V4.S4, V5.S4      \
	VCMTST high.S4, V4.S4, V29.S4    \
	VAND   V28.B16, V5.B16, V5.B16   \
	VAND   V28.B16, V29.B16, V29.B16 \
	VLD1   (R0), [V6.S4, V7.S4]      \
	FADD4(5, 6, 6)                   \
	FADD4(29, 7, 7)                  \
	VST1.P [V6.S4, V7.S4], 32(R0)

// The four parts of a word of decisions, in order.
#define PART0 \
	VLD1R.P 4(R8), [V4.S4] \
	EIGHT(V8, V9)

#define PART1 EIGHT(V10, V11)
#define PART2 EIGHT(V12, V13)
#define PART3 EIGHT(V14, V15)

#define ROUND4(key) \
	ROUND(key, V0) \
	ROUND(key, V1) \
	ROUND(key, V2) \
	ROUND(key, V3)

#define COUNTERS \
	COUNTER(V0) \
	COUNTER(V1) \
	COUNTER(V2) \
	COUNTER(V3)

#define LAST4 \
	ROUND4(V24) \
	LAST(V0)    \
	LAST(V1)    \
	LAST(V2)    \
	LAST(V3)

// The first blocks, before there are decisions.
#define FIRST \
	COUNTERS    \
	ROUND4(V16) \
	ROUND4(V17) \
	ROUND4(V18) \
	ROUND4(V19) \
	ROUND4(V20) \
	ROUND4(V21) \
	ROUND4(V22) \
	ROUND4(V23) \
	LAST4

// A round, and the biases of 64, 32, 16 or 8 logits.
#define MARK64(key) \
	ROUND(key, V0) \
	PART0          \
	PART1          \
	ROUND(key, V1) \
	PART2          \
	PART3          \
	ROUND(key, V2) \
	PART0          \
	PART1          \
	ROUND(key, V3) \
	PART2          \
	PART3

#define MARK32(key) \
	ROUND(key, V0) \
	PART0          \
	ROUND(key, V1) \
	PART1          \
	ROUND(key, V2) \
	PART2          \
	ROUND(key, V3) \
	PART3

#define MARK16(key, a, b) \
	ROUND(key, V0) \
	a              \
	ROUND(key, V1) \
	ROUND(key, V2) \
	b              \
	ROUND(key, V3)

#define MARK8(key, a) \
	ROUND(key, V0) \
	ROUND(key, V1) \
	a              \
	ROUND(key, V2) \
	ROUND(key, V3)

// These write what the blocks decide to the stack.
#define DECISIONS1 \
	LUTS(R6)    \
	NIBBLEMASK  \
	NIBBLES(V0) \
	NIBBLES(V1) \
	NIBBLES(V2) \
	NIBBLES(V3) \
	VST1 [V0.B16, V1.B16, V2.B16, V3.B16], (R7)

#define DECISIONS2 \
	LUTS(R6)                       \
	NIBBLEMASK                     \
	DECIDE2(V0, V1)                \
	DECIDE2(V2, V3)                \
	VMOV V2.B16, V1.B16            \
	VST1 [V0.B16, V1.B16], (R7)

#define DECISIONS4 \
	LUTS(R6)                       \
	NIBBLEMASK                     \
	DECIDE4(V0, V1)                \
	DECIDE4(V2, V3)                \
	VMOV V2.D[0], V0.D[1]          \
	VST1 [V0.B16], (R7)

#define DECISIONS8 \
	LUTS(R6)                       \
	BITMASK                        \
	DECIDE8(V0, V1)                \
	DECIDE8(V2, V3)                \
	VMOV V2.S[0], V0.S[1]          \
	VST1 [V0.B8], (R7)

// func fused1NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)
TEXT ·fused1NEON(SB), NOSPLIT, $64-52
	MOVD  x+0(FP), R0
	MOVD  turns+8(FP), R1
	MOVD  keys+16(FP), R2
	MOVD  nonce+24(FP), R3
	MOVWU first+32(FP), R4
	MOVD  luts+40(FP), R6
	MOVWU delta+48(FP), R9
	MOVD  $masks-64(SP), R7
	PREPARE
	FIRST
	DECISIONS1

loop:
	MOVD R7, R8
	COUNTERS
	MARK64(V16)
	MARK64(V17)
	MARK64(V18)
	MARK64(V19)
	MARK64(V20)
	MARK64(V21)
	MARK64(V22)
	MARK64(V23)
	LAST4
	DECISIONS1
	SUB  $1, R1
	CBNZ R1, loop
	RET

// func fused2NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)
TEXT ·fused2NEON(SB), NOSPLIT, $64-52
	MOVD  x+0(FP), R0
	MOVD  turns+8(FP), R1
	MOVD  keys+16(FP), R2
	MOVD  nonce+24(FP), R3
	MOVWU first+32(FP), R4
	MOVD  luts+40(FP), R6
	MOVWU delta+48(FP), R9
	MOVD  $masks-64(SP), R7
	PREPARE
	FIRST
	DECISIONS2

loop:
	MOVD R7, R8
	COUNTERS
	MARK32(V16)
	MARK32(V17)
	MARK32(V18)
	MARK32(V19)
	MARK32(V20)
	MARK32(V21)
	MARK32(V22)
	MARK32(V23)
	LAST4
	DECISIONS2
	SUB  $1, R1
	CBNZ R1, loop
	RET

// func fused4NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)
TEXT ·fused4NEON(SB), NOSPLIT, $64-52
	MOVD  x+0(FP), R0
	MOVD  turns+8(FP), R1
	MOVD  keys+16(FP), R2
	MOVD  nonce+24(FP), R3
	MOVWU first+32(FP), R4
	MOVD  luts+40(FP), R6
	MOVWU delta+48(FP), R9
	MOVD  $masks-64(SP), R7
	PREPARE
	FIRST
	DECISIONS4

loop:
	MOVD R7, R8
	COUNTERS
	MARK16(V16, PART0, PART1)
	MARK16(V17, PART2, PART3)
	MARK16(V18, PART0, PART1)
	MARK16(V19, PART2, PART3)
	MARK16(V20, PART0, PART1)
	MARK16(V21, PART2, PART3)
	MARK16(V22, PART0, PART1)
	MARK16(V23, PART2, PART3)
	LAST4
	DECISIONS4
	SUB  $1, R1
	CBNZ R1, loop
	RET

// func fused8NEON(x *float32, turns int, keys *[11][16]byte, nonce *[12]byte, first uint32, luts *[3][16]byte, delta float32)
TEXT ·fused8NEON(SB), NOSPLIT, $64-52
	MOVD  x+0(FP), R0
	MOVD  turns+8(FP), R1
	MOVD  keys+16(FP), R2
	MOVD  nonce+24(FP), R3
	MOVWU first+32(FP), R4
	MOVD  luts+40(FP), R6
	MOVWU delta+48(FP), R9
	MOVD  $masks-64(SP), R7
	PREPARE
	FIRST
	DECISIONS8

loop:
	MOVD R7, R8
	COUNTERS
	MARK8(V16, PART0)
	MARK8(V17, PART1)
	MARK8(V18, PART2)
	MARK8(V19, PART3)
	MARK8(V20, PART0)
	MARK8(V21, PART1)
	MARK8(V22, PART2)
	MARK8(V23, PART3)
	LAST4
	DECISIONS8
	SUB  $1, R1
	CBNZ R1, loop
	RET
