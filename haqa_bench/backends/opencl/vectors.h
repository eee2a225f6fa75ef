// Vector types and reductions for a width given as VEC (1, 2, 4, 8 or 16).
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#if VEC == 1
#define FLOATV float
#define UCHARV uchar
#define LOADV(p) (*(p))
#define STOREV(v, p) (*(p) = (v))
#define LOADHALFV(p) vload_half(0, (p))
#define CONVERTV(v) convert_float(v)
#define SUMV(v) (v)
#define MAXV(v) (v)
#else
#define FLOATV CAT(float, VEC)
#define UCHARV CAT(uchar, VEC)
#define LOADV(p) CAT(vload, VEC)(0, (p))
#define STOREV(v, p) CAT(vstore, VEC)((v), 0, (p))
#define LOADHALFV(p) CAT(vload_half, VEC)(0, (p))
#define CONVERTV(v) CAT(convert_float, VEC)(v)
static inline __attribute__((always_inline)) float vsum2(float2 v) { return v.x + v.y; }
static inline __attribute__((always_inline)) float vsum4(float4 v) { return vsum2(v.lo + v.hi); }
static inline __attribute__((always_inline)) float vsum8(float8 v) { return vsum4(v.lo + v.hi); }
static inline __attribute__((always_inline)) float vsum16(float16 v) { return vsum8(v.lo + v.hi); }
static inline __attribute__((always_inline)) float vmax2(float2 v) { return fmax(v.x, v.y); }
static inline __attribute__((always_inline)) float vmax4(float4 v) { return vmax2(fmax(v.lo, v.hi)); }
static inline __attribute__((always_inline)) float vmax8(float8 v) { return vmax4(fmax(v.lo, v.hi)); }
static inline __attribute__((always_inline)) float vmax16(float16 v) { return vmax8(fmax(v.lo, v.hi)); }
#define SUMV(v) CAT(vsum, VEC)(v)
#define MAXV(v) CAT(vmax, VEC)(v)
#endif
