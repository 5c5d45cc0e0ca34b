// sgq/kernels/inner_3x3_avx2.hpp -- InnerProduct on AVX2, for a tile of 3x3.
//
// Six vector loads feed nine multiply-adds; with three vectors of A and one of B, 13 of the 16
// registers.
#pragma once

#include "sgq/kernels/fold_lanes.hpp"

namespace sgq::kernels {

#if SGQ_X86
template <class T>
[[SGQ_TARGET_AVX2]] void inner_3x3_avx2(const InnerProduct<T>& x) {
  using V = typename Simd<T, 32>::type;
  using Loose = typename Simd<T, 32>::loose;
  constexpr index_t lanes = Simd<T, 32>::lanes;
  V sum[12] = {}; // 9 in use: whole blocks for fold_lanes
  const T *a = x.a, *b = x.b;
  for (index_t part = 0; part < x.parts; ++part, a += x.a_part, b += x.b_part)
    for (index_t p = 0; p < x.length; p += lanes) {
      V av[3];
      SGQ_UNROLL
      for (index_t i = 0; i < 3; ++i) av[i] = *reinterpret_cast<const Loose*>(a + i * x.lda + p);
      SGQ_UNROLL
      for (index_t j = 0; j < 3; ++j) {
        const V bv = *reinterpret_cast<const Loose*>(b + x.b_row[j] + p);
        SGQ_UNROLL
        for (index_t i = 0; i < 3; ++i) sum[i * 3 + j] += av[i] * bv;
      }
    }
  T folded[12];
  fold_lanes<lanes>(reinterpret_cast<const T*>(sum), 12, folded);
  for (index_t t = 0; t < 9; ++t) x.sums[t] = folded[t];
}
#endif

} // namespace sgq::kernels
