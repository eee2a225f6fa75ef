// A row of weights, 32 to a block, in the layouts of llama.cpp: a block of Q8_0 is a half scale and 32 signed bytes, one of Q4_0 a half
// scale and 16 bytes, whose low nibbles are the first 16 values plus 8 and whose high nibbles are the last 16.
#define BLOCK 32
#if BITS == 4
#define BLOCK_BYTES 18
#elif BITS == 8
#define BLOCK_BYTES 34
#else
#define BLOCK_BYTES (BLOCK * BITS / 8)
#endif

// The dot product of one block with 32 values, not yet summed over the vector's elements.
static inline __attribute__((always_inline)) FLOATV dot_block(__global const uchar *block, XSPACE const float *x) {
#if BITS == 4
    const float scale = vload_half(0, (__global const half *)block);
    FLOATV sum = (FLOATV)(0.0f);
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = 0; i < BLOCK / 2; i += VEC) {
        const UCHARV bytes = LOADV(block + 2 + i);
        sum += (CONVERTV(bytes & (uchar)15) - 8.0f) * LOADV(x + i);
        sum += (CONVERTV(bytes >> (uchar)4) - 8.0f) * LOADV(x + BLOCK / 2 + i);
    }
    return sum * scale;
#elif BITS == 8
    const float scale = vload_half(0, (__global const half *)block);
    FLOATV sum = (FLOATV)(0.0f);
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = 0; i < BLOCK; i += VEC)
        sum += CONVERTV(LOADV((__global const char *)block + 2 + i)) * LOADV(x + i);
    return sum * scale;
#elif BITS == 16
    FLOATV sum = (FLOATV)(0.0f);
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = 0; i < BLOCK; i += VEC) sum += LOADHALFV((__global const half *)block + i) * LOADV(x + i);
    return sum;
#else
    FLOATV sum = (FLOATV)(0.0f);
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = 0; i < BLOCK; i += VEC) sum += LOADV((__global const float *)block + i) * LOADV(x + i);
    return sum;
#endif
}
