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
    __local float shared[GROUP_ROWS * LANES];
    __global const float *in = x + (size_t)min(row, ROWS - 1) * COLUMNS;
    float top = -INFINITY, total = 0.0f;
#if ONLINE
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) {
        const FLOATV values = LOADV(in + i);
        const float higher = fmax(top, MAXV(values));
        total = total * EXP(top - higher) + SUMV(EXP(values - higher));
        top = higher;
    }
#else
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) top = fmax(top, MAXV(LOADV(in + i)));
#endif
    const float own = top;
    shared[item * LANES + lane] = top;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int l = 0; l < LANES; l++) top = fmax(top, shared[item * LANES + l]);
    barrier(CLK_LOCAL_MEM_FENCE);
#if ONLINE
    total *= EXP(own - top);
#else
    __attribute__((opencl_unroll_hint(UNROLL)))
    for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) total += SUMV(EXP(LOADV(in + i) - top));
#endif
    shared[item * LANES + lane] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    total = 0.0f;
    for (int l = 0; l < LANES; l++) total += shared[item * LANES + l];
    const float scale = 1.0f / total;
    if (row < ROWS)
        for (int i = lane * VEC; i < COLUMNS; i += LANES * VEC) STOREV(EXP(LOADV(in + i) - top) * scale, y + (size_t)row * COLUMNS + i);
}
