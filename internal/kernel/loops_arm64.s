//go:build !purego

#include "textflag.h"

// AES-128. AESE adds the key before SubBytes and ShiftRows, so an XOR adds the last key. V16 to
// V26 hold the round keys.

#define LOADKEYS(from) \
	VLD1.P 64(from), [V16.B16, V17.B16, V18.B16, V19.B16] \
	VLD1.P 64(from), [V20.B16, V21.B16, V22.B16, V23.B16] \
	VLD1   (from), [V24.B16, V25.B16, V26.B16]

#define ROUND(key, x) \
	AESE  key.B16, x.B16 \
	AESMC x.B16, x.B16

#define LAST(x) \
	AESE V25.B16, x.B16         \
	VEOR V26.B16, x.B16, x.B16

#define ROUND8(key) \
	ROUND(key, V0) \
	ROUND(key, V1) \
	ROUND(key, V2) \
	ROUND(key, V3) \
	ROUND(key, V4) \
	ROUND(key, V5) \
	ROUND(key, V6) \
	ROUND(key, V7)

#define ENCRYPT8 \
	ROUND8(V16) \
	ROUND8(V17) \
	ROUND8(V18) \
	ROUND8(V19) \
	ROUND8(V20) \
	ROUND8(V21) \
	ROUND8(V22) \
	ROUND8(V23) \
	ROUND8(V24) \
	LAST(V0)    \
	LAST(V1)    \
	LAST(V2)    \
	LAST(V3)    \
	LAST(V4)    \
	LAST(V5)    \
	LAST(V6)    \
	LAST(V7)

#define ENCRYPT1 \
	ROUND(V16, V0) \
	ROUND(V17, V0) \
	ROUND(V18, V0) \
	ROUND(V19, V0) \
	ROUND(V20, V0) \
	ROUND(V21, V0) \
	ROUND(V22, V0) \
	ROUND(V23, V0) \
	ROUND(V24, V0) \
	LAST(V0)

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

// R4 holds the counter, and V27 the nonce.
#define COUNTER(x) \
	VMOV V27.B16, x.B16 \
	REVW R4, R5         \
	VMOV R5, x.S[3]     \
	ADDW $1, R4, R4

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

// Masks. V0 holds the order of bytes, V1 and V2 the bits that the nibbles set, V3 a mask of nibbles.
#define NIBBLES(x, t) \
	VTBL  V0.B16, [x.B16], x.B16 \
	VUSHR $4, x.B16, t.B16       \
	VAND  V3.B16, x.B16, x.B16   \
	VTBL  x.B16, [V1.B16], x.B16 \
	VTBL  t.B16, [V2.B16], t.B16 \
	VORR  t.B16, x.B16, x.B16

// func mask1NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask1NEON(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  stream+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  luts+24(FP), R3
	VLD1  (R3), [V0.B16, V1.B16, V2.B16]
	VMOVI $15, V3.B16

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V4.B16, V5.B16]
	NIBBLES(V4, V6)
	NIBBLES(V5, V6)
	VST1.P [V4.B16, V5.B16], 32(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func mask2NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask2NEON(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  stream+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  luts+24(FP), R3
	VLD1  (R3), [V0.B16, V1.B16, V2.B16]
	VMOVI $15, V3.B16

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V4.B16, V5.B16]
	NIBBLES(V4, V6)
	NIBBLES(V5, V6)
	VUZP1  V5.B16, V4.B16, V6.B16
	VUZP2  V5.B16, V4.B16, V7.B16
	VSHL   $4, V7.B16, V7.B16
	VORR   V7.B16, V6.B16, V6.B16
	VST1.P [V6.B16], 16(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func mask4NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask4NEON(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  stream+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  luts+24(FP), R3
	VLD1  (R3), [V0.B16, V1.B16, V2.B16]
	VMOVI $15, V3.B16

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V4.B16, V5.B16]
	NIBBLES(V4, V6)
	NIBBLES(V5, V6)
	VUZP1  V5.B16, V4.B16, V6.B16
	VUZP2  V5.B16, V4.B16, V7.B16
	VSHL   $2, V7.B16, V7.B16
	VORR   V7.B16, V6.B16, V6.B16
	VUZP1  V6.B16, V6.B16, V4.B16
	VUZP2  V6.B16, V6.B16, V5.B16
	VSHL   $4, V5.B16, V5.B16
	VORR   V5.B16, V4.B16, V4.B16
	VST1.P [V4.B8], 8(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// func mask8NEON(dst, stream *byte, n int, luts *[3][16]byte)
TEXT ·mask8NEON(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  stream+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  luts+24(FP), R3
	VLD1  (R3), [V0.B16, V1.B16, V2.B16]
	VMOVQ $0x8040201008040201, $0x8040201008040201, V3

loop:
	CBZ    R2, end
	VLD1.P 32(R1), [V4.B16, V5.B16]
	VTBL   V0.B16, [V4.B16], V4.B16
	VTBL   V0.B16, [V5.B16], V5.B16
	VUMIN  V1.B16, V4.B16, V6.B16
	VUMIN  V1.B16, V5.B16, V7.B16
	VCMEQ  V6.B16, V4.B16, V4.B16
	VCMEQ  V7.B16, V5.B16, V5.B16
	VAND   V3.B16, V4.B16, V4.B16
	VAND   V3.B16, V5.B16, V5.B16
	VADDP  V5.B16, V4.B16, V4.B16
	VADDP  V4.B16, V4.B16, V4.B16
	VADDP  V4.B16, V4.B16, V4.B16
	VST1.P V4.S[0], 4(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// d = n + m, 4 floats. The assembler has no FADD of vectors.
#define FADD4(m, n, d) WORD $(0x4E20D400 | m<<16 | n<<5 | d)

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
