// What a device gives at most: reading memory, and multiplying and adding in registers. Both write one number an item, so that nothing
// is left out by the compiler.

#if SIDE_BY_SIDE
#define AT(i) x[(size_t)(i) * get_global_size(0) + get_global_id(0)]
#else
#define AT(i) x[(size_t)get_global_id(0) * VECTORS + (i)]
#endif

__kernel void read(__global const float8 *x, __global float *y) {
    float8 a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
    for (int i = 0; i < VECTORS; i += 4) {
        a += AT(i);
        b += AT(i + 1);
        c += AT(i + 2);
        d += AT(i + 3);
    }
    const float8 sum = (a + b) + (c + d);
    y[get_global_id(0)] = sum.s0 + sum.s1 + sum.s2 + sum.s3 + sum.s4 + sum.s5 + sum.s6 + sum.s7;
}

// 12 chains of vectors, enough to hide the latency of an addition.
__kernel void multiply_add(__global float *y) {
    const float start = get_global_id(0) * 1e-6f;
    float8 chains[12];
    __attribute__((opencl_unroll_hint(12)))
    for (int k = 0; k < 12; k++) chains[k] = (float8)(start + k);
    for (int step = 0; step < STEPS; step++) {
        __attribute__((opencl_unroll_hint(12)))
        for (int k = 0; k < 12; k++) chains[k] = chains[k] * 0.999f + 0.001f;
    }
    float8 sum = chains[0];
    __attribute__((opencl_unroll_hint(11)))
    for (int k = 1; k < 12; k++) sum += chains[k];
    y[get_global_id(0)] = sum.s0 + sum.s1 + sum.s2 + sum.s3 + sum.s4 + sum.s5 + sum.s6 + sum.s7;
}
