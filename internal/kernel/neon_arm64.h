// What the assembly of arm64 shares. It has macros alone.

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

// R4 holds the counter, and V27 the nonce.
#define COUNTER(x) \
	VMOV V27.B16, x.B16 \
	REVW R4, R5         \
	VMOV R5, x.S[3]     \
	ADDW $1, R4, R4

// Decisions. V29 holds the order of the bytes of a block, and V30 and V31 the bits that the nibbles
// set. V7 holds a mask of nibbles, or of the bits of a byte for a width of 8. V4 to V6 are free.
#define LUTS(from) \
	VLD1 (from), [V29.B16, V30.B16, V31.B16]

#define NIBBLEMASK \
	VMOVI $15, V7.B16

#define BITMASK \
	VMOVQ $0x8040201008040201, $0x8040201008040201, V7

#define NIBBLES(x) \
	VTBL  V29.B16, [x.B16], x.B16 \
	VUSHR $4, x.B16, V4.B16       \
	VAND  V7.B16, x.B16, x.B16    \
	VTBL  x.B16, [V30.B16], x.B16 \
	VTBL  V4.B16, [V31.B16], V4.B16 \
	VORR  V4.B16, x.B16, x.B16

// The decisions of a and b, 32 bytes of keystream, fill a.
#define DECIDE2(a, b) \
	NIBBLES(a)                    \
	NIBBLES(b)                    \
	VUZP1 b.B16, a.B16, V4.B16    \
	VUZP2 b.B16, a.B16, V5.B16    \
	VSHL  $4, V5.B16, V5.B16      \
	VORR  V5.B16, V4.B16, a.B16

// They fill 8 bytes of a.
#define DECIDE4(a, b) \
	NIBBLES(a)                    \
	NIBBLES(b)                    \
	VUZP1 b.B16, a.B16, V4.B16    \
	VUZP2 b.B16, a.B16, V5.B16    \
	VSHL  $2, V5.B16, V5.B16      \
	VORR  V5.B16, V4.B16, V4.B16  \
	VUZP1 V4.B16, V4.B16, V5.B16  \
	VUZP2 V4.B16, V4.B16, V6.B16  \
	VSHL  $4, V6.B16, V6.B16      \
	VORR  V6.B16, V5.B16, a.B16

// They fill 4 bytes of a.
#define DECIDE8(a, b) \
	VTBL  V29.B16, [a.B16], a.B16  \
	VTBL  V29.B16, [b.B16], b.B16  \
	VUMIN V30.B16, a.B16, V4.B16   \
	VUMIN V30.B16, b.B16, V5.B16   \
	VCMEQ V4.B16, a.B16, a.B16     \
	VCMEQ V5.B16, b.B16, b.B16     \
	VAND  V7.B16, a.B16, a.B16     \
	VAND  V7.B16, b.B16, b.B16     \
	VADDP b.B16, a.B16, a.B16      \
	VADDP a.B16, a.B16, a.B16      \
	VADDP a.B16, a.B16, a.B16

// Instructions of 4 floats that the assembler lacks, by the numbers of their registers. The order
// of operands is that of the assembler: FSUB4(m, n, d) is d = n - m.
#define FADD4(m, n, d) WORD $(0x4E20D400 | m<<16 | n<<5 | d)
#define FADDP4(m, n, d) WORD $(0x6E20D400 | m<<16 | n<<5 | d) // pairs of n, then of m
#define FSUB4(m, n, d) WORD $(0x4EA0D400 | m<<16 | n<<5 | d)
#define FMUL4(m, n, d) WORD $(0x6E20DC00 | m<<16 | n<<5 | d)
#define FMAX4(m, n, d) WORD $(0x4E20F400 | m<<16 | n<<5 | d)
#define FMAXNM4(m, n, d) WORD $(0x4E20C400 | m<<16 | n<<5 | d)

// All bits of d are set where n > m, or n >= m.
#define FCMGT4(m, n, d) WORD $(0x6EA0E400 | m<<16 | n<<5 | d)
#define FCMGE4(m, n, d) WORD $(0x6E20E400 | m<<16 | n<<5 | d)

// The nearest whole number, with ties to even, and the integer of a whole number.
#define FRINTN4(n, d) WORD $(0x4E218800 | n<<5 | d)
#define FCVTZS4(n, d) WORD $(0x4EA1B800 | n<<5 | d)

// Scalar d is the largest of the 4 floats of n. FMAXV gives NaN if one of them is.
#define FMAXV4(n, d) WORD $(0x6E30F800 | n<<5 | d)

// Integers of 32 bits: d = n << m, or n >> -m if m is negative, by the lowest byte of m. All bits of d
// are set where n > m without signs.
#define USHL4(m, n, d) WORD $(0x6EA04400 | m<<16 | n<<5 | d)
#define CMHI4(m, n, d) WORD $(0x6EA03400 | m<<16 | n<<5 | d)
