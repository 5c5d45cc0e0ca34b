// sgq/kernels/gemm/outer_4x24_avx2.hpp -- OuterProduct on AVX2, for a tile of 4x24 (double: 4x12).
//
// 12 accumulators, three vectors of b and one broadcast value of a: all 16 registers. Channels come
// in fours, so that no row of a tile is wasted; the last columns take a tile of 4x16 or 4x8.
#pragma once

#include "sgq/kernels/gemm/outer_sums.hpp"

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

#if SGQ_X86
template <class T, index_t Rows, index_t Vectors>
[[SGQ_TARGET_AVX2]] void outer_4x24_avx2(const OuterProduct<T>& x) {
  const index_t rows = x.rows, ldc = x.ldc;
  const T* b = x.b;
  T* c = x.c;
  for (index_t t = x.tiles; t > 0; --t, b += x.b_step, c += Vectors * Simd<T, 32>::lanes) {
    typename Simd<T, 32>::type sum[std::size_t(Rows)][std::size_t(Vectors)];
    outer_sums<32, 4, Rows, Vectors>(x, b, c, sum);
    if (!x.stream) {
      store_sums<32, Rows, Vectors>(x, c, sum);
      continue;
    }
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      if (i >= rows) continue;
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        _mm256_stream_si256(reinterpret_cast<__m256i*>(c + i * ldc) + j,
                            reinterpret_cast<__m256i>(sum[i][j]));
    }
  }
}
#endif

} // namespace sgq::kernels
