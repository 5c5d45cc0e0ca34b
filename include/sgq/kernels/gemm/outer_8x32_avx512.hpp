// sgq/kernels/gemm/outer_8x32_avx512.hpp -- OuterProduct on AVX-512, for a tile of 8x32 (double:
// 8x16).
//
// Each step loads two vectors of b, broadcasts eight values of a, and does 16 multiply-adds: what
// two FMA units with a latency of four cycles need to stay busy. Tiles of 12x32 and of 8x48 need
// fewer loads and are 5 % slower. The last columns take a tile of 8x16.
#pragma once

#include "sgq/kernels/gemm/outer_sums.hpp"

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

#if SGQ_X86
template <class T, index_t Rows, index_t Vectors>
[[SGQ_TARGET_AVX512]] void outer_8x32_avx512(const OuterProduct<T>& x) {
  const index_t rows = x.rows, ldc = x.ldc;
  const T* b = x.b;
  T* c = x.c;
  for (index_t t = x.tiles; t > 0; --t, b += x.b_step, c += Vectors * Simd<T, 64>::lanes) {
    typename Simd<T, 64>::type sum[std::size_t(Rows)][std::size_t(Vectors)];
    outer_sums<64, 8, Rows, Vectors>(x, b, c, sum);
    if (!x.stream) {
      store_sums<64, Rows, Vectors>(x, c, sum);
      continue;
    }
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      if (i >= rows) continue;
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        _mm512_stream_si512(reinterpret_cast<__m512i*>(c + i * ldc) + j,
                            reinterpret_cast<__m512i>(sum[i][j]));
    }
  }
}
#endif

} // namespace sgq::kernels
