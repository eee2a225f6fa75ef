// y = x * weight / sqrt(mean(x^2) + 1e-5), for each row. LANES work-items share a row.
// Tunable: LANES, GROUP_ROWS, VEC, UNROLL, NATIVE (the device's own reciprocal root).
#include "vectors.h"

__kernel __attribute__((reqd_work_group_size(LANES, GROUP_ROWS, 1)))
void rmsnorm(__global const float *x, __global const float *weight, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1), row = get_group_id(1) * GROUP_ROWS + item;
    __local float shared[GROUP_ROWS * LANES];
    __global const float *in = x + (size_t)min(row, ROWS - 1) * COLUMNS;
    FLOATV squares = (FLOATV)(0.0f);
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) {
        const FLOATV values = LOADV(in + i);
        squares += values * values;
    }
    shared[item * LANES + lane] = SUMV(squares);
    barrier(CLK_LOCAL_MEM_FENCE);
    float total = 0.0f;
    for (int l = 0; l < LANES; l++) total += shared[item * LANES + l];
#if NATIVE
    const float scale = native_rsqrt(total / COLUMNS + 1e-5f);
#else
    const float scale = rsqrt(total / COLUMNS + 1e-5f);
#endif
    if (row < ROWS)
        for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC)
            STOREV(LOADV(in + i) * scale * LOADV(weight + i), y + (size_t)row * COLUMNS + i);
}
