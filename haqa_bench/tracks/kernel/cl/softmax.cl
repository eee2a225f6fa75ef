// Softmax of each row, stable: the largest value is subtracted first. LANES work-items share a row.
// Tunable: LANES, GROUP_ROWS, VEC, UNROLL, ONLINE (one pass for maximum and sum, rescaled as it goes), NATIVE (the device's own exp).
#include "vectors.h"
#if NATIVE
#define EXP native_exp
#else
#define EXP exp
#endif

__kernel __attribute__((reqd_work_group_size(LANES, GROUP_ROWS, 1)))
void softmax(__global const float *x, __global float *y) {
    const int lane = get_local_id(0), item = get_local_id(1), row = get_group_id(1) * GROUP_ROWS + item;
    __local float rows[GROUP_ROWS * LANES];
    __local float *shared = rows + item * LANES;
    __global const float *in = x + (size_t)min(row, ROWS - 1) * COLUMNS;
    float top = -INFINITY, total = 0.0f;
#if ONLINE
    UNROLLED(UNROLL)
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) {
        const FLOATV values = LOADV(__global, FLOATV, in + i);
        const float higher = larger(top, MAXV(values));
        total = total * EXP(top - higher) + SUMV(EXP(values - higher));
        top = higher;
    }
#else
    FLOATV tops = (FLOATV)(-INFINITY);
    UNROLLED(UNROLL)
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) {
        const FLOATV values = LOADV(__global, FLOATV, in + i);
        tops = values > tops ? values : tops;
    }
    top = MAXV(tops);
#endif
    const float own = top;
    REDUCE(shared, lane, top, larger)
    top = shared[0];
    barrier(CLK_LOCAL_MEM_FENCE);
#if ONLINE
    total *= EXP(own - top);
#else
    FLOATV totals = (FLOATV)(0.0f);
    UNROLLED(UNROLL)
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) totals += EXP(LOADV(__global, FLOATV, in + i) - top);
    total = SUMV(totals);
#endif
    REDUCE(shared, lane, total, plus)
    const float scale = 1.0f / shared[0];
    if (row < ROWS)
        for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC)
            STOREV(EXP(LOADV(__global, FLOATV, in + i) - top) * scale, y + (size_t)row * COLUMNS + i);
}
