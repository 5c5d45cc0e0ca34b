// sgq/kernels/outer_4x24_avx2.hpp -- OuterProduct on AVX2, for a tile of 4x24 (double: 4x12).
//
// 12 accumulators, three vectors of b and one broadcast value of a: all 16 registers. Channels come
// in fours, so that no row of a tile is wasted; the last columns take a tile of 4x16 or 4x8.
#pragma once

#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/microkernel.hpp"

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

#if SGQ_X86
template <class T, index_t Rows, index_t Vectors>
[[SGQ_TARGET_AVX2]] void outer_4x24_avx2(const OuterProduct<T>& x) {
  using V = typename Simd<T, 32>::type;
  using Loose = typename Simd<T, 32>::loose;
  V sum[Rows][Vectors] = {};
  if (!x.stream) {
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      __builtin_prefetch(x.c + i * x.ldc, 1);
      if (Vectors > 1) __builtin_prefetch(x.c + i * x.ldc + Simd<T, 64>::lanes, 1);
    }
  }
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
      if (x.stream)
        _mm256_stream_si256(reinterpret_cast<__m256i*>(c), reinterpret_cast<__m256i>(sum[i][j]));
      else
        *c = x.accumulate ? *c + sum[i][j] : sum[i][j];
    }
  }
}
#endif

} // namespace sgq::kernels
