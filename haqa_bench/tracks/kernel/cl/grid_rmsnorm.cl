// y = x / sqrt(mean(x^2) + 1e-5), for each row. The items of a block along x share a row, its rows lie along y.
// A grid of any size computes all rows: a group goes on with the row that lies a grid further.
// Tunable: GRID_X (groups), BLOCK_X (items to a row, a power of two), BLOCK_Y (rows to a group), TILE (vectors that an item takes at a
// time, each with a sum of its own), UNROLL (of the loops along a row), VEC (elements of a vector).
#ifndef BLOCK_Y
#define BLOCK_Y 1
#endif
#include "vectors.h"
#define LANES BLOCK_X
#define SPAN (TILE * VEC)
#define WHOLE (COLUMNS / SPAN * SPAN)

__kernel __attribute__((reqd_work_group_size(BLOCK_X, BLOCK_Y, 1)))
void grid_rmsnorm(__global const float *x, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1);
    __local float rows[BLOCK_Y * BLOCK_X];
    __local float *shared = rows + item * BLOCK_X;
    for (int first = get_group_id(0) * BLOCK_Y; first < ROWS; first += GRID_X * BLOCK_Y) {
        const int row = first + item, whole = row < ROWS ? WHOLE : 0, end = row < ROWS ? COLUMNS : 0;
        __global const float *in = x + (size_t)row * COLUMNS;
        __global float *out = y + (size_t)row * COLUMNS;

        FLOATV squares[TILE];
        UNROLLED(TILE)
        for (int t = 0; t < TILE; t++) squares[t] = (FLOATV)(0.0f);
        UNROLLED(UNROLL)
        for (int i = lane * SPAN; i < whole; i += BLOCK_X * SPAN)
            UNROLLED(TILE)
            for (int t = 0; t < TILE; t++) {
                const FLOATV values = LOADV(__global, FLOATV, in + i + t * VEC);
                squares[t] += values * values;
            }
        float total = 0.0f;
        UNROLLED(TILE)
        for (int t = 0; t < TILE; t++) total += SUMV(squares[t]);
        for (int i = WHOLE + lane; i < end; i += BLOCK_X) total += in[i] * in[i];
        REDUCE(shared, lane, total, plus)
        const float scale = rsqrt(shared[0] / COLUMNS + 1e-5f);
        barrier(CLK_LOCAL_MEM_FENCE);

        UNROLLED(UNROLL)
        for (int i = lane * SPAN; i < whole; i += BLOCK_X * SPAN)
            UNROLLED(TILE)
            for (int t = 0; t < TILE; t++) STOREV(LOADV(__global, FLOATV, in + i + t * VEC) * scale, out + i + t * VEC);
        for (int i = WHOLE + lane; i < end; i += BLOCK_X) out[i] = in[i] * scale;
    }
}
