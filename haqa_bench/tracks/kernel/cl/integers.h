// Activations, arranged before they meet the weights, and dot products of 8-bit integers. VEC is 4 or 8.
//
// DOT is the way of the arithmetic: 0 multiplies floats. The others round the activations to 8 bits, in blocks of 32 with a scale, as
// ggml does, and multiply integers: 1 widened to 16 bits, 2 bytes in pairs, 3 four bytes at a time. A word is four bytes of a block.
// On a CPU other than x86, and on a GPU, 1 to 3 are one and the same.
#ifndef DOT
#define DOT 0
#endif
#define WORDS (BLOCK / 4)
#define WORD_BLOCKS (TOKENS * BLOCKS)

// PoCL leaves OpenCL's own min a call, which it takes out of no loop that holds assembly.
INLINE int least(int a, int b) { return a < b ? a : b; }

#if defined(__x86_64__) && defined(POCL_DEVICE_ADDRESS_BITS)
#define X86 1
#else
#define X86 0
#endif

#if DOT
#if BITS > 8
#error "DOT multiplies integers, and weights of BITS are none: leave it at 0"
#endif
// What a weight is more than it means, so that its byte has no sign: what that adds to a sum is taken off by where the sum begins.
#if BITS == 4
#define BIAS 8
#elif X86 && DOT == 2
#define BIAS 0 // pairs of bytes may overflow 16 bits without a sign
#else
#define BIAS 128
#endif
#define INTV CAT(int, VEC)
#define FLOATSV(v) CAT(convert_float, VEC)(v)

#ifdef POCL_DEVICE_ADDRESS_BITS
typedef int4 loose_int4 __attribute__((aligned(2)));
typedef int8 loose_int8 __attribute__((aligned(2)));
#define LOADW(words, p) (*(__global const CAT(loose_int, words) *)(p))
#else
INLINE int word_at(__global const uchar *p) {
    __global const ushort *halves = (__global const ushort *)p;
    return (int)((uint)halves[0] | (uint)halves[1] << 16);
}
INLINE int4 load4(__global const uchar *p) {
    int4 found;
    for (int k = 0; k < 4; k++) ((int *)&found)[k] = word_at(p + 4 * k);
    return found;
}
INLINE int8 load8(__global const uchar *p) {
    int8 found;
    found.lo = load4(p);
    found.hi = load4(p + 16);
    return found;
}
#define LOADW(words, p) CAT(load, words)(p)
#endif

// VEC words of a block's weights from the i-th on, each byte BIAS more than its weight.
INLINE INTV words_of(__global const uchar *block, int i) {
#if BITS == 4
    const int4 packed = LOADW(4, block + 2);
#if VEC == 8
    INTV words;
    words.lo = packed & 0x0f0f0f0f;
    words.hi = (packed >> 4) & 0x0f0f0f0f;
    return words;
#else
    return (i < WORDS / 2 ? packed : packed >> 4) & 0x0f0f0f0f;
#endif
#elif BIAS
    return LOADW(VEC, block + 2 + 4 * i) ^ (int)0x80808080;
#else
    return LOADW(VEC, block + 2 + 4 * i);
#endif
}

// sum + w x, each word of sums apart: four products, or, widened, any four of the block.
#if X86 && DOT == 1
INLINE int8 pairs(int8 sum, int4 w, int4 x) {
    const int16 products = convert_int16(as_uchar16(w)) * convert_int16(as_char16(x));
    return sum + products.even + products.odd;
}
#if VEC == 8
INLINE INTV dot_of(INTV sum, INTV w, INTV x) { return pairs(pairs(sum, w.lo, x.lo), w.hi, x.hi); }
#else
INLINE INTV dot_of(INTV sum, INTV w, INTV x) {
    const int8 found = pairs((int8)(0), w, x);
    return sum + found.lo + found.hi;
}
#endif
#elif X86 && DOT == 2
INLINE INTV dot_of(INTV sum, INTV w, INTV x) {
    INTV products;
#if BIAS == 0 // the sign goes over to the activation, since the first of two bytes has none
    __asm__("vpsignb %2, %1, %0" : "=x"(products) : "x"(x), "x"(w));
    __asm__("vpabsb %1, %0" : "=x"(w) : "x"(w));
    x = products;
#endif
    __asm__("vpmaddubsw %2, %1, %0" : "=x"(products) : "x"(w), "x"(x));
    __asm__("vpmaddwd %2, %1, %0" : "=x"(products) : "x"(products), "x"((INTV)(0x00010001)));
    return sum + products;
}
#elif X86
INLINE INTV dot_of(INTV sum, INTV w, INTV x) {
    __asm__("vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(x));
    return sum;
}
#else
INLINE int four_of(int sum, int w, int x) {
#ifdef __opencl_c_integer_dot_product_input_4x8bit_packed
    return sum + dot_4x8packed_us_int((uint)w, (uint)x);
#else
    for (int k = 0; k < 4; k++) sum += (w >> (8 * k) & 255) * ((int)((uint)x << (24 - 8 * k)) >> 24);
    return sum;
#endif
}
INLINE INTV dot_of(INTV sum, INTV w, INTV x) {
    UNROLLED(VEC)
    for (int k = 0; k < VEC; k++) ((int *)&sum)[k] = four_of(((int *)&sum)[k], ((int *)&w)[k], ((int *)&x)[k]);
    return sum;
}
#endif

// Where the p-th block of the arranged activations has its words, its scale, and where a sum of VEC words begins. TOGETHER: side by side;
// else all words come first, then all scales, then all beginnings.
#if TOGETHER
#define WORDS_AT(p) ((size_t)(p) * (WORDS + 2))
#define SCALE_AT(p) (WORDS_AT(p) + WORDS)
#define START_AT(p) (WORDS_AT(p) + WORDS + 1)
#else
#define WORDS_AT(p) ((size_t)(p) * WORDS)
#define SCALE_AT(p) ((size_t)WORD_BLOCKS * WORDS + (p))
#define START_AT(p) ((size_t)WORD_BLOCKS * (WORDS + 1) + (p))
#endif
#ifdef POCL_DEVICE_ADDRESS_BITS
typedef INTV loose_INTV __attribute__((aligned(4)));
#define ARRANGED(p, i) (*(__global const loose_INTV *)(arranged + WORDS_AT(p) + (i)))
#else
#define ARRANGED(p, i) CAT(vload, VEC)(0, arranged + WORDS_AT(p) + (i))
#endif
#define ARRANGED_SCALE(p) as_float(arranged[SCALE_AT(p)])
#define ARRANGED_START(p) arranged[START_AT(p)]

// Rounds 32 activations to the p-th block.
INLINE void arrange_block(__global const float *x, __global int *arranged, int p) {
    float most = 0.0f;
    for (int i = 0; i < BLOCK; i++) most = fmax(most, fabs(x[i]));
    const float scale = most / 127.0f, inverse = most > 0.0f ? 127.0f / most : 0.0f;
    int sum = 0;
    for (int w = 0; w < WORDS; w++) {
        int word = 0;
        for (int k = 0; k < 4; k++) {
            const int near = convert_int(rint(x[4 * w + k] * inverse));
            sum += near;
            word |= (near & 255) << (8 * k);
        }
        arranged[WORDS_AT(p) + w] = word;
    }
    arranged[SCALE_AT(p)] = as_int(scale);
    arranged[START_AT(p)] = -sum * BIAS / VEC;
}
#endif

// Asks for a byte of memory before it is needed, where the language has a word for it.
#if X86
#define FETCH(p) __asm__ volatile("prefetcht0 %0" ::"m"(*(p)))
#elif defined(__OPENCL_VERSION__)
#define FETCH(p) prefetch((p), 1)
#else
#define FETCH(p)
#endif
