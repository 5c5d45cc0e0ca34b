// sgq/kernels/outer_6x16_avx2.hpp -- OuterProduct on AVX2, for a tile of 6x16 (double: 6x8).
//
// 12 accumulators, two vectors of b and one broadcast value of a fill 15 of the 16 registers.
#pragma once

#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/microkernel.hpp"

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

#if SGQ_X86
template <class T, index_t Rows>
[[SGQ_TARGET_AVX2]] void outer_6x16_avx2(const OuterProduct<T>& x) {
  using V = typename Simd<T, 32>::type;
  using Loose = typename Simd<T, 32>::loose;
  V sum[Rows][2] = {};
  if (!x.stream) {
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      __builtin_prefetch(x.c + i * x.ldc, 1);
      __builtin_prefetch(x.c + i * x.ldc + Simd<T, 64>::lanes, 1);
    }
  }
  const T* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += 6) {
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
    if (x.stream) {
      const auto row = reinterpret_cast<__m256i*>(x.c + i * x.ldc);
      _mm256_stream_si256(row, reinterpret_cast<__m256i>(sum[i][0]));
      _mm256_stream_si256(row + 1, reinterpret_cast<__m256i>(sum[i][1]));
      continue;
    }
    const auto row = reinterpret_cast<Loose*>(x.c + i * x.ldc);
    row[0] = x.accumulate ? row[0] + sum[i][0] : sum[i][0];
    row[1] = x.accumulate ? row[1] + sum[i][1] : sum[i][1];
  }
}
#endif

} // namespace sgq::kernels
