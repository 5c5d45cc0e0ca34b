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
template <class T, index_t Rows, index_t Vectors>
[[SGQ_TARGET_AVX512]] void outer_8x32_avx512(const OuterProduct<T>& x) {
  using V = typename Simd<T, 64>::type;
  using Loose = typename Simd<T, 64>::loose;
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
  for (index_t p = 0; p < x.k; ++p, a += 8) {
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
        _mm512_stream_si512(reinterpret_cast<__m512i*>(c), reinterpret_cast<__m512i>(sum[i][j]));
      else
        *c = x.accumulate ? *c + sum[i][j] : sum[i][j];
    }
  }
}
#endif

} // namespace sgq::kernels
