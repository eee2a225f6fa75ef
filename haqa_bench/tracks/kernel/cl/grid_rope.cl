// Rotary position embedding, the halves of a head rotated against each other. x: TOKENS x HEADS x HEAD_SIZE; a token's angles follow from
// its position. A grid of any size computes all: an item goes on with what lies a grid further.
// Tunable: GRID_X (groups), BLOCK_X (items of a group), TILE (vectors of each half that an item takes at a time, side by side), UNROLL (of
// the loop over them), VEC (elements of a vector).
#include "vectors.h"
#define HALF (HEAD_SIZE / 2)
#define STEPS (HALF / VEC)
#define VECTORS (TOKENS * HEADS * STEPS)
#define LEFT (HALF - STEPS * VEC)
#define ANGLE(position, i) ((position) * exp2((i) * (-2.0f * LOG2_BASE / HEAD_SIZE)))

__kernel __attribute__((reqd_work_group_size(BLOCK_X, 1, 1)))
void grid_rope(__global const float *x, __global const int *positions, __global float *y) {
    const int id = get_global_id(0);
#if STEPS > 0
    for (int first = id * TILE; first < VECTORS; first += GRID_X * BLOCK_X * TILE)
        UNROLLED(UNROLL)
        for (int t = 0; t < TILE; t++) {
            const int unit = first + t;
            if (unit < VECTORS) {
                const int row = unit / STEPS, i = unit % STEPS * VEC;
                float angles[VEC];
                for (int k = 0; k < VEC; k++) angles[k] = ANGLE(positions[row / HEADS], i + k);
                const FLOATV angle = LOADV(__private, FLOATV, angles), cosine = cos(angle), sine = sin(angle);
                const size_t at = (size_t)row * HEAD_SIZE + i;
                const FLOATV low = LOADV(__global, FLOATV, x + at), high = LOADV(__global, FLOATV, x + at + HALF);
                STOREV(low * cosine - high * sine, y + at);
                STOREV(low * sine + high * cosine, y + at + HALF);
            }
        }
#endif
#if LEFT > 0
    for (int rest = id; rest < TOKENS * HEADS * LEFT; rest += GRID_X * BLOCK_X) {
        const int row = rest / LEFT, i = STEPS * VEC + rest % LEFT;
        const float angle = ANGLE(positions[row / HEADS], i), cosine = cos(angle), sine = sin(angle);
        const size_t at = (size_t)row * HEAD_SIZE + i;
        const float low = x[at], high = x[at + HALF];
        y[at] = low * cosine - high * sine;
        y[at + HALF] = low * sine + high * cosine;
    }
#endif
}
