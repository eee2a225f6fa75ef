// y = W x, one token: what generating is made of. LANES work-items share a row and meet in local memory; each item takes ROWS rows.
// Tunable: LANES, GROUP_ROWS, ROWS, VEC, UNROLL, LOCAL_X.
#if LOCAL_X
#define XSPACE __local
#else
#define XSPACE __global
#endif
#include "vectors.h"
#include "weights.h"

__kernel __attribute__((reqd_work_group_size(LANES, GROUP_ROWS, 1)))
void gemv(__global const uchar *weights, __global const float *x, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1);
    const int first = (get_group_id(1) * GROUP_ROWS + item) * ROWS;
#if LOCAL_X
    __local float shared[COLUMNS];
    for (int i = item * LANES + lane; i < COLUMNS; i += LANES * GROUP_ROWS) shared[i] = x[i];
    barrier(CLK_LOCAL_MEM_FENCE);
#else
    __global const float *shared = x;
#endif
    FLOATV sums[ROWS];
    for (int r = 0; r < ROWS; r++) sums[r] = (FLOATV)(0.0f);
    for (int b = lane; b < COLUMNS / BLOCK; b += LANES)
        for (int r = 0; r < ROWS; r++)
            if (first + r < OUTPUTS)
                sums[r] += dot_block(weights + ((size_t)(first + r) * (COLUMNS / BLOCK) + b) * BLOCK_BYTES, shared + b * BLOCK);
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
