//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Of 128 tenant lanes of one bit, lane i of token v reads bit v XOR i of a block. The loop puts the
// block in the order of the token, once for all lanes. Carry-save adders (Harley and Seal) add the
// bits of 8 tokens: V0, V1 and V2 hold three binary digits of the sum of each lane, and only the
// carries of weight eight go to the counters in V16 to V23.

// Loads a block and puts it in the order of its token. R8 points to laneOrder and R9 to laneInner.
// V10 to V12 are free, and V13 is a mask of nibbles.
#define TOKEN(x) \
	MOVBU  15(R2), R5              \
	ADD    $16, R2                 \
	AND    $7, R5, R6              \
	UBFX   $3, R5, $4, R5          \
	ADD    R5<<4, R8, R5           \
	ADD    R6<<5, R9, R6           \
	VLD1.P 16(R1), [x.B16]         \
	VLD1   (R5), [V10.B16]         \
	VLD1   (R6), [V11.B16, V12.B16] \
	VTBL   V10.B16, [x.B16], x.B16 \
	VUSHR  $4, x.B16, V10.B16      \
	VAND   V13.B16, x.B16, x.B16   \
	VTBL   x.B16, [V11.B16], x.B16 \
	VTBL   V10.B16, [V12.B16], V10.B16 \
	VORR   V10.B16, x.B16, x.B16

// Replaces sum by the lower digit of sum + a + b. The upper digit goes to carry.
#define ADDBITS(sum, a, b, carry) \
	VEOR a.B16, sum.B16, carry.B16 \
	VEOR b.B16, carry.B16, sum.B16 \
	VBSL a.B16, b.B16, carry.B16

// Adds the bits of x to the counters. V24 to V31 spread its bytes, and V14 has a bit for each byte.
#define COUNT(x) \
	VTBL   V24.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V16.B16, V16.B16 \
	VTBL   V25.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V17.B16, V17.B16 \
	VTBL   V26.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V18.B16, V18.B16 \
	VTBL   V27.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V19.B16, V19.B16 \
	VTBL   V28.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V20.B16, V20.B16 \
	VTBL   V29.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V21.B16, V21.B16 \
	VTBL   V30.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V22.B16, V22.B16 \
	VTBL   V31.B16, [x.B16], V10.B16 \
	VCMTST V14.B16, V10.B16, V10.B16 \
	VSUB   V10.B16, V23.B16, V23.B16

#define DOUBLE \
	VADD V16.B16, V16.B16, V16.B16 \
	VADD V17.B16, V17.B16, V17.B16 \
	VADD V18.B16, V18.B16, V18.B16 \
	VADD V19.B16, V19.B16, V19.B16 \
	VADD V20.B16, V20.B16, V20.B16 \
	VADD V21.B16, V21.B16, V21.B16 \
	VADD V22.B16, V22.B16, V22.B16 \
	VADD V23.B16, V23.B16, V23.B16

// func lanesNEON(ones *[128]uint8, blocks, inputs *[16]byte, n int)
TEXT ·lanesNEON(SB), NOSPLIT, $0-32
	MOVD  ones+0(FP), R0
	MOVD  blocks+8(FP), R1
	MOVD  inputs+16(FP), R2
	MOVD  n+24(FP), R3
	MOVD  $·laneOrder(SB), R8
	MOVD  $·laneInner(SB), R9
	VMOVI $15, V13.B16
	VMOVQ $0x8040201008040201, $0x8040201008040201, V14
	VMOVQ $0x0000000000000000, $0x0101010101010101, V24
	VMOVQ $0x0202020202020202, $0x0303030303030303, V25
	VMOVQ $0x0404040404040404, $0x0505050505050505, V26
	VMOVQ $0x0606060606060606, $0x0707070707070707, V27
	VMOVQ $0x0808080808080808, $0x0909090909090909, V28
	VMOVQ $0x0a0a0a0a0a0a0a0a, $0x0b0b0b0b0b0b0b0b, V29
	VMOVQ $0x0c0c0c0c0c0c0c0c, $0x0d0d0d0d0d0d0d0d, V30
	VMOVQ $0x0e0e0e0e0e0e0e0e, $0x0f0f0f0f0f0f0f0f, V31
	VEOR  V0.B16, V0.B16, V0.B16
	VEOR  V1.B16, V1.B16, V1.B16
	VEOR  V2.B16, V2.B16, V2.B16
	VEOR  V16.B16, V16.B16, V16.B16
	VEOR  V17.B16, V17.B16, V17.B16
	VEOR  V18.B16, V18.B16, V18.B16
	VEOR  V19.B16, V19.B16, V19.B16
	VEOR  V20.B16, V20.B16, V20.B16
	VEOR  V21.B16, V21.B16, V21.B16
	VEOR  V22.B16, V22.B16, V22.B16
	VEOR  V23.B16, V23.B16, V23.B16

eight:
	CMP  $8, R3
	BLT  sums
	TOKEN(V3)
	TOKEN(V4)
	ADDBITS(V0, V3, V4, V5)
	TOKEN(V3)
	TOKEN(V4)
	ADDBITS(V0, V3, V4, V6)
	ADDBITS(V1, V5, V6, V7)
	TOKEN(V3)
	TOKEN(V4)
	ADDBITS(V0, V3, V4, V5)
	TOKEN(V3)
	TOKEN(V4)
	ADDBITS(V0, V3, V4, V6)
	ADDBITS(V1, V5, V6, V8)
	ADDBITS(V2, V7, V8, V9)
	COUNT(V9)
	SUB  $8, R3
	B    eight

sums:
	DOUBLE
	COUNT(V2)
	DOUBLE
	COUNT(V1)
	DOUBLE
	COUNT(V0)

one:
	CBZ  R3, end
	TOKEN(V3)
	COUNT(V3)
	SUB  $1, R3
	B    one

end:
	MOVD   R0, R1
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1   (R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	VADD   V16.B16, V0.B16, V0.B16
	VADD   V17.B16, V1.B16, V1.B16
	VADD   V18.B16, V2.B16, V2.B16
	VADD   V19.B16, V3.B16, V3.B16
	VADD   V20.B16, V4.B16, V4.B16
	VADD   V21.B16, V5.B16, V5.B16
	VADD   V22.B16, V6.B16, V6.B16
	VADD   V23.B16, V7.B16, V7.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	VST1   [V4.B16, V5.B16, V6.B16, V7.B16], (R0)
	RET

// Divides the number in the last four bytes of x by 128. V31 reverses these bytes, and V30 shifts.
#define DIVIDE(x, xn) \
	VTBL V31.B16, [x.B16], x.B16 \
	USHL4(30, xn, xn)            \
	VTBL V31.B16, [x.B16], x.B16

// func laneBlocksNEON(dst, inputs *[16]byte, n int)
TEXT ·laneBlocksNEON(SB), NOSPLIT, $0-24
	MOVD  dst+0(FP), R0
	MOVD  inputs+8(FP), R1
	MOVD  n+16(FP), R2
	VMOVQ $0x0706050403020100, $0x0c0d0e0f0b0a0908, V31
	VMOVQ $0, $0xfffffff900000000, V30 // -7 for the last number

four:
	CMP    $4, R2
	BLT    one
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	DIVIDE(V0, 0)
	DIVIDE(V1, 1)
	DIVIDE(V2, 2)
	DIVIDE(V3, 3)
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUB    $4, R2
	B      four

one:
	CBZ    R2, end
	VLD1.P 16(R1), [V0.B16]
	DIVIDE(V0, 0)
	VST1.P [V0.B16], 16(R0)
	SUB    $1, R2
	B      one

end:
	RET
