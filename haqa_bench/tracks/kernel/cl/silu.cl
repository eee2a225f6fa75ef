// y = gate * x / (1 + exp(-x)), as between a feed-forward layer's matrices. Each work-item takes ITEMS vectors.
// Tunable: GROUP, VEC, ITEMS, STRIDED (an item's vectors lie a group apart, or side by side), NATIVE.
#include "vectors.h"
#if NATIVE
#define EXP native_exp
#else
#define EXP exp
#endif

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void silu(__global const float *x, __global const float *gate, __global float *y) {
    UNROLLED(ITEMS)
    for (int k = 0; k < ITEMS; k++) {
#if STRIDED
        const int i = ((get_group_id(0) * ITEMS + k) * GROUP + get_local_id(0)) * VEC;
#else
        const int i = (get_global_id(0) * ITEMS + k) * VEC;
#endif
        if (i < COUNT) {
            const FLOATV values = LOADV(__global, FLOATV, x + i);
            STOREV(LOADV(__global, FLOATV, gate + i) * values / (1.0f + EXP(-values)), y + i);
        }
    }
}
