// sgq/kernels/gemm/outer_4x8_generic.hpp -- OuterProduct on any machine, for a tile of 4x8 (double:
// 4x4).
//
// 8 accumulators of 16 bytes, which SSE2 and NEON keep in registers.
#pragma once

#include "sgq/kernels/gemm/outer_sums.hpp"

namespace sgq::kernels {

template <class T, index_t Rows, index_t Vectors>
void outer_4x8_generic(const OuterProduct<T>& x) {
  typename Simd<T, 16>::type sum[std::size_t(Rows)][std::size_t(Vectors)];
  outer_sums<16, 4, Rows, Vectors>(x, sum);
  store_sums<16, Rows, Vectors>(x, sum);
}

} // namespace sgq::kernels
