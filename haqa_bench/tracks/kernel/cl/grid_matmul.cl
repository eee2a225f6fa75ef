// Y = X W^T. W: OUTPUTS x COLUMNS, X: TOKENS x COLUMNS, Y: TOKENS x OUTPUTS. Outputs lie along x, tokens along y.
// A grid of any size computes all: a group goes on with the tile that lies a grid further.
// Tunable: GRID_X, GRID_Y (groups), BLOCK_X, BLOCK_Y (items of a group), TILE_X, TILE_Y (outputs and tokens that an item takes at a time),
// UNROLL (of the loop along the columns), VEC (elements of a vector; each sum is one).
#ifndef GRID_Y
#define GRID_Y 1
#endif
#ifndef BLOCK_Y
#define BLOCK_Y 1
#endif
#ifndef TILE_Y
#define TILE_Y 1
#endif
#include "vectors.h"
#define WHOLE (COLUMNS / VEC * VEC)

__kernel __attribute__((reqd_work_group_size(BLOCK_X, BLOCK_Y, 1)))
void grid_matmul(__global const float *weights, __global const float *x, __global float *y) {
    for (int row = get_global_id(0) * TILE_X; row < OUTPUTS; row += GRID_X * BLOCK_X * TILE_X)
        for (int token = get_global_id(1) * TILE_Y; token < TOKENS; token += GRID_Y * BLOCK_Y * TILE_Y) {
            __global const float *far[TILE_X], *near[TILE_Y];
            FLOATV sums[TILE_X][TILE_Y];
            UNROLLED(TILE_X)
            for (int r = 0; r < TILE_X; r++) far[r] = weights + (size_t)min(row + r, OUTPUTS - 1) * COLUMNS;
            UNROLLED(TILE_Y)
            for (int t = 0; t < TILE_Y; t++) near[t] = x + (size_t)min(token + t, TOKENS - 1) * COLUMNS;
            UNROLLED(TILE_X)
            for (int r = 0; r < TILE_X; r++)
                UNROLLED(TILE_Y)
                for (int t = 0; t < TILE_Y; t++) sums[r][t] = (FLOATV)(0.0f);
            UNROLLED(UNROLL)
            for (int i = 0; i < WHOLE; i += VEC) {
                FLOATV values[TILE_X];
                UNROLLED(TILE_X)
                for (int r = 0; r < TILE_X; r++) values[r] = LOADV(__global, FLOATV, far[r] + i);
                UNROLLED(TILE_Y)
                for (int t = 0; t < TILE_Y; t++) {
                    const FLOATV of_token = LOADV(__global, FLOATV, near[t] + i);
                    UNROLLED(TILE_X)
                    for (int r = 0; r < TILE_X; r++) sums[r][t] += values[r] * of_token;
                }
            }
            UNROLLED(TILE_X)
            for (int r = 0; r < TILE_X; r++)
                UNROLLED(TILE_Y)
                for (int t = 0; t < TILE_Y; t++) {
                    float sum = SUMV(sums[r][t]);
                    for (int i = WHOLE; i < COLUMNS; i++) sum += far[r][i] * near[t][i];
                    if (row + r < OUTPUTS && token + t < TOKENS) y[(size_t)(token + t) * OUTPUTS + row + r] = sum;
                }
        }
}
