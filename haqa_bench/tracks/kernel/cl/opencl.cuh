// OpenCL C 1.2 as CUDA C++: as much of it as kernels of an LLM use. worker/cuda_source.py puts this before a kernel, and the kernel into
// the namespace opencl, so that OpenCL's names (float4, exp, max) are those below and not CUDA's own of the same names.
//
// The few forms that no C++ header can give a meaning are written otherwise by cuda_source.py before: vector literals, pointers to local
// memory, `a > b ? a : b` of vectors, unroll hints and work-group sizes. Not here: vectors of three, swizzles such as v.xy, doubles,
// images, atomics; a kernel that uses one does not compile.
//
// What it needs of CUDA is what NVRTC brings by itself, without a header. CUDA_GROUPS_0 to CUDA_GROUPS_2 are the numbers of work-groups:
// all of them are laid along CUDA's x, since its y ends at 65,535.
#define __kernel extern "C" __global__
#define __global
#define __local alignas(16) __shared__
#define __constant __constant__
#define __private
#define restrict __restrict__
#define __OPENCL_VERSION__ 120
#define __opencl_c_integer_dot_product_input_4x8bit_packed 1
#define CLK_LOCAL_MEM_FENCE 1
#define CLK_GLOBAL_MEM_FENCE 2
#define CUDA_PRAGMA(words) _Pragma(#words)
#define CUDA_UNROLL(times) CUDA_PRAGMA(unroll (times))
#define CUDA_GROUP(x, y, z) __launch_bounds__((x) * (y) * (z))
#ifndef INFINITY
#define INFINITY (opencl::as_float(0x7f800000u))
#endif
#ifndef M_PI_F
#define M_PI_F 3.14159274101257f
#endif

namespace opencl {
static_assert(char(-1) < 0, "OpenCL's char has a sign");
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

// Where a work-item is.
inline size_t get_local_id(uint d) { return d == 0 ? threadIdx.x : d == 1 ? threadIdx.y : threadIdx.z; }
inline size_t get_local_size(uint d) { return d == 0 ? blockDim.x : d == 1 ? blockDim.y : blockDim.z; }
inline size_t get_num_groups(uint d) { return d == 0 ? CUDA_GROUPS_0 : d == 1 ? CUDA_GROUPS_1 : CUDA_GROUPS_2; }
inline size_t get_group_id(uint d) {
    const uint group = blockIdx.x;
    return d == 0 ? group % CUDA_GROUPS_0
                  : d == 1 ? group / CUDA_GROUPS_0 % CUDA_GROUPS_1 : group / CUDA_GROUPS_0 / CUDA_GROUPS_1;
}
inline size_t get_global_id(uint d) { return get_group_id(d) * get_local_size(d) + get_local_id(d); }
inline size_t get_global_size(uint d) { return get_num_groups(d) * get_local_size(d); }
inline size_t get_global_offset(uint d) { return 0; }
inline void barrier(uint fences) { __syncthreads(); }
inline void mem_fence(uint fences) { __threadfence(); }
template <typename T> inline void prefetch(const T *p, size_t count) {
#ifdef __CUDACC_RTC__
    asm volatile("prefetch.L2 [%0];" ::"l"(p));
#endif
}

// The bits of one type as another of the same size.
template <typename To, typename From> inline To bits_as(const From &from) {
    static_assert(sizeof(To) == sizeof(From), "as_ needs two types of one size");
    To to;
    memcpy(&to, &from, sizeof(To));
    return to;
}
template <typename T> inline float as_float(T v) { return bits_as<float>(v); }

// Vectors: the elements of one, under all of their names.
template <typename T, int N> struct Vec;
template <typename T, int N> struct Elements;
template <typename T> struct Elements<T, 2> {
    union {
        T s[2];
        struct { T x, y; };
        struct { T s0, s1; };
        struct { T lo, hi; };
    };
};
template <typename T> struct Elements<T, 4> {
    union {
        T s[4];
        struct { T x, y, z, w; };
        struct { T s0, s1, s2, s3; };
        struct { Vec<T, 2> lo, hi; };
    };
};
template <typename T> struct Elements<T, 8> {
    union {
        T s[8];
        struct { T s0, s1, s2, s3, s4, s5, s6, s7; };
        struct { Vec<T, 4> lo, hi; };
    };
};
template <typename T> struct Elements<T, 16> {
    union {
        T s[16];
        struct { T s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, sa, sb, sc, sd, se, sf; };
        struct { Vec<T, 8> lo, hi; };
    };
};

// What a comparison of vectors gives: whole numbers of the elements' size, -1 where it holds.
template <int Bytes> struct Signed;
template <> struct Signed<1> { typedef char type; };
template <> struct Signed<2> { typedef short type; };
template <> struct Signed<4> { typedef int type; };
template <> struct Signed<8> { typedef long type; };
template <typename T, int N> using Mask = Vec<typename Signed<sizeof(T)>::type, N>;
template <typename T> struct Same { typedef T type; }; // an argument that a scalar may be given for

#define EACH CUDA_UNROLL(N) for (int i = 0; i < N; i++)
#define OPERATOR(op)                                  \
    friend Vec operator op(Vec a, Vec b) {            \
        Vec r;                                        \
        EACH r.s[i] = T(a.s[i] op b.s[i]);            \
        return r;                                     \
    }                                                 \
    friend Vec &operator op##=(Vec &a, Vec b) { return a = a op b; }
#define COMPARISON(op)                                \
    friend Mask<T, N> operator op(Vec a, Vec b) {     \
        Mask<T, N> r;                                 \
        EACH r.s[i] = a.s[i] op b.s[i] ? -1 : 0;      \
        return r;                                     \
    }
template <typename T, int N> struct Vec : Elements<T, N> {
    Vec() = default;
    Vec(T all) { EACH this->s[i] = all; }
    template <typename A, typename B, typename... More> Vec(A first, B second, More... more) {
        static_assert(SIZE<A> + SIZE<B> + (0 + ... + SIZE<More>) == N, "a vector literal with too few or too many elements");
        T *to = this->s;
        put(to, first);
        put(to, second);
        (put(to, more), ...);
    }
    OPERATOR(+) OPERATOR(-) OPERATOR(*) OPERATOR(/) OPERATOR(%)
    OPERATOR(&) OPERATOR(|) OPERATOR(^) OPERATOR(<<) OPERATOR(>>)
    COMPARISON(<) COMPARISON(>) COMPARISON(<=) COMPARISON(>=) COMPARISON(==) COMPARISON(!=)
    Vec operator-() const { Vec r; EACH r.s[i] = T(-this->s[i]); return r; }
    Vec operator~() const { Vec r; EACH r.s[i] = T(~this->s[i]); return r; }
    Vec operator+() const { return *this; }

private:
    template <typename A> struct Size { static constexpr int of = 1; };
    template <typename A, int M> struct Size<Vec<A, M>> { static constexpr int of = M; };
    template <typename A> static constexpr int SIZE = Size<A>::of;
    template <typename A> static void put(T *&to, A value) { *to++ = T(value); }
    template <int M> static void put(T *&to, Vec<T, M> values) { for (int i = 0; i < M; i++) *to++ = values.s[i]; }
};
#undef OPERATOR
#undef COMPARISON

// Loads and stores at any alignment of the elements. Where elements of four bytes lie so that the device can take them 8 or 16 bytes at a
// time, it does.
template <int Bytes> struct alignas(Bytes) Piece { uint words[Bytes / 4]; };
template <int N, typename T> inline Vec<T, N> load(const T *p) {
    Vec<T, N> v;
    if constexpr (sizeof(T) == 4) {
        typedef Piece<N == 2 ? 8 : 16> P;
        if ((size_t)p % sizeof(P) == 0) {
            P pieces[sizeof(v) / sizeof(P)];
            CUDA_UNROLL(sizeof(v) / sizeof(P)) for (int i = 0; i < int(sizeof(v) / sizeof(P)); i++) pieces[i] = ((const P *)p)[i];
            memcpy(&v, pieces, sizeof(v));
            return v;
        }
    }
    EACH v.s[i] = p[i];
    return v;
}
template <typename T, int N> inline void store(Vec<T, N> v, T *p) {
    if constexpr (sizeof(T) == 4) {
        typedef Piece<N == 2 ? 8 : 16> P;
        if ((size_t)p % sizeof(P) == 0) {
            P pieces[sizeof(v) / sizeof(P)];
            memcpy(pieces, &v, sizeof(v));
            CUDA_UNROLL(sizeof(v) / sizeof(P)) for (int i = 0; i < int(sizeof(v) / sizeof(P)); i++) ((P *)p)[i] = pieces[i];
            return;
        }
    }
    EACH p[i] = v.s[i];
}

// Types, loads, conversions and reinterpretations under OpenCL's names.
template <typename To> inline To rounded(float v) { return To(rintf(v)); }
template <typename To> inline To rounded(int v) { return To(v); }
template <typename To> constexpr float LEAST = To(-1) < To(0) ? -float(1ul << (8 * sizeof(To) - 1)) : 0.0f;
template <typename To> constexpr float MOST = To(-1) < To(0) ? float((1ul << (8 * sizeof(To) - 1)) - 1) : float(To(-1));
template <typename To, typename From> inline To saturated(From v) {
    return v < LEAST<To> ? To(LEAST<To>) : v > MOST<To> ? To(MOST<To>) : To(v);
}
#define SCALAR_TYPE(T)                                                                            \
    template <typename From> inline T convert_##T(From v) { return T(v); }                        \
    template <typename From> inline T convert_##T##_rte(From v) { return rounded<T>(v); }         \
    template <typename From> inline T convert_##T##_sat(From v) { return saturated<T>(v); }       \
    template <typename From> inline T convert_##T##_sat_rte(From v) { return saturated<T>(rintf(float(v))); }
#define VECTOR_TYPE(T, N)                                                                                       \
    typedef Vec<T, N> T##N;                                                                                     \
    template <typename From> inline T##N as_##T##N(From v) { return bits_as<T##N>(v); }                         \
    template <typename From> inline T##N convert_##T##N(Vec<From, N> v) { T##N r; EACH_OF(N) r.s[i] = T(v.s[i]); return r; } \
    template <typename From> inline T##N convert_##T##N##_rte(Vec<From, N> v) {                                 \
        T##N r; EACH_OF(N) r.s[i] = rounded<T>(v.s[i]); return r;                                               \
    }                                                                                                           \
    template <typename From> inline T##N convert_##T##N##_sat(Vec<From, N> v) {                                 \
        T##N r; EACH_OF(N) r.s[i] = saturated<T>(v.s[i]); return r;                                             \
    }                                                                                                           \
    template <typename From> inline T##N convert_##T##N##_sat_rte(Vec<From, N> v) {                             \
        T##N r; EACH_OF(N) r.s[i] = saturated<T>(rintf(v.s[i])); return r;                                      \
    }
#define EACH_OF(N) CUDA_UNROLL(N) for (int i = 0; i < N; i++)
#define VECTOR_TYPES(T) SCALAR_TYPE(T) VECTOR_TYPE(T, 2) VECTOR_TYPE(T, 4) VECTOR_TYPE(T, 8) VECTOR_TYPE(T, 16)
VECTOR_TYPES(float) VECTOR_TYPES(char) VECTOR_TYPES(uchar) VECTOR_TYPES(short) VECTOR_TYPES(ushort)
VECTOR_TYPES(int) VECTOR_TYPES(uint) VECTOR_TYPES(long) VECTOR_TYPES(ulong)
#define AS(T) template <typename From> inline T as_##T(From v) { return bits_as<T>(v); }
AS(char) AS(uchar) AS(short) AS(ushort) AS(int) AS(uint) AS(long) AS(ulong)
#define LOADS(N)                                                                                        \
    template <typename T> inline Vec<T, N> vload##N(size_t at, const T *p) { return load<N>(p + N * at); } \
    template <typename T> inline void vstore##N(Vec<T, N> v, size_t at, T *p) { store(v, p + N * at); }
LOADS(2) LOADS(4) LOADS(8) LOADS(16)
#undef SCALAR_TYPE
#undef VECTOR_TYPE
#undef VECTOR_TYPES
#undef CHAR_NAMES
#undef AS
#undef LOADS
#undef EACH_OF

// Functions of one element, and of each element of a vector.
#define FLOATS(name, formula)                                                       \
    inline float name(float x) { return formula; }                                  \
    template <int N> inline Vec<float, N> name(Vec<float, N> v) { Vec<float, N> r; EACH r.s[i] = name(v.s[i]); return r; }
FLOATS(exp, expf(x)) FLOATS(exp2, exp2f(x)) FLOATS(exp10, exp10f(x)) FLOATS(log, logf(x)) FLOATS(log2, log2f(x))
FLOATS(sin, sinf(x)) FLOATS(cos, cosf(x)) FLOATS(tan, tanf(x)) FLOATS(tanh, tanhf(x)) FLOATS(erf, erff(x))
FLOATS(sqrt, sqrtf(x)) FLOATS(rsqrt, rsqrtf(x)) FLOATS(fabs, fabsf(x)) FLOATS(floor, floorf(x)) FLOATS(ceil, ceilf(x))
FLOATS(rint, rintf(x)) FLOATS(round, roundf(x)) FLOATS(trunc, truncf(x))
FLOATS(native_exp, __expf(x)) FLOATS(native_exp2, exp2f(x)) FLOATS(native_log, __logf(x)) FLOATS(native_log2, __log2f(x))
FLOATS(native_sin, __sinf(x)) FLOATS(native_cos, __cosf(x)) FLOATS(native_sqrt, sqrtf(x)) FLOATS(native_rsqrt, rsqrtf(x))
FLOATS(native_recip, __fdividef(1.0f, x)) FLOATS(half_exp, __expf(x)) FLOATS(half_rsqrt, rsqrtf(x))
#undef FLOATS
#define OR_SCALAR_FLOAT typename Same<Vec<float, N>>::type
#define TWO_FLOATS(name, formula)                                                   \
    inline float name(float x, float y) { return formula; }                         \
    template <int N> inline Vec<float, N> name(Vec<float, N> a, OR_SCALAR_FLOAT b) { \
        Vec<float, N> r; EACH r.s[i] = name(a.s[i], b.s[i]); return r;              \
    }
TWO_FLOATS(fmax, fmaxf(x, y)) TWO_FLOATS(fmin, fminf(x, y)) TWO_FLOATS(pow, powf(x, y)) TWO_FLOATS(fmod, fmodf(x, y))
TWO_FLOATS(native_divide, __fdividef(x, y))
#undef TWO_FLOATS

// a > b ? a : b, and a < b ? a : b, of scalars and of vectors: OpenCL chooses for each element.
template <typename A, typename B> inline auto larger_of(A a, B b) { return a > b ? a : b; }
template <typename A, typename B> inline auto smaller_of(A a, B b) { return a < b ? a : b; }
template <typename T, int N> inline Vec<T, N> larger_of(Vec<T, N> a, Vec<T, N> b) { EACH a.s[i] = a.s[i] > b.s[i] ? a.s[i] : b.s[i]; return a; }
template <typename T, int N> inline Vec<T, N> smaller_of(Vec<T, N> a, Vec<T, N> b) { EACH a.s[i] = a.s[i] < b.s[i] ? a.s[i] : b.s[i]; return a; }
#define ORDERED(T)                                                                  \
    inline T max(T a, T b) { return a < b ? b : a; }                                \
    inline T min(T a, T b) { return b < a ? b : a; }                                \
    inline T clamp(T v, T least, T most) { return min(max(v, least), most); }
ORDERED(float) ORDERED(char) ORDERED(uchar) ORDERED(short) ORDERED(ushort) ORDERED(int) ORDERED(uint) ORDERED(long) ORDERED(ulong)
#undef ORDERED
#define WITH_VECTOR template <typename T, int N> inline Vec<T, N>
#define OR_SCALAR typename Same<Vec<T, N>>::type
WITH_VECTOR max(Vec<T, N> a, OR_SCALAR b) { EACH a.s[i] = max(a.s[i], b.s[i]); return a; }
WITH_VECTOR min(Vec<T, N> a, OR_SCALAR b) { EACH a.s[i] = min(a.s[i], b.s[i]); return a; }
WITH_VECTOR clamp(Vec<T, N> v, OR_SCALAR least, OR_SCALAR most) { return min(max(v, least), most); }
inline int abs(int v) { return v < 0 ? -v : v; }
inline float fma(float a, float b, float c) { return fmaf(a, b, c); }
inline float mad(float a, float b, float c) { return fmaf(a, b, c); }
WITH_VECTOR fma(Vec<T, N> a, OR_SCALAR b, OR_SCALAR c) { EACH a.s[i] = fmaf(a.s[i], b.s[i], c.s[i]); return a; }
WITH_VECTOR mad(Vec<T, N> a, OR_SCALAR b, OR_SCALAR c) { return fma(a, b, c); }
inline int mul24(int a, int b) { return a * b; }
inline int mad24(int a, int b, int c) { return a * b + c; }
template <int N> inline Vec<int, N> mul24(Vec<int, N> a, Vec<int, N> b) { return a * b; }
template <int N> inline Vec<int, N> mad24(Vec<int, N> a, Vec<int, N> b, Vec<int, N> c) { return a * b + c; }
template <typename T, int N> inline Vec<T, N> select(Vec<T, N> no, Vec<T, N> yes, Mask<T, N> chosen) {
    EACH no.s[i] = chosen.s[i] < 0 ? yes.s[i] : no.s[i];
    return no;
}
template <typename T> inline T select(T no, T yes, int chosen) { return chosen ? yes : no; }
inline float dot(float a, float b) { return a * b; }
template <int N> inline float dot(Vec<float, N> a, Vec<float, N> b) { float sum = 0.0f; EACH sum = fmaf(a.s[i], b.s[i], sum); return sum; }

// Four bytes times four, summed up.
inline int dot_4x8packed_ss_int(uint a, uint b) { return __dp4a((int)a, (int)b, 0); }
inline uint dot_4x8packed_uu_uint(uint a, uint b) { return __dp4a(a, b, 0u); }
inline int dot_4x8packed_us_int(uint a, uint b) { // a's bytes have no sign: their top bits, taken off, are 128 each
    return __dp4a((int)(a ^ 0x80808080u), (int)b, 0) + 128 * __dp4a(0x01010101, (int)b, 0);
}
inline int dot_4x8packed_su_int(uint a, uint b) { return dot_4x8packed_us_int(b, a); }

// Halves are kept by their bits, as weights are.
struct half { ushort bits; };
inline float of_half(ushort bits) {
    const uint sign = (bits & 0x8000u) << 16, rest = (bits & 0x7fffu) << 13;
    return rest >= 0x0f800000u ? as_float(sign | rest | 0x70000000u) : as_float(sign | rest) * 0x1p112f;
}
inline float vload_half(size_t at, const half *p) { return of_half(p[at].bits); }
#define HALVES(N)                                                                                               \
    inline Vec<float, N> vload_half##N(size_t at, const half *p) {                                              \
        Vec<float, N> r; CUDA_UNROLL(N) for (int i = 0; i < N; i++) r.s[i] = of_half(p[N * at + i].bits); return r; \
    }
HALVES(2) HALVES(4) HALVES(8) HALVES(16)
#undef HALVES
#undef WITH_VECTOR
#undef OR_SCALAR
#undef EACH
} // namespace opencl
