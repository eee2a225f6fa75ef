// y = x * weight / sqrt(mean(x^2) + 1e-5), for each row. LANES work-items share a row.
// Tunable: LANES, GROUP_ROWS, VEC, UNROLL, NATIVE (the device's own reciprocal root).
#include "vectors.h"

__kernel __attribute__((reqd_work_group_size(LANES, GROUP_ROWS, 1)))
void rmsnorm(__global const float *x, __global const float *weight, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1), row = get_group_id(1) * GROUP_ROWS + item;
    __local float rows[GROUP_ROWS * LANES];
    __local float *shared = rows + item * LANES;
    __global const float *in = x + (size_t)min(row, ROWS - 1) * COLUMNS;
    FLOATV squares = (FLOATV)(0.0f);
    UNROLLED(UNROLL)
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) {
        const FLOATV values = LOADV(__global, FLOATV, in + i);
        squares += values * values;
    }
    REDUCE(shared, lane, SUMV(squares), plus)
#if NATIVE
    const float scale = native_rsqrt(shared[0] / COLUMNS + 1e-5f);
#else
    const float scale = rsqrt(shared[0] / COLUMNS + 1e-5f);
#endif
    if (row < ROWS)
        for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC)
            STOREV(LOADV(__global, FLOATV, in + i) * scale * LOADV(__global, FLOATV, weight + i), y + (size_t)row * COLUMNS + i);
}
