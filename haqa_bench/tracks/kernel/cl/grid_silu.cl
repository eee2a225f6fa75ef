// y = x / (1 + exp(-x)), the activation alone. A grid of any size computes all: an item goes on with what lies a grid further.
// Tunable: GRID_X (groups), BLOCK_X (items of a group), TILE (vectors that an item takes at a time, side by side), UNROLL (of the loop
// over them), VEC (elements of a vector).
#include "vectors.h"
#define SPAN (TILE * VEC)
#define WHOLE (COUNT / VEC * VEC)

__kernel __attribute__((reqd_work_group_size(BLOCK_X, 1, 1)))
void grid_silu(__global const float *x, __global float *y) {
    const int id = get_global_id(0);
    for (int first = id * SPAN; first < WHOLE; first += GRID_X * BLOCK_X * SPAN)
        UNROLLED(UNROLL)
        for (int t = 0; t < TILE; t++) {
            const int i = first + t * VEC;
            if (i < WHOLE) {
                const FLOATV values = LOADV(__global, FLOATV, x + i);
                STOREV(values / (1.0f + exp(-values)), y + i);
            }
        }
    for (int i = WHOLE + id; i < COUNT; i += GRID_X * BLOCK_X) y[i] = x[i] / (1.0f + exp(-x[i]));
}
