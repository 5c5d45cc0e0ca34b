// sgq/kernels/inner_2x3_generic.hpp -- InnerProduct on any machine, for a tile of 2x3.
//
// Five loads feed six multiply-adds, in vectors of 16 bytes.
#pragma once

#include "sgq/kernels/fold_lanes.hpp"

namespace sgq::kernels {

template <class T>
void inner_2x3_generic(const InnerProduct<T>& x) {
  using V = typename Simd<T, 16>::type;
  using Loose = typename Simd<T, 16>::loose;
  constexpr index_t lanes = Simd<T, 16>::lanes;
  V sum[8] = {}; // 6 in use: whole blocks for fold_lanes
  const T *a = x.a, *b = x.b;
  for (index_t part = 0; part < x.parts; ++part, a += x.a_part, b += x.b_part)
    for (index_t p = 0; p < x.length; p += lanes) {
      V av[2];
      SGQ_UNROLL
      for (index_t i = 0; i < 2; ++i) av[i] = *reinterpret_cast<const Loose*>(a + i * x.lda + p);
      SGQ_UNROLL
      for (index_t j = 0; j < 3; ++j) {
        const V bv = *reinterpret_cast<const Loose*>(b + x.b_row[j] + p);
        SGQ_UNROLL
        for (index_t i = 0; i < 2; ++i) sum[i * 3 + j] += av[i] * bv;
      }
    }
  T folded[8];
  fold_lanes<lanes>(reinterpret_cast<const T*>(sum), 8, folded);
  for (index_t t = 0; t < 6; ++t) x.sums[t] = folded[t];
}

} // namespace sgq::kernels
