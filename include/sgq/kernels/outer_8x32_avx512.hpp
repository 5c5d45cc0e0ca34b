// sgq/kernels/outer_8x32_avx512.hpp -- OuterProduct on AVX-512, for a tile of 8x32 (double: 8x16).
//
// Each step loads two vectors of b, broadcasts eight values of a, and does 16 multiply-adds: what
// two FMA units with a latency of four cycles need to stay busy. Tiles of 12x32 and of 8x48 need
// fewer loads and are 5 % slower.
#pragma once

#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/microkernel.hpp"

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

#if SGQ_X86
template <class T, index_t Rows>
[[SGQ_TARGET_AVX512]] void outer_8x32_avx512(const OuterProduct<T>& x) {
  using V = typename Simd<T, 64>::type;
  using Loose = typename Simd<T, 64>::loose;
  V sum[Rows][2] = {};
  if (!x.stream) {
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      __builtin_prefetch(x.c + i * x.ldc, 1);
      __builtin_prefetch(x.c + i * x.ldc + Simd<T, 64>::lanes, 1);
    }
  }
  const T* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += 8) {
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
      const auto row = reinterpret_cast<__m512i*>(x.c + i * x.ldc);
      _mm512_stream_si512(row, reinterpret_cast<__m512i>(sum[i][0]));
      _mm512_stream_si512(row + 1, reinterpret_cast<__m512i>(sum[i][1]));
      continue;
    }
    const auto row = reinterpret_cast<Loose*>(x.c + i * x.ldc);
    row[0] = x.accumulate ? row[0] + sum[i][0] : sum[i][0];
    row[1] = x.accumulate ? row[1] + sum[i][1] : sum[i][1];
  }
}
#endif

} // namespace sgq::kernels
