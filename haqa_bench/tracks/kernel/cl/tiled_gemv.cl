// y = W x, one token. LANES work-items share a row and meet in local memory; each item takes ROWS rows. `arrange` runs first where
// integers are multiplied (integers.clh), and counts.
// Tunable: LANES, GROUP_ROWS, ROWS, VEC, UNROLL (blocks at a time), ORDER (1: all rows of a block, then the next block; 0: all blocks of
// a row, then the next row), DOT and, of rounded activations, LAYOUT (integers.clh; 1 apart, 0 together), PREFETCH (so many bytes ahead),
// and for INT4 in floats UNPACK (weights.h).
#define TOGETHER (!LAYOUT)
#define TOKENS 1
#include "vectors.h"
#include "weights.h"
#define BLOCKS (COLUMNS / BLOCK)
#include "integers.clh"

#if DOT
#define ACTIVATIONS __global const int *arranged
__kernel void arrange(__global const float *x, __global int *arranged) {
    const int b = get_global_id(0);
    if (b < BLOCKS) arrange_block(x + b * BLOCK, arranged, b);
}
#else
#define ACTIVATIONS __global const float *x
#endif

// What the b-th block adds to the sums of a row.
INLINE FLOATV added(FLOATV sum, __global const uchar *row, ACTIVATIONS, int b) {
    __global const uchar *block = row + (size_t)b * BLOCK_BYTES;
#if PREFETCH
    FETCH(block + PREFETCH);
#endif
#if DOT
    INTV whole = (INTV)(ARRANGED_START(b));
    UNROLLED(WORDS / VEC)
    for (int i = 0; i < WORDS; i += VEC) whole = dot_of(whole, words_of(block, i), ARRANGED(b, i));
    return sum + FLOATSV(whole) * (scale_of(block) * ARRANGED_SCALE(b));
#else
    FLOATV part = (FLOATV)(0.0f);
    UNROLLED(BLOCK / VEC)
    for (int i = 0; i < BLOCK; i += VEC) part += values_of(block, i) * LOADV(__global, FLOATV, x + b * BLOCK + i);
    return sum + part * scale_of(block);
#endif
}

#if DOT
#define X arranged
#else
#define X x
#endif

__kernel __attribute__((reqd_work_group_size(LANES, GROUP_ROWS, 1)))
void tiled_gemv(__global const uchar *weights, ACTIVATIONS, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1);
    const int first = (get_group_id(1) * GROUP_ROWS + item) * ROWS;
    FLOATV sums[ROWS];
    __global const uchar *rows[ROWS];
    UNROLLED(ROWS)
    for (int r = 0; r < ROWS; r++) {
        sums[r] = (FLOATV)(0.0f);
        rows[r] = weights + (size_t)least(first + r, OUTPUTS - 1) * BLOCKS * BLOCK_BYTES;
    }
#if ORDER
    UNROLLED(UNROLL)
    for (int b = lane; b < BLOCKS; b += LANES) {
        UNROLLED(ROWS)
        for (int r = 0; r < ROWS; r++) sums[r] = added(sums[r], rows[r], X, b);
    }
#else
    UNROLLED(ROWS)
    for (int r = 0; r < ROWS; r++) {
        FLOATV sum = (FLOATV)(0.0f);
        UNROLLED(UNROLL)
        for (int b = lane; b < BLOCKS; b += LANES) sum = added(sum, rows[r], X, b);
        sums[r] = sum;
    }
#endif
#if LANES > 1
    __local float partial[GROUP_ROWS * ROWS * LANES];
    for (int r = 0; r < ROWS; r++) partial[(item * ROWS + r) * LANES + lane] = SUMV(sums[r]);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0)
        for (int r = 0; r < ROWS; r++) {
            float total = 0.0f;
            for (int l = 0; l < LANES; l++) total += partial[(item * ROWS + r) * LANES + l];
            if (first + r < OUTPUTS) y[first + r] = total;
        }
#else
    for (int r = 0; r < ROWS; r++)
        if (first + r < OUTPUTS) y[first + r] = SUMV(sums[r]);
#endif
}
