// sgq/kernels/inner_4x6_avx512.hpp -- InnerProduct on AVX-512, for a tile of 4x6.
//
// Ten vector loads feed 24 multiply-adds; with the four vectors of A, 28 of the 32 registers.
#pragma once

#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/microkernel.hpp"

namespace sgq::kernels {

#if SGQ_X86
template <class T>
[[SGQ_TARGET_AVX512]] void inner_4x6_avx512(const InnerProduct<T>& x) {
  using V = typename Simd<T, 64>::type;
  using Loose = typename Simd<T, 64>::loose;
  constexpr index_t lanes = Simd<T, 64>::lanes;
  V sum[4][6] = {};
  const T *a = x.a, *b = x.b;
  for (index_t part = 0; part < x.parts; ++part, a += x.a_part, b += x.b_part)
    for (index_t p = 0; p < x.length; p += lanes) {
      V av[4];
      SGQ_UNROLL
      for (index_t i = 0; i < 4; ++i) av[i] = *reinterpret_cast<const Loose*>(a + i * x.lda + p);
      SGQ_UNROLL
      for (index_t j = 0; j < 6; ++j) {
        const V bv = *reinterpret_cast<const Loose*>(b + x.b_row[j] + p);
        SGQ_UNROLL
        for (index_t i = 0; i < 4; ++i) sum[i][j] += av[i] * bv;
      }
    }
  SGQ_UNROLL
  for (index_t i = 0; i < 4; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < 6; ++j)
      *reinterpret_cast<Loose*>(x.sums + (i * 6 + j) * lanes) = sum[i][j];
  }
}
#endif

} // namespace sgq::kernels
