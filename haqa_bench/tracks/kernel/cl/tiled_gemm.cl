// Y = X W^T, many tokens. Each work-item computes TILE_TOKENS x TILE_ROWS results, a group GROUP_TOKENS x GROUP_ROWS of those. DEPTH
// pieces of the weights are unpacked, and kept, before they meet the tokens: vectors of floats, or blocks of integers. `arrange` runs
// first where activations are rounded or laid out by columns (integers.clh), and counts.
// Tunable: GROUP_TOKENS, GROUP_ROWS, TILE_TOKENS, TILE_ROWS, VEC, DEPTH, ORDER (the groups that follow each other: 0 take the next rows,
// 1 the next tokens of the same rows), LAYOUT (of the activations: 0 a token's blocks side by side, 1 a block of all tokens), PREFETCH
// (so many bytes ahead), DOT (integers.clh), and for INT4 in floats UNPACK (weights.h).
#define TOGETHER 0
#ifndef PREFETCH
#define PREFETCH 0
#endif
#include "vectors.h"
#include "weights.h"
#define BLOCKS (COLUMNS / BLOCK)
#include "integers.clh"
#define FIRST_PLACE(token) (LAYOUT ? (token) : (token) * BLOCKS)
#define STRIDE (LAYOUT ? TOKENS : 1)

#if DOT
#define ELEMENT int
#else
#define ELEMENT float
#endif
#if DOT || LAYOUT
__kernel void arrange(__global const float *x, __global ELEMENT *arranged) {
    const int from = get_global_id(0);
    if (from >= TOKENS * BLOCKS) return;
    const int to = FIRST_PLACE(from / BLOCKS) + from % BLOCKS * STRIDE;
#if DOT
    arrange_block(x + (size_t)from * BLOCK, arranged, to);
#else
    for (int i = 0; i < BLOCK; i++) arranged[(size_t)to * BLOCK + i] = x[(size_t)from * BLOCK + i];
#endif
}
#endif

#if DOT // a piece is a block
#define STEPS BLOCKS
#else // a piece is a vector
#define STEPS (COLUMNS / VEC)
#define PIECES (BLOCK / VEC)
#endif
#define WITHIN(d) (STEPS % DEPTH == 0 || s + (d) < STEPS)

__kernel __attribute__((reqd_work_group_size(ORDER ? GROUP_TOKENS : GROUP_ROWS, ORDER ? GROUP_ROWS : GROUP_TOKENS, 1)))
void tiled_gemm(__global const uchar *weights, __global const ELEMENT *arranged, __global float *y) {
    const int row = get_global_id(ORDER ? 1 : 0) * TILE_ROWS, token = get_global_id(ORDER ? 0 : 1) * TILE_TOKENS;
    if (row >= OUTPUTS || token >= TOKENS) return;
    FLOATV sums[TILE_ROWS][TILE_TOKENS];
    __global const uchar *rows[TILE_ROWS];
    int places[TILE_TOKENS];
    UNROLLED(TILE_TOKENS)
    for (int t = 0; t < TILE_TOKENS; t++) places[t] = FIRST_PLACE(least(token + t, TOKENS - 1));
    UNROLLED(TILE_ROWS)
    for (int r = 0; r < TILE_ROWS; r++) {
        rows[r] = weights + (size_t)least(row + r, OUTPUTS - 1) * BLOCKS * BLOCK_BYTES;
        UNROLLED(TILE_TOKENS)
        for (int t = 0; t < TILE_TOKENS; t++) sums[r][t] = (FLOATV)(0.0f);
    }
    for (int s = 0; s < STEPS; s += DEPTH) {
#if DOT
        INTV words[TILE_ROWS][DEPTH][WORDS / VEC];
        float scales[TILE_ROWS][DEPTH];
#else
        FLOATV values[TILE_ROWS][DEPTH];
#endif
        UNROLLED(TILE_ROWS)
        for (int r = 0; r < TILE_ROWS; r++)
            UNROLLED(DEPTH)
            for (int d = 0; d < DEPTH; d++) {
                if (!WITHIN(d)) continue;
#if DOT
                __global const uchar *block = rows[r] + (size_t)(s + d) * BLOCK_BYTES;
                scales[r][d] = scale_of(block);
                UNROLLED(WORDS / VEC)
                for (int i = 0; i < WORDS / VEC; i++) words[r][d][i] = words_of(block, i * VEC);
#else
                __global const uchar *block = rows[r] + (size_t)((s + d) / PIECES) * BLOCK_BYTES;
                values[r][d] = values_of(block, (s + d) % PIECES * VEC) * scale_of(block);
#endif
#if PREFETCH
                FETCH(block + PREFETCH);
#endif
            }
        UNROLLED(TILE_TOKENS)
        for (int t = 0; t < TILE_TOKENS; t++)
            UNROLLED(DEPTH)
            for (int d = 0; d < DEPTH; d++) {
                if (!WITHIN(d)) continue;
#if DOT
                const int place = places[t] + (s + d) * STRIDE;
                const float scale = ARRANGED_SCALE(place);
                const INTV start = (INTV)(ARRANGED_START(place));
                UNROLLED(TILE_ROWS)
                for (int r = 0; r < TILE_ROWS; r++) {
                    INTV whole = start;
                    UNROLLED(WORDS / VEC)
                    for (int i = 0; i < WORDS / VEC; i++) whole = dot_of(whole, words[r][d][i], ARRANGED(place, i * VEC));
                    sums[r][t] += FLOATSV(whole) * (scales[r][d] * scale);
                }
#else
                const int place = places[t] + (s + d) / PIECES * STRIDE;
                const FLOATV near = LOADV(__global, FLOATV, arranged + (size_t)place * BLOCK + (s + d) % PIECES * VEC);
                UNROLLED(TILE_ROWS)
                for (int r = 0; r < TILE_ROWS; r++) sums[r][t] += values[r][d] * near;
#endif
            }
    }
    UNROLLED(TILE_ROWS)
    for (int r = 0; r < TILE_ROWS; r++)
        UNROLLED(TILE_TOKENS)
        for (int t = 0; t < TILE_TOKENS; t++)
            if (row + r < OUTPUTS && token + t < TOKENS) y[(size_t)(token + t) * OUTPUTS + row + r] = SUMV(sums[r][t]);
}
