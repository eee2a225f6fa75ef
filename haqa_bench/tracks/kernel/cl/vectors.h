// Vectors of VEC elements (1, 2, 4, 8 or 16): types, loads and stores of any alignment, sums and maxima.
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#if VEC == 1
#define FLOATV float
#define CHARV char
#define UCHARV uchar
#define USHORTV ushort
#define UINTV uint
#define CONVERTV(v) convert_float(v)
#define WIDENV(v) convert_uint(v)
#define BITSV(v) as_float(v)
#define SIGNEDV(v) as_char(v)
#else
#define FLOATV CAT(float, VEC)
#define CHARV CAT(char, VEC)
#define UCHARV CAT(uchar, VEC)
#define USHORTV CAT(ushort, VEC)
#define UINTV CAT(uint, VEC)
#define CONVERTV(v) CAT(convert_float, VEC)(v)
#define WIDENV(v) CAT(convert_uint, VEC)(v)
#define BITSV(v) CAT(as_float, VEC)(v)
#define SIGNEDV(v) CAT(as_char, VEC)(v)
#endif

// LOADV(space, type, p): the vector at p. PoCL leaves OpenCL's own vload a call for each vector, at several times the cost (docs/LOG.md);
// there, a type that asks for its element's alignment alone is one instruction.
#ifdef POCL_DEVICE_ADDRESS_BITS
typedef FLOATV loose_FLOATV __attribute__((aligned(4)));
typedef CHARV loose_CHARV __attribute__((aligned(1)));
typedef UCHARV loose_UCHARV __attribute__((aligned(1)));
typedef USHORTV loose_USHORTV __attribute__((aligned(2)));
#define LOADV(space, type, p) (*(space const loose_##type *)(p))
#define STOREV(v, p) (*(__global loose_FLOATV *)(p) = (v))
#elif VEC == 1
#define LOADV(space, type, p) (*(p))
#define STOREV(v, p) (*(p) = (v))
#else
#define LOADV(space, type, p) CAT(vload, VEC)(0, (p))
#define STOREV(v, p) CAT(vstore, VEC)((v), 0, (p))
#endif

#define UNROLLED(times) __attribute__((opencl_unroll_hint(times)))
#define INLINE static inline __attribute__((always_inline))
INLINE float total1(float v) { return v; }
INLINE float total2(float2 v) { return v.x + v.y; }
INLINE float total4(float4 v) { return total2(v.lo + v.hi); }
INLINE float total8(float8 v) { return total4(v.lo + v.hi); }
INLINE float total16(float16 v) { return total8(v.lo + v.hi); }
INLINE float plus(float a, float b) { return a + b; }
INLINE float larger(float a, float b) { return a > b ? a : b; }
INLINE float largest1(float v) { return v; }
INLINE float largest2(float2 v) { return larger(v.x, v.y); }
INLINE float largest4(float4 v) { return largest2(v.lo > v.hi ? v.lo : v.hi); }
INLINE float largest8(float8 v) { return largest4(v.lo > v.hi ? v.lo : v.hi); }
INLINE float largest16(float16 v) { return largest8(v.lo > v.hi ? v.lo : v.hi); }
#define SUMV(v) CAT(total, VEC)(v)
#define MAXV(v) CAT(largest, VEC)(v)

// Leaves op over all of a row's lanes in shared[0]: a tree of LANES (a power of two) values in local memory, then read by all.
#define REDUCE(shared, lane, value, op)                                           \
    (shared)[lane] = (value);                                                     \
    barrier(CLK_LOCAL_MEM_FENCE);                                                 \
    for (int step = LANES / 2; step > 0; step /= 2) {                             \
        if ((lane) < step) (shared)[lane] = op((shared)[lane], (shared)[(lane) + step]); \
        barrier(CLK_LOCAL_MEM_FENCE);                                             \
    }
