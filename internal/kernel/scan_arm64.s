//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The scans. A block is 64 logits, or 16 vectors.

// func blockMaxNEON(dst, row *float32, blocks int)
TEXT ·blockMaxNEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD row+8(FP), R1
	MOVD blocks+16(FP), R2
	VEOR V31.B16, V31.B16, V31.B16

loop:
	CBZ    R2, end
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R1), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R1), [V20.S4, V21.S4, V22.S4, V23.S4]
	FMAX4(4, 0, 0)
	FMAX4(5, 1, 1)
	FMAX4(6, 2, 2)
	FMAX4(7, 3, 3)
	FMAX4(20, 16, 16)
	FMAX4(21, 17, 17)
	FMAX4(22, 18, 18)
	FMAX4(23, 19, 19)
	FMAX4(16, 0, 0)
	FMAX4(17, 1, 1)
	FMAX4(18, 2, 2)
	FMAX4(19, 3, 3)
	FMAX4(2, 0, 0)
	FMAX4(3, 1, 1)
	FMAX4(1, 0, 0)
	FMAXV4(0, 0)
	FCMPS  F0, F0
	BVS    nan

store:
	FADDS   F31, F0, F0 // -0 to +0
	FMOVS.P F0, 4(R0)
	SUB     $1, R2
	B       loop

	// A block with a NaN: nothing is larger than a NaN here, and a NaN is not larger than anything.
nan:
	SUB  $256, R1, R3
	MOVD $4, R4
	MOVW $0xff800000, R5 // -Inf
	VDUP R5, V0.S4

again:
	VLD1.P 64(R3), [V2.S4, V3.S4, V4.S4, V5.S4]
	FCMGT4(0, 2, 1)
	VBIT V1.B16, V2.B16, V0.B16
	FCMGT4(0, 3, 1)
	VBIT V1.B16, V3.B16, V0.B16
	FCMGT4(0, 4, 1)
	VBIT V1.B16, V4.B16, V0.B16
	FCMGT4(0, 5, 1)
	VBIT V1.B16, V5.B16, V0.B16
	SUBS   $1, R4
	BNE    again
	FMAXV4(0, 0)
	B      store

end:
	RET

// x takes the place of top where it is larger. V16 is free.
#define LARGER(x, xn, top, topn) \
	FCMGT4(topn, xn, 16)            \
	VBIT V16.B16, x.B16, top.B16

// func groupMaxNEON(dst, src *float32, blocks int)
TEXT ·groupMaxNEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD blocks+16(FP), R2

loop:
	CBZ    R2, end
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	LARGER(V2, 2, V0, 0)
	LARGER(V3, 3, V1, 1)
	LARGER(V4, 4, V0, 0)
	LARGER(V5, 5, V1, 1)
	LARGER(V6, 6, V0, 0)
	LARGER(V7, 7, V1, 1)
	VLD1.P 64(R1), [V2.S4, V3.S4, V4.S4, V5.S4]
	LARGER(V2, 2, V0, 0)
	LARGER(V3, 3, V1, 1)
	LARGER(V4, 4, V0, 0)
	LARGER(V5, 5, V1, 1)
	VLD1.P 64(R1), [V2.S4, V3.S4, V4.S4, V5.S4]
	LARGER(V2, 2, V0, 0)
	LARGER(V3, 3, V1, 1)
	LARGER(V4, 4, V0, 0)
	LARGER(V5, 5, V1, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUB    $1, R2
	B      loop

end:
	RET

// Each byte of d is FF where one of 16 logits plus V30 is at least V31, and it keeps its bit of V29.
#define COMPARE16(d) \
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4] \
	FADD4(30, 0, 0)               \
	FADD4(30, 1, 1)               \
	FADD4(30, 2, 2)               \
	FADD4(30, 3, 3)               \
	FCMGE4(31, 0, 0)              \
	FCMGE4(31, 1, 1)              \
	FCMGE4(31, 2, 2)              \
	FCMGE4(31, 3, 3)              \
	VUZP1 V1.H8, V0.H8, V0.H8     \
	VUZP1 V3.H8, V2.H8, V2.H8     \
	VUZP1 V2.B16, V0.B16, V0.B16  \
	VAND  V29.B16, V0.B16, d.B16

// func atLeastNEON(row *float32, delta, floor float32) (bits uint64)
TEXT ·atLeastNEON(SB), NOSPLIT, $0-24
	MOVD  row+0(FP), R0
	MOVWU delta+8(FP), R1
	MOVWU floor+12(FP), R2
	VDUP  R1, V30.S4
	VDUP  R2, V31.S4
	VMOVQ $0x8040201008040201, $0x8040201008040201, V29
	COMPARE16(V4)
	COMPARE16(V5)
	COMPARE16(V6)
	COMPARE16(V7)
	VADDP V5.B16, V4.B16, V4.B16
	VADDP V7.B16, V6.B16, V6.B16
	VADDP V6.B16, V4.B16, V4.B16
	VADDP V4.B16, V4.B16, V4.B16
	VMOV  V4.D[0], R0
	MOVD  R0, bits+16(FP)
	RET

// A step of the series: to = coefficient + from * y.
#define TERM(coefficient, from, y, to) \
	VMOV  coefficient.B16, to.B16  \
	VFMLA from.S4, y.S4, to.S4

// Adds exp((y-top)*scale) of the 4 logits y to sum, where y < cut. k, p, q and keep are free.
#define EXP4(y, yn, k, kn, p, q, keep, keepn, sum, sumn) \
	FCMGT4(yn, 17, keepn)        \
	FSUB4(18, yn, yn)            \
	FMUL4(19, yn, yn)            \
	FMAXNM4(20, yn, yn)          \
	FMUL4(21, yn, kn)            \
	FRINTN4(kn, kn)              \
	VFMLS V22.S4, k.S4, y.S4     \
	VFMLS V23.S4, k.S4, y.S4     \
	TERM(V30, V31, y, p)         \
	TERM(V29, p, y, q)           \
	TERM(V28, q, y, p)           \
	TERM(V27, p, y, q)           \
	TERM(V26, q, y, p)           \
	TERM(V25, p, y, q)           \
	TERM(V24, q, y, p)           \
	FCVTZS4(kn, kn)              \
	VSHL  $23, k.S4, k.S4        \
	VADD  k.S4, p.S4, p.S4       \
	VAND  keep.B16, p.B16, keep.B16 \
	FADD4(keepn, sumn, sumn)

// func sumExpNEON(dst, row *float32, green *uint64, blocks int, delta, cut, top, scale float32)
TEXT ·sumExpNEON(SB), NOSPLIT, $0-48
	MOVD  dst+0(FP), R0
	MOVD  row+8(FP), R1
	MOVD  green+16(FP), R2
	MOVD  blocks+24(FP), R3
	MOVWU delta+32(FP), R4
	MOVWU cut+36(FP), R5
	MOVWU top+40(FP), R6
	MOVWU scale+44(FP), R7
	VDUP  R4, V16.S4
	VDUP  R5, V17.S4
	VDUP  R6, V18.S4
	VDUP  R7, V19.S4
	MOVW  $0xc2ae0000, R9 // the least exponent
	VDUP  R9, V20.S4
	MOVW  $0x3fb8aa3b, R9 // 1/ln(2)
	VDUP  R9, V21.S4
	MOVW  $0x3f317200, R9 // ln(2), of few bits
	VDUP  R9, V22.S4
	MOVW  $0x35bfbe8e, R9 // the rest of ln(2)
	VDUP  R9, V23.S4
	MOVW  $0x3f800000, R9 // 1/0!
	VDUP  R9, V24.S4
	MOVW  $0x3f800000, R9 // 1/1!
	VDUP  R9, V25.S4
	MOVW  $0x3f000000, R9 // 1/2!
	VDUP  R9, V26.S4
	MOVW  $0x3e2aaaab, R9 // 1/3!
	VDUP  R9, V27.S4
	MOVW  $0x3d2aaaab, R9 // 1/4!
	VDUP  R9, V28.S4
	MOVW  $0x3c088889, R9 // 1/5!
	VDUP  R9, V29.S4
	MOVW  $0x3ab60b61, R9 // 1/6!
	VDUP  R9, V30.S4
	MOVW  $0x39500d01, R9 // 1/7!
	VDUP  R9, V31.S4
	VMOVQ $0x0000000200000001, $0x0000000800000004, V14
	VSHL  $4, V14.S4, V15.S4

loop:
	CBZ  R3, end
	MOVD $8, R4
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16

eight:
	VLD1R.P 1(R2), [V2.B16]
	VCMTST  V14.S4, V2.S4, V0.S4
	VCMTST  V15.S4, V2.S4, V1.S4
	VAND    V16.B16, V0.B16, V0.B16
	VAND    V16.B16, V1.B16, V1.B16
	VLD1.P  32(R1), [V2.S4, V3.S4]
	FADD4(2, 0, 0)
	FADD4(3, 1, 1)
	EXP4(V0, 0, V2, 2, V3, V4, V5, 5, V12, 12)
	EXP4(V1, 1, V6, 6, V7, V8, V9, 9, V13, 13)
	SUBS    $1, R4
	BNE     eight
	FADD4(13, 12, 12)
	FADDP4(12, 12, 12)
	FADDP4(12, 12, 12)
	FMOVS.P F12, 4(R0)
	SUB     $1, R3
	B       loop

end:
	RET
