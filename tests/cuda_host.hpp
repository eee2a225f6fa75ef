// As much of CUDA as opencl.cuh needs, on a CPU: the arithmetic of a kernel's CUDA form is checked where there is no GPU (test_cuda_form.py).
// The work-items of a block are fibres, one after another from barrier to barrier; blocks follow each other, so shared memory is static.
#pragma once
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>
#include <vector>
#define __global__
#define __shared__ static
#define __constant__ const
#define __launch_bounds__(items)

struct Three { unsigned x, y, z; };
static Three threadIdx, blockIdx, blockDim;
#define __expf expf // glibc has another of that name
#define __logf logf
#define __log2f log2f
#define __sinf sinf
#define __cosf cosf
static inline float __fdividef(float x, float y) { return x / y; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline int __dp4a(int a, int b, int sum) {
    for (int k = 0; k < 32; k += 8) sum += (signed char)(a >> k) * (signed char)(b >> k);
    return sum;
}
static inline unsigned __dp4a(unsigned a, unsigned b, unsigned sum) {
    for (int k = 0; k < 32; k += 8) sum += (a >> k & 255) * (b >> k & 255);
    return sum;
}
static inline void __threadfence() {}

typedef void Kernel(void *, void *, void *, void *);
struct Fibre { ucontext_t context; std::vector<char> stack; Three place; bool ended; };
static ucontext_t scheduler;
static std::vector<Fibre> fibres;
static Fibre *running;
static Kernel *kernel;
static void **arguments;
static inline void __syncthreads() { swapcontext(&running->context, &scheduler); }
static void item() {
    kernel(arguments[0], arguments[1], arguments[2], arguments[3]);
    running->ended = true;
}
static void begin(Fibre &fibre, Three place) {
    fibre.place = place;
    fibre.ended = false;
    fibre.stack.resize(1 << 17);
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.data();
    fibre.context.uc_stack.ss_size = fibre.stack.size();
    fibre.context.uc_link = &scheduler;
    makecontext(&fibre.context, item, 0);
}
static bool go_on() { // every fibre to its next barrier, or to its end
    bool more = false;
    for (Fibre &fibre : fibres) {
        if (fibre.ended) continue;
        running = &fibre;
        threadIdx = fibre.place;
        swapcontext(&scheduler, &fibre.context);
        more |= !fibre.ended;
    }
    return more;
}
static void launch(Kernel *what, void **with, unsigned blocks, Three block) {
    kernel = what, arguments = with, blockDim = block;
    fibres.resize(block.x * block.y * block.z);
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        size_t n = 0;
        for (unsigned z = 0; z < block.z; z++)
            for (unsigned y = 0; y < block.y; y++)
                for (unsigned x = 0; x < block.x; x++) begin(fibres[n++], {x, y, z});
        while (go_on()) {}
    }
}
