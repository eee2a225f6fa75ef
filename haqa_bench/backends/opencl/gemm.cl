// Y = X W^T, many tokens: what reading a prompt is made of. Each work-item takes TILE_TOKENS x TILE_ROWS of the result.
// Tunable: GROUP_TOKENS, GROUP_ROWS, TILE_TOKENS, TILE_ROWS, VEC, UNROLL, UNPACK (unpack a block of weights once for all tokens of a tile).
#define XSPACE __global
#include "vectors.h"
#include "weights.h"

#if UNPACK
static inline void unpack(__global const uchar *block, float *values) {
#if BITS == 4
    const float scale = vload_half(0, (__global const half *)block);
    for (int i = 0; i < BLOCK / 2; i++) {
        values[i] = scale * ((int)(block[2 + i] & 15) - 8);
        values[i + BLOCK / 2] = scale * ((int)(block[2 + i] >> 4) - 8);
    }
#elif BITS == 8
    const float scale = vload_half(0, (__global const half *)block);
    for (int i = 0; i < BLOCK; i++) values[i] = scale * ((__global const char *)block)[2 + i];
#elif BITS == 16
    for (int i = 0; i < BLOCK; i++) values[i] = vload_half(i, (__global const half *)block);
#else
    for (int i = 0; i < BLOCK; i++) values[i] = ((__global const float *)block)[i];
#endif
}
#endif

__kernel __attribute__((reqd_work_group_size(GROUP_ROWS, GROUP_TOKENS, 1)))
void gemm(__global const uchar *weights, __global const float *x, __global float *y) {
    const int row = (get_group_id(0) * GROUP_ROWS + get_local_id(0)) * TILE_ROWS;
    const int token = (get_group_id(1) * GROUP_TOKENS + get_local_id(1)) * TILE_TOKENS;
    if (row >= OUTPUTS || token >= TOKENS) return;
    FLOATV sums[TILE_ROWS][TILE_TOKENS];
    for (int r = 0; r < TILE_ROWS; r++)
        for (int t = 0; t < TILE_TOKENS; t++) sums[r][t] = (FLOATV)(0.0f);
    for (int b = 0; b < COLUMNS / BLOCK; b++)
        for (int r = 0; r < TILE_ROWS; r++) {
            __global const uchar *block = weights + ((size_t)min(row + r, OUTPUTS - 1) * (COLUMNS / BLOCK) + b) * BLOCK_BYTES;
#if UNPACK
            float values[BLOCK];
            unpack(block, values);
#endif
            for (int t = 0; t < TILE_TOKENS; t++) {
                __global const float *tokens = x + (size_t)min(token + t, TOKENS - 1) * COLUMNS + b * BLOCK;
#if UNPACK
                __attribute__((opencl_unroll_hint(UNROLL)))
                for (int i = 0; i < BLOCK; i += VEC) sums[r][t] += LOADV(values + i) * LOADV(tokens + i);
#else
                sums[r][t] += dot_block(block, tokens);
#endif
            }
        }
    for (int r = 0; r < TILE_ROWS && row + r < OUTPUTS; r++)
        for (int t = 0; t < TILE_TOKENS && token + t < TOKENS; t++) y[(size_t)(token + t) * OUTPUTS + row + r] = SUMV(sums[r][t]);
}
