// sgq/kernels/inner_2x3_generic.hpp -- InnerProduct on any machine, for a tile of 2x3.
//
// Five loads feed six multiply-adds, in vectors of 16 bytes.
#pragma once

#include "sgq/kernels/microkernel.hpp"

namespace sgq::kernels {

template <class T>
void inner_2x3_generic(const InnerProduct<T>& x) {
  using V = typename Simd<T, 16>::type;
  using Loose = typename Simd<T, 16>::loose;
  constexpr index_t lanes = Simd<T, 16>::lanes;
  V sum[2][3] = {};
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
        for (index_t i = 0; i < 2; ++i) sum[i][j] += av[i] * bv;
      }
    }
  SGQ_UNROLL
  for (index_t i = 0; i < 2; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < 3; ++j)
      *reinterpret_cast<Loose*>(x.sums + (i * 3 + j) * lanes) = sum[i][j];
  }
}

} // namespace sgq::kernels
