//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// func subWordNEON(word uint32) uint32
// With the same word in every column, ShiftRows changes nothing.
TEXT ·subWordNEON(SB), NOSPLIT, $0-12
	MOVWU word+0(FP), R0
	VDUP  R0, V0.S4
	VEOR  V1.B16, V1.B16, V1.B16
	AESE  V1.B16, V0.B16
	VMOV  V0.S[0], R0
	MOVW  R0, ret+8(FP)
	RET

// func streamNEON(dst *byte, blocks int, keys *[11][16]byte, nonce *[12]byte, first uint32)
TEXT ·streamNEON(SB), NOSPLIT, $0-36
	MOVD  dst+0(FP), R0
	MOVD  blocks+8(FP), R1
	MOVD  keys+16(FP), R2
	MOVD  nonce+24(FP), R3
	MOVWU first+32(FP), R4
	LOADKEYS(R2)
	MOVD  (R3), R5
	MOVWU 8(R3), R6
	VEOR  V27.B16, V27.B16, V27.B16
	VMOV  R5, V27.D[0]
	VMOV  R6, V27.S[2]

wide:
	CMP    $8, R1
	BLT    one
	COUNTER(V0)
	COUNTER(V1)
	COUNTER(V2)
	COUNTER(V3)
	COUNTER(V4)
	COUNTER(V5)
	COUNTER(V6)
	COUNTER(V7)
	ENCRYPT8
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R0)
	SUB    $8, R1
	B      wide

one:
	CBZ    R1, end
	COUNTER(V0)
	ENCRYPT1
	VST1.P [V0.B16], 16(R0)
	SUB    $1, R1
	B      one

end:
	RET

// func encryptNEON(dst, src *[16]byte, n int, keys *[11][16]byte)
TEXT ·encryptNEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	MOVD keys+24(FP), R3
	LOADKEYS(R3)

wide:
	CMP    $8, R2
	BLT    one
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	ENCRYPT8
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R0)
	SUB    $8, R2
	B      wide

one:
	CBZ    R2, end
	VLD1.P 16(R1), [V0.B16]
	ENCRYPT1
	VST1.P [V0.B16], 16(R0)
	SUB    $1, R2
	B      one

end:
	RET

// func mask1NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask1NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD stream+8(FP), R1
	MOVD n+16(FP), R2
	MOVD luts+24(FP), R3
	LUTS(R3)
	NIBBLEMASK

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V0.B16, V1.B16]
	NIBBLES(V0)
	NIBBLES(V1)
	VST1.P [V0.B16, V1.B16], 32(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func mask2NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask2NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD stream+8(FP), R1
	MOVD n+16(FP), R2
	MOVD luts+24(FP), R3
	LUTS(R3)
	NIBBLEMASK

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V0.B16, V1.B16]
	DECIDE2(V0, V1)
	VST1.P [V0.B16], 16(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func mask4NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask4NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD stream+8(FP), R1
	MOVD n+16(FP), R2
	MOVD luts+24(FP), R3
	LUTS(R3)
	NIBBLEMASK

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V0.B16, V1.B16]
	DECIDE4(V0, V1)
	VST1.P [V0.B8], 8(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func mask8NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask8NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD stream+8(FP), R1
	MOVD n+16(FP), R2
	MOVD luts+24(FP), R3
	LUTS(R3)
	BITMASK

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V0.B16, V1.B16]
	DECIDE8(V0, V1)
	VST1.P V0.S[0], 4(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func biasNEON(x *float32, groups int, mask *byte, delta float32)
TEXT ·biasNEON(SB), NOSPLIT, $0-28
	MOVD  x+0(FP), R0
	MOVD  groups+8(FP), R1
	MOVD  mask+16(FP), R2
	MOVWU delta+24(FP), R3
	VDUP  R3, V0.S4
	VMOVQ $0x0000000200000001, $0x0000000800000004, V1
	VMOVQ $0x0000002000000010, $0x0000008000000040, V2

loop:
	CBZ     R1, end
	MOVBU.P 1(R2), R4
	VDUP    R4, V3.S4
	VCMTST  V1.S4, V3.S4, V4.S4
	VCMTST  V2.S4, V3.S4, V5.S4
	VAND    V0.B16, V4.B16, V4.B16
	VAND    V0.B16, V5.B16, V5.B16
	VLD1    (R0), [V6.S4, V7.S4]
	FADD4(4, 6, 6)
	FADD4(5, 7, 7)
	VST1.P  [V6.S4, V7.S4], 32(R0)
	SUB     $1, R1
	B       loop

end:
	RET

// Widens 8 bfloat16 or float16 in V8 to two vectors of float32.
#define WIDENBF16 \
	VUSHLL  $0, V8.H4, V6.S4  \
	VUSHLL2 $0, V8.H8, V7.S4  \
	VSHL    $16, V6.S4, V6.S4 \
	VSHL    $16, V7.S4, V7.S4

// FCVTL V8.4H, V6.4S and FCVTL2 V8.8H, V7.4S. The assembler lacks both.
#define WIDENFP16 \
	WORD $(0x0E217800 | 8<<5 | 6) \
	WORD $(0x4E217800 | 8<<5 | 7)

// func biasBF16NEON(x *float32, src *uint16, groups int, mask *byte, delta float32)
TEXT ·biasBF16NEON(SB), NOSPLIT, $0-36
	MOVD  x+0(FP), R0
	MOVD  src+8(FP), R5
	MOVD  groups+16(FP), R1
	MOVD  mask+24(FP), R2
	MOVWU delta+32(FP), R3
	VDUP  R3, V0.S4
	VMOVQ $0x0000000200000001, $0x0000000800000004, V1
	VMOVQ $0x0000002000000010, $0x0000008000000040, V2

loop:
	CBZ     R1, end
	MOVBU.P 1(R2), R4
	VDUP    R4, V3.S4
	VCMTST  V1.S4, V3.S4, V4.S4
	VCMTST  V2.S4, V3.S4, V5.S4
	VAND    V0.B16, V4.B16, V4.B16
	VAND    V0.B16, V5.B16, V5.B16
	VLD1.P  16(R5), [V8.H8]
	WIDENBF16
	FADD4(4, 6, 6)
	FADD4(5, 7, 7)
	VST1.P  [V6.S4, V7.S4], 32(R0)
	SUB     $1, R1
	B       loop

end:
	RET

// func biasFP16NEON(x *float32, src *uint16, groups int, mask *byte, delta float32)
TEXT ·biasFP16NEON(SB), NOSPLIT, $0-36
	MOVD  x+0(FP), R0
	MOVD  src+8(FP), R5
	MOVD  groups+16(FP), R1
	MOVD  mask+24(FP), R2
	MOVWU delta+32(FP), R3
	VDUP  R3, V0.S4
	VMOVQ $0x0000000200000001, $0x0000000800000004, V1
	VMOVQ $0x0000002000000010, $0x0000008000000040, V2

loop:
	CBZ     R1, end
	MOVBU.P 1(R2), R4
	VDUP    R4, V3.S4
	VCMTST  V1.S4, V3.S4, V4.S4
	VCMTST  V2.S4, V3.S4, V5.S4
	VAND    V0.B16, V4.B16, V4.B16
	VAND    V0.B16, V5.B16, V5.B16
	VLD1.P  16(R5), [V8.H8]
	WIDENFP16
	FADD4(4, 6, 6)
	FADD4(5, 7, 7)
	VST1.P  [V6.S4, V7.S4], 32(R0)
	SUB     $1, R1
	B       loop

end:
	RET

// func packNEON(dst *[16]byte, tokens *int32, n int, absent *[16]byte)
TEXT ·packNEON(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  tokens+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  absent+24(FP), R3
	VLD1  (R3), [V0.B16]
	VMOVQ $0x0908060504020100, $0xffffffff0e0d0c0a, V1
	MOVD  $0xffffff, R4
	VDUP  R4, V2.S4
	SUB   $16, R1, R5

loop:
	CBZ     R2, end
	VLD1    (R5), [V3.S4]
	ADD     $4, R5
	MOVWU.P 4(R1), R4
	REVW    R4, R4
	VUMIN   V2.S4, V3.S4, V3.S4
	VTBL    V1.B16, [V3.B16], V3.B16
	VORR    V0.B16, V3.B16, V3.B16
	VMOV    R4, V3.S[3]
	VST1.P  [V3.B16], 16(R0)
	SUB     $1, R2
	B       loop

end:
	RET

// func floorNEON(x *float32, n int, c float32)
TEXT ·floorNEON(SB), NOSPLIT, $0-20
	MOVD  x+0(FP), R0
	MOVD  n+8(FP), R1
	MOVWU c+16(FP), R2
	VDUP  R2, V0.S4

loop:
	VLD1   (R0), [V4.S4, V5.S4, V6.S4, V7.S4]
	FADD4(0, 4, 4)
	FADD4(0, 5, 5)
	FADD4(0, 6, 6)
	FADD4(0, 7, 7)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	SUBS   $16, R1
	BGT    loop
	RET
