// y = W x, one token: what generating is made of. LANES work-items share a row and meet in local memory; each item takes ROWS rows.
// Tunable: LANES, GROUP_ROWS, ROWS, VEC, UNROLL (blocks at a time), LOCAL_X (a group copies x first);
// and for INT4 UNPACK (weights.h).
#if LOCAL_X
#define XSPACE __local
#else
#define XSPACE __global
#endif
#ifndef UNROLL
#define UNROLL 1
#endif
#include "vectors.h"
#include "weights.h"
#define BLOCKS (COLUMNS / BLOCK)

__kernel __attribute__((reqd_work_group_size(LANES, GROUP_ROWS, 1)))
void gemv(__global const uchar *weights, __global const float *x, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1), member = item * LANES + lane;
    const int first = (get_group_id(1) * GROUP_ROWS + item) * ROWS;
#if LOCAL_X
    __local float near[COLUMNS];
    for (int i = member; i < COLUMNS; i += LANES * GROUP_ROWS) near[i] = x[i];
    barrier(CLK_LOCAL_MEM_FENCE);
#else
    __global const float *near = x;
#endif
    FLOATV sums[ROWS];
    UNROLLED(ROWS)
    for (int r = 0; r < ROWS; r++) sums[r] = (FLOATV)(0.0f);
    UNROLLED(UNROLL)
    for (int b = lane; b < BLOCKS; b += LANES) {
        UNROLLED(ROWS)
        for (int r = 0; r < ROWS; r++) {
            __global const uchar *block = weights + ((size_t)min(first + r, OUTPUTS - 1) * BLOCKS + b) * BLOCK_BYTES;
            FLOATV sum = (FLOATV)(0.0f);
            UNROLLED(BLOCK / VEC)
            for (int i = 0; i < BLOCK; i += VEC) sum += values_of(block, i) * LOADV(XSPACE, FLOATV, near + b * BLOCK + i);
            sums[r] += sum * scale_of(block);
        }
    }
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
