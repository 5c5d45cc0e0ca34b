// sgq/kernels/int8/quad_4x16_avx2.hpp -- QuadProduct by AVX2, for a tile of 4x16: maddubs
// multiplies 32 pairs of bytes and adds them two by two into 16 bits, where it would saturate.
//
// So `steps` quads are added up in 16 bits, 72 of 4-bit codes with weights of +-15, and then
// widened and added to sums of 32 bits, which are kept in memory: of 16 registers the tile takes
// eight, the pixels two, a weight one, and the products some. Where 16 bits do not hold even one
// quad, splitting bytes into words takes as many multiplications as floats do
// (kernels/int8/u8s8_dot_avx2.hpp).
#pragma once

#include "sgq/kernels/int8/quad_product.hpp"

#if SGQ_X86
#include <immintrin.h>

#include <algorithm>

namespace sgq::kernels {

template <class Y, index_t Vectors>
[[SGQ_TARGET_AVX2]] void quad_4x16_avx2(const QuadProduct<Y>& x) {
  constexpr index_t rows = 4;
  typedef Simd<std::int16_t, 32>::type Narrow;
  typedef Simd<std::int32_t, 32>::type Wide;
  const __m256i one = _mm256_set1_epi16(1);
  Wide sum[std::size_t(rows)][std::size_t(Vectors)] = {};
  const std::uint32_t* a = x.a;
  for (index_t p = 0; p < x.k;) {
    const index_t end = std::min(x.k, p + x.steps);
    Narrow part[std::size_t(rows)][std::size_t(Vectors)];
    SGQ_UNROLL
    for (index_t i = 0; i < rows; ++i) {
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j) part[i][j] = Narrow{};
    }
    for (; p < end; ++p, a += rows) {
      const auto row = reinterpret_cast<const __m256i*>(x.b + x.b_row[p]);
      SGQ_UNROLL
      for (index_t i = 0; i < rows; ++i) {
        const __m256i weights = _mm256_set1_epi32(static_cast<std::int32_t>(a[i]));
        SGQ_UNROLL
        for (index_t j = 0; j < Vectors; ++j)
          part[i][j] +=
              reinterpret_cast<Narrow>(_mm256_maddubs_epi16(_mm256_loadu_si256(row + j), weights));
      }
    }
    SGQ_UNROLL
    for (index_t i = 0; i < rows; ++i) {
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        sum[i][j] +=
            reinterpret_cast<Wide>(_mm256_madd_epi16(reinterpret_cast<__m256i>(part[i][j]), one));
    }
  }
  detail::store_quads<Y, rows, Vectors>(x, sum);
}

} // namespace sgq::kernels
#endif
