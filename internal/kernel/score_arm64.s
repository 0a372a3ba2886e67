//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The table is that of scoreTable in score.go. R5 to R8 point to its lane, mask, inversion and
// threshold.

// Prepares 4 inputs: replaces their tokens by the numbers of their blocks, and fills ids with the
// tokens after the XOR with the lane. V27 holds a right shift. V10 and V11 are free.
#define PREPARE4(a, b, c, d, ids, idsn) \
	VUZP2  b.S4, a.S4, V10.S4       \
	VUZP2  d.S4, c.S4, V11.S4       \
	VUZP2  V11.S4, V10.S4, ids.S4   \
	VREV32 ids.B16, ids.B16         \
	USHL4(27, idsn, 10)             \
	VREV32 V10.B16, V10.B16         \
	VMOV   V10.S[0], a.S[3]         \
	VMOV   V10.S[1], b.S[3]         \
	VMOV   V10.S[2], c.S[3]         \
	VMOV   V10.S[3], d.S[3]         \
	VLD1   (R5), [V10.S4]           \
	VEOR   V10.B16, ids.B16, ids.B16

// Decides 4 tokens: fills a with ones where a token is green. a to d are blocks, and neighbours. V28
// shifts right to the number of a dword, and V29 left to that of a bit.
#define DECIDE4IDS(a, an, b, c, d, ids, idsn) \
	USHL4(28, idsn, 10)                    \
	VTBL V14.B16, [V10.B16], V10.B16       \
	VAND V12.B16, V10.B16, V10.B16         \
	VSHL $2, V10.B16, V10.B16              \
	VADD V15.B16, V10.B16, V10.B16         \
	VTBL V10.B16, [a.B16, b.B16, c.B16, d.B16], a.B16 \
	USHL4(29, idsn, 11)                    \
	VAND V13.B16, V11.B16, V11.B16         \
	VSUB V11.B16, V31.B16, V11.B16         \
	USHL4(11, an, an)                      \
	VLD1 (R6), [V10.S4]                    \
	VLD1 (R7), [V11.S4]                    \
	VAND V10.B16, a.B16, a.B16             \
	VEOR V11.B16, a.B16, a.B16             \
	VLD1 (R8), [V10.S4]                    \
	CMHI4(an, 10, an)

// func scoreNEON(dst *byte, inputs *[16]byte, groups int, keys *[11][16]byte, table *[176]byte)
TEXT ·scoreNEON(SB), NOSPLIT, $0-40
	MOVD  dst+0(FP), R0
	MOVD  inputs+8(FP), R1
	MOVD  groups+16(FP), R2
	MOVD  keys+24(FP), R3
	MOVD  table+32(FP), R5
	LOADKEYS(R3)
	ADD   $32, R5, R6
	ADD   $64, R5, R7
	ADD   $96, R5, R8
	MOVD  128(R5), R9
	NEG   R9, R9
	VDUP  R9, V27.S4
	MOVD  144(R5), R9
	NEG   R9, R9
	VDUP  R9, V28.S4
	MOVD  160(R5), R9
	VDUP  R9, V29.S4
	VMOVI $3, V12.B16
	VMOVI $31, V13.B16
	VMOVQ $0x0404040400000000, $0x0c0c0c0c08080808, V14 // the lowest byte of each dword, 4 times
	VMOVQ $0x1312111003020100, $0x3332313023222120, V15 // the first dword of each block
	VMOVQ $0x8040201008040201, $0x8040201008040201, V30
	VEOR  V31.B16, V31.B16, V31.B16
	LSL   $1, R2 // a turn takes half of a group

loop:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	PREPARE4(V0, V1, V2, V3, V8, 8)
	PREPARE4(V4, V5, V6, V7, V9, 9)
	ENCRYPT8
	DECIDE4IDS(V0, 0, V1, V2, V3, V8, 8)
	DECIDE4IDS(V4, 4, V5, V6, V7, V9, 9)
	VUZP1  V4.H8, V0.H8, V0.H8
	VUZP1  V0.B16, V0.B16, V0.B16
	VAND   V30.B16, V0.B16, V0.B16
	VADDP  V0.B16, V0.B16, V0.B16
	VADDP  V0.B16, V0.B16, V0.B16
	VADDP  V0.B16, V0.B16, V0.B16
	VST1.P V0.B[0], 1(R0)
	SUBS   $1, R2
	BNE    loop
	RET
