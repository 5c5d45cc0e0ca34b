// sgq/kernels/int8/quad_vnni.hpp -- QuadProduct by vpdpbusd: a tile of 8x32 on AVX-512, of 4x24 on
// AVX-VNNI. It adds four products to each sum of 32 bits and cannot saturate.
//
// These are the tiles of kernels/gemm/outer_8x32_avx512.hpp and outer_4x24_avx2.hpp, for the same
// reasons: vpdpbusd has the latency and the two units of an FMA. Sums are vectors of 32-bit
// integers and not __m512i, of 64-bit ones: GCC 12 copies each of those at every step.
#pragma once

#include "sgq/kernels/int8/quad_product.hpp"
#include "sgq/kernels/int8/vnni.hpp"

#if SGQ_X86
#include <immintrin.h>

namespace sgq::kernels {

template <class Y, index_t Vectors>
[[SGQ_TARGET_VNNI]] void quad_8x32_vnni(const QuadProduct<Y>& x) {
  constexpr index_t rows = 8, lanes = 16;
  typedef Simd<std::int32_t, 64>::type Sum;
  Sum sum[std::size_t(rows)][std::size_t(Vectors)];
  SGQ_UNROLL
  for (index_t i = 0; i < rows; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) sum[i][j] = Sum{};
  }
  const std::uint32_t* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += rows) {
    const std::uint32_t* const row = x.b + x.b_row[p];
    __m512i b[std::size_t(Vectors)];
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) b[j] = _mm512_loadu_si512(row + j * lanes);
    SGQ_UNROLL
    for (index_t i = 0; i < rows; ++i) {
      const __m512i weights = _mm512_set1_epi32(static_cast<std::int32_t>(a[i]));
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        sum[i][j] = reinterpret_cast<Sum>(
            _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum[i][j]), b[j], weights));
    }
  }
  detail::store_quads<Y, rows, Vectors>(x, sum);
}

template <class Y, index_t Vectors>
[[SGQ_TARGET_AVX_VNNI]] void quad_4x24_avx_vnni(const QuadProduct<Y>& x) {
  constexpr index_t rows = 4, lanes = 8;
  typedef Simd<std::int32_t, 32>::type Sum;
  Sum sum[std::size_t(rows)][std::size_t(Vectors)];
  SGQ_UNROLL
  for (index_t i = 0; i < rows; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) sum[i][j] = Sum{};
  }
  const std::uint32_t* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += rows) {
    const std::uint32_t* const row = x.b + x.b_row[p];
    __m256i b[std::size_t(Vectors)];
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j)
      b[j] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + j * lanes));
    SGQ_UNROLL
    for (index_t i = 0; i < rows; ++i) {
      const __m256i weights = _mm256_set1_epi32(static_cast<std::int32_t>(a[i]));
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        sum[i][j] = reinterpret_cast<Sum>(
            _mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sum[i][j]), b[j], weights));
    }
  }
  detail::store_quads<Y, rows, Vectors>(x, sum);
}

} // namespace sgq::kernels
#endif
