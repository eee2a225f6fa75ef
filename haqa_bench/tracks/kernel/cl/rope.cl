// Rotary position embedding, the halves of a head rotated against each other (as in LLaMA's weights on the hub). x: TOKENS x HEADS x HEAD_SIZE.
// Tunable: GROUP, VEC, ITEMS (heads for each work-item, which share their angles), TABLE (angles read from a table, or computed), NATIVE.
#include "vectors.h"
#define HALF (HEAD_SIZE / 2)
#define STEPS (HALF / VEC)
#define PARTS ((HEADS + ITEMS - 1) / ITEMS)

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void rope(__global const float *x, __global const float *table, __global float *y) {
    const int id = get_global_id(0), step = id % STEPS, part = id / STEPS % PARTS, token = id / (STEPS * PARTS);
    if (token >= TOKENS) return;
    const int i = step * VEC;
#if TABLE
    __global const float *row = table + (size_t)token * HEAD_SIZE + i;
    const FLOATV cosine = LOADV(__global, FLOATV, row), sine = LOADV(__global, FLOATV, row + HALF);
#else
    float angles[VEC];
    for (int k = 0; k < VEC; k++) angles[k] = token * exp2((i + k) * (-2.0f * LOG2_BASE / HEAD_SIZE));
    const FLOATV angle = LOADV(__private, FLOATV, angles);
#if NATIVE
    const FLOATV cosine = native_cos(angle), sine = native_sin(angle);
#else
    const FLOATV cosine = cos(angle), sine = sin(angle);
#endif
#endif
    UNROLLED(ITEMS)
    for (int h = 0; h < ITEMS; h++) {
        if (part * ITEMS + h >= HEADS) break;
        const size_t at = ((size_t)token * HEADS + part * ITEMS + h) * HEAD_SIZE + i;
        const FLOATV low = LOADV(__global, FLOATV, x + at), high = LOADV(__global, FLOATV, x + at + HALF);
        STOREV(low * cosine - high * sine, y + at);
        STOREV(low * sine + high * cosine, y + at + HALF);
    }
}
