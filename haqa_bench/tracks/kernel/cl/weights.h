// A row of weights, 32 to a block, in the layouts of llama.cpp: a block of Q8_0 is a half scale and 32 signed bytes, one of Q4_0 a half
// scale and 16 bytes, whose low nibbles are the first 16 values plus 8 and whose high nibbles are the last 16. A weight is scale x value.
#define BLOCK 32
#ifndef UNPACK
#define UNPACK 2
#endif
#if BITS == 4
#define BLOCK_BYTES 18
#elif BITS == 8
#define BLOCK_BYTES 34
#else
#define BLOCK_BYTES (BLOCK * BITS / 8)
#endif

// A half as a float, by its bits: exact but for infinities, which weights do not hold.
#define HALF_BIAS 0x1p112f

INLINE float scale_of(__global const uchar *block) {
#if BITS <= 8
    const uint half_bits = *(__global const ushort *)block;
    return as_float((half_bits & 0x8000) << 16 | (half_bits & 0x7fff) << 13) * HALF_BIAS;
#else
    return 1.0f;
#endif
}

// VEC values of a block from its i-th on, without the scale. UNPACK is the way from a nibble to a float: 0 converts, then subtracts 8;
// 1 subtracts from the narrow integer, then converts; 2 makes it the last bits of 2^23, which needs no conversion.
INLINE FLOATV values_of(__global const uchar *block, int i) {
#if BITS == 4
    const UCHARV bytes = LOADV(__global, UCHARV, block + 2 + i % (BLOCK / 2));
#if UNPACK == 2
    const UINTV wide = WIDENV(bytes);
    return BITSV((i < BLOCK / 2 ? wide & 15u : wide >> 4u) | 0x4b000000u) - (0x1p23f + 8.0f);
#else
    const UCHARV nibbles = i < BLOCK / 2 ? bytes & (uchar)15 : bytes >> (uchar)4;
#if UNPACK == 1
    return CONVERTV(SIGNEDV(nibbles) - (char)8);
#else
    return CONVERTV(nibbles) - 8.0f;
#endif
#endif
#elif BITS == 8
    return CONVERTV(LOADV(__global, CHARV, (__global const char *)block + 2 + i));
#elif BITS == 16
    const UINTV bits = WIDENV(LOADV(__global, USHORTV, (__global const ushort *)block + i));
    return BITSV((bits & 0x8000u) << 16 | (bits & 0x7fffu) << 13) * HALF_BIAS;
#else
    return LOADV(__global, FLOATV, (__global const float *)block + i);
#endif
}
