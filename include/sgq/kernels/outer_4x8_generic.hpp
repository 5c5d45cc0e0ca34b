// sgq/kernels/outer_4x8_generic.hpp -- OuterProduct on any machine, for a tile of 4x8 (double:
// 4x4).
//
// 8 accumulators of 16 bytes, which SSE2 and NEON keep in registers.
#pragma once

#include "sgq/kernels/microkernel.hpp"

namespace sgq::kernels {

template <class T, index_t Rows, index_t Vectors>
void outer_4x8_generic(const OuterProduct<T>& x) {
  using V = typename Simd<T, 16>::type;
  using Loose = typename Simd<T, 16>::loose;
  V sum[Rows][Vectors] = {};
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) __builtin_prefetch(x.c + i * x.ldc, 1);
  if (x.resume) {
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        sum[i][j] = reinterpret_cast<const Loose*>(x.c + i * x.ldc)[j];
    }
  }
  const T* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += 4) {
    const auto row = reinterpret_cast<const Loose*>(x.b + x.b_row[p]);
    V b[Vectors];
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) b[j] = row[j];
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j) sum[i][j] += a[i] * b[j];
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) {
      const auto c = reinterpret_cast<Loose*>(x.c + i * x.ldc) + j;
      *c = x.accumulate ? *c + sum[i][j] : sum[i][j];
    }
  }
}

} // namespace sgq::kernels
