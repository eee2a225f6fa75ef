// Y = X W^T, many tokens: what reading a prompt is made of. Each work-item computes TILE_TOKENS x TILE_ROWS results, a group
// GROUP_TOKENS x GROUP_ROWS of those; weights are unpacked once for all tokens of a tile.
// Tunable: GROUP_TOKENS, GROUP_ROWS, TILE_TOKENS, TILE_ROWS, VEC, ORDER (the groups that follow each other: 0 take the next rows, 1 the
// next tokens of the same rows), and for INT4 UNPACK (weights.h).
#include "vectors.h"
#include "weights.h"
#define BLOCKS (COLUMNS / BLOCK)

__kernel __attribute__((reqd_work_group_size(ORDER ? GROUP_TOKENS : GROUP_ROWS, ORDER ? GROUP_ROWS : GROUP_TOKENS, 1)))
void gemm(__global const uchar *weights, __global const float *x, __global float *y) {
    const int row = get_global_id(ORDER ? 1 : 0) * TILE_ROWS, token = get_global_id(ORDER ? 0 : 1) * TILE_TOKENS;
    if (row >= OUTPUTS || token >= TOKENS) return;
    FLOATV sums[TILE_ROWS][TILE_TOKENS];
    UNROLLED(TILE_ROWS)
    for (int r = 0; r < TILE_ROWS; r++)
        UNROLLED(TILE_TOKENS)
        for (int t = 0; t < TILE_TOKENS; t++) sums[r][t] = (FLOATV)(0.0f);
    for (int b = 0; b < BLOCKS; b++)
        UNROLLED(BLOCK / VEC)
        for (int i = 0; i < BLOCK; i += VEC) {
            FLOATV values[TILE_ROWS];
            UNROLLED(TILE_ROWS)
            for (int r = 0; r < TILE_ROWS; r++) {
                __global const uchar *block = weights + ((size_t)min(row + r, OUTPUTS - 1) * BLOCKS + b) * BLOCK_BYTES;
                values[r] = values_of(block, i) * scale_of(block);
            }
            UNROLLED(TILE_TOKENS)
            for (int t = 0; t < TILE_TOKENS; t++) {
                const FLOATV near = LOADV(__global, FLOATV, x + (size_t)min(token + t, TOKENS - 1) * COLUMNS + b * BLOCK + i);
                UNROLLED(TILE_ROWS)
                for (int r = 0; r < TILE_ROWS; r++) sums[r][t] += values[r] * near;
            }
        }
    UNROLLED(TILE_ROWS)
    for (int r = 0; r < TILE_ROWS; r++)
        UNROLLED(TILE_TOKENS)
        for (int t = 0; t < TILE_TOKENS; t++)
            if (row + r < OUTPUTS && token + t < TOKENS) y[(size_t)(token + t) * OUTPUTS + row + r] = SUMV(sums[r][t]);
}
