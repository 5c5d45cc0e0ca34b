// sgq/kernels/outer_4x8_generic.hpp -- OuterProduct on any machine, for a tile of 4x8 (double:
// 4x4).
//
// 8 accumulators of 16 bytes, which SSE2 and NEON keep in registers.
#pragma once

#include "sgq/kernels/microkernel.hpp"

namespace sgq::kernels {

template <class T, index_t Rows>
void outer_4x8_generic(const OuterProduct<T>& x) {
  using V = typename Simd<T, 16>::type;
  using Loose = typename Simd<T, 16>::loose;
  V sum[Rows][2] = {};
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) __builtin_prefetch(x.c + i * x.ldc, 1);
  const T* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += 4) {
    const auto row = reinterpret_cast<const Loose*>(x.b + x.b_row[p]);
    const V b0 = row[0], b1 = row[1];
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      sum[i][0] += a[i] * b0;
      sum[i][1] += a[i] * b1;
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) {
    const auto row = reinterpret_cast<Loose*>(x.c + i * x.ldc);
    row[0] = x.accumulate ? row[0] + sum[i][0] : sum[i][0];
    row[1] = x.accumulate ? row[1] + sum[i][1] : sum[i][1];
  }
}

} // namespace sgq::kernels
