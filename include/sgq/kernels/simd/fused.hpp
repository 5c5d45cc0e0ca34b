// sgq/kernels/simd/fused.hpp -- a product that is added: in one rounding, whatever the compiler.
//
// Compilers may fuse a * b + c into one instruction that does not round the product, or leave it:
// it depends on -ffp-contract, -march=native, the version, and the sums nearby. So the code that
// decides weights and maps has no rounded product as the operand of a sum. It says
//
//     multiply_add<Bytes>(a, b, c)       a b + c
//     add_product<Bytes>(sum, a, b)      sum += a b, for registers
//
// which fuse wherever the processor can: AVX2, AVX-512, aarch64, -march=native. Elsewhere, Bytes
// being 16 and the target having no such instruction, nothing can be fused, and they round twice:
// an exact emulation takes 36 instructions instead of two. Hence two kinds of arithmetic, fused and
// separate, and within each the same bits on all machines. (Exact products may be added as they
// are: of small integers, by a power of two, of two floats in double.)
#pragma once

#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

#include <type_traits>

#if SGQ_X86
#include <immintrin.h>
#elif SGQ_ARM
#include <arm_neon.h>
#endif

namespace sgq::kernels {

/// True where code for registers of Bytes has fused multiply-adds.
template <int Bytes>
inline constexpr bool fuses = Bytes > 16 || SGQ_FMA;

/// The same of the registers that for_registers takes here.
inline bool fuses_here() {
  return fuses<16> || isa() == Isa::avx2 || isa() == Isa::avx512;
}

/// The arithmetic of this machine, which decides the bits of training and of maps.
inline const char* arithmetic() {
  return fuses_here() ? "fused multiply-add" : "no fused multiply-add";
}

/// a b + c.
template <int Bytes, class T>
SGQ_INLINE T multiply_add(T a, T b, T c) {
  if constexpr (!fuses<Bytes>)
    return a * b + c;
  else if constexpr (std::is_same_v<T, float>)
    return __builtin_fmaf(a, b, c);
  else
    return __builtin_fma(a, b, c);
}

namespace detail {

#if SGQ_X86
// Not always inline: such a function may not have another target than its caller, and the callers
// get theirs only where they are inlined themselves. From -O1 on these are inlined then.
#define SGQ_FMA_(target, T, V, suffix, register)                                                   \
  [[target]] inline void add_product(V& sum, const V& a, const V& b) {                             \
    sum = reinterpret_cast<V>(register##_fmadd_##suffix(a, b, sum));                               \
  }                                                                                                \
  [[target]] inline void add_product(V& sum, const T& a, const V& b) {                             \
    sum = reinterpret_cast<V>(register##_fmadd_##suffix(register##_set1_##suffix(a), b, sum));     \
  }
using Float32 = Simd<float, 32>::type;
using Float64 = Simd<float, 64>::type;
using Double32 = Simd<double, 32>::type;
using Double64 = Simd<double, 64>::type;
SGQ_FMA_(SGQ_TARGET_AVX2, float, Float32, ps, _mm256)
SGQ_FMA_(SGQ_TARGET_AVX2, double, Double32, pd, _mm256)
SGQ_FMA_(SGQ_TARGET_AVX512, float, Float64, ps, _mm512)
SGQ_FMA_(SGQ_TARGET_AVX512, double, Double64, pd, _mm512)
#undef SGQ_FMA_
#elif SGQ_ARM
#define SGQ_FMA_(T, Register, suffix)                                                              \
  SGQ_INLINE void add_product(Simd<T, 16>::type& sum, const Simd<T, 16>::type& a,                  \
                              const Simd<T, 16>::type& b) {                                        \
    sum = reinterpret_cast<Simd<T, 16>::type>(vfmaq_##suffix(reinterpret_cast<Register>(sum),      \
                                                             reinterpret_cast<Register>(a),        \
                                                             reinterpret_cast<Register>(b)));      \
  }                                                                                                \
  SGQ_INLINE void add_product(Simd<T, 16>::type& sum, const T& a, const Simd<T, 16>::type& b) {    \
    sum = reinterpret_cast<Simd<T, 16>::type>(                                                     \
        vfmaq_n_##suffix(reinterpret_cast<Register>(sum), reinterpret_cast<Register>(b), a));      \
  }
SGQ_FMA_(float, float32x4_t, f32)
SGQ_FMA_(double, float64x2_t, f64)
#undef SGQ_FMA_
#endif

} // namespace detail

/// sum += a b, for registers of Bytes; a may be one number for all lanes.
template <int Bytes, class A, class V>
SGQ_INLINE void add_product(V& sum, const A& a, const V& b) {
  if constexpr (!fuses<Bytes>) {
    sum += a * b;
#if SGQ_X86 || SGQ_ARM
  } else if constexpr (Bytes > 16 || SGQ_ARM) {
    detail::add_product(sum, a, b);
#endif
  } else {
    const V all = a - V{};
    SGQ_UNROLL
    for (int l = 0; l < static_cast<int>(sizeof(V) / sizeof(sum[0])); ++l)
      sum[l] = multiply_add<Bytes>(all[l], b[l], sum[l]);
  }
}

} // namespace sgq::kernels
