// sgq/kernels/int8/u8s8_dot_avx2.hpp -- U8s8Dot by AVX2: maddubs multiplies 32 pairs of bytes and
// adds them two by two into 16 bits, where it would saturate.
//
// So sums are widened before that. With |x w + x' w'| <= pair_bound, 32767 / pair_bound steps fit:
// 156 of 4-bit codes with weights of +-7, 8 with 8-bit weights. Where not even one does (8-bit
// codes and weights), even and odd bytes become words of their own, which multiply to 32 bits.
#pragma once

#include "sgq/kernels/int8/u8s8_dot.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#if SGQ_X86
#include <immintrin.h>

#include <algorithm>
#include <cstring>

namespace sgq::kernels {

namespace detail {

/// sum32 += the sums of pairs of neighbours in sum16.
[[SGQ_TARGET_AVX2, gnu::always_inline]] inline __m256i widen(__m256i sum32, __m256i sum16) {
  return _mm256_add_epi32(sum32, _mm256_madd_epi16(sum16, _mm256_set1_epi16(1)));
}

[[SGQ_TARGET_AVX2, gnu::always_inline]] inline __m256i broadcast_four(const std::uint8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, 4);
  return _mm256_set1_epi32(four);
}

} // namespace detail

/// P positions by one panel, 16 bits at a time: `steps` groups are summed before they are widened.
template <index_t P>
[[SGQ_TARGET_AVX2]] void u8s8_dot_tile_avx2(const U8s8Dot& d, index_t p, index_t v, index_t steps) {
  __m256i sum[std::size_t(P)][2];
  const auto start = reinterpret_cast<const __m256i*>(d.start + v * byte_panel);
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    sum[i][0] = _mm256_loadu_si256(start);
    sum[i][1] = _mm256_loadu_si256(start + 1);
  }
  const std::int8_t* w = d.w + v * d.panel_size();
  for (index_t a = 0; a < d.rows; ++a) {
    const std::uint8_t* x = d.x + p * d.x_step + a * d.x_row;
    for (index_t g = 0; g < d.groups;) {
      const index_t end = std::min(d.groups, g + steps);
      __m256i part[std::size_t(P)][2] = {};
      for (; g < end; ++g, x += 4, w += 64) {
        const __m256i w0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
        const __m256i w1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + 32));
        SGQ_UNROLL
        for (index_t i = 0; i < P; ++i) {
          const __m256i codes = detail::broadcast_four(x + i * d.x_step);
          part[i][0] = _mm256_add_epi16(part[i][0], _mm256_maddubs_epi16(codes, w0));
          part[i][1] = _mm256_add_epi16(part[i][1], _mm256_maddubs_epi16(codes, w1));
        }
      }
      SGQ_UNROLL
      for (index_t i = 0; i < P; ++i) {
        sum[i][0] = detail::widen(sum[i][0], part[i][0]);
        sum[i][1] = detail::widen(sum[i][1], part[i][1]);
      }
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    const auto out = reinterpret_cast<__m256i*>(d.sums + (p + i) * d.outputs() + v * byte_panel);
    _mm256_storeu_si256(out, sum[i][0]);
    _mm256_storeu_si256(out + 1, sum[i][1]);
  }
}

/// The same where 16 bits do not hold two products of eight.
template <index_t P>
[[SGQ_TARGET_AVX2]] void u8s8_dot_wide_tile_avx2(const U8s8Dot& d, index_t p, index_t v) {
  const __m256i low_bytes = _mm256_set1_epi16(255);
  __m256i sum[std::size_t(P)][2];
  const auto start = reinterpret_cast<const __m256i*>(d.start + v * byte_panel);
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    sum[i][0] = _mm256_loadu_si256(start);
    sum[i][1] = _mm256_loadu_si256(start + 1);
  }
  const std::int8_t* w = d.w + v * d.panel_size();
  for (index_t a = 0; a < d.rows; ++a) {
    const std::uint8_t* x = d.x + p * d.x_step + a * d.x_row;
    for (index_t g = 0; g < d.groups; ++g, x += 4, w += 64) {
      __m256i w_even[2], w_odd[2];
      SGQ_UNROLL
      for (int h = 0; h < 2; ++h) {
        const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w) + h);
        w_even[h] = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
        w_odd[h] = _mm256_srai_epi16(both, 8);
      }
      SGQ_UNROLL
      for (index_t i = 0; i < P; ++i) {
        const __m256i codes = detail::broadcast_four(x + i * d.x_step);
        const __m256i even = _mm256_and_si256(codes, low_bytes);
        const __m256i odd = _mm256_srli_epi16(codes, 8);
        SGQ_UNROLL
        for (int h = 0; h < 2; ++h)
          sum[i][h] =
              _mm256_add_epi32(sum[i][h], _mm256_add_epi32(_mm256_madd_epi16(even, w_even[h]),
                                                           _mm256_madd_epi16(odd, w_odd[h])));
      }
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    const auto out = reinterpret_cast<__m256i*>(d.sums + (p + i) * d.outputs() + v * byte_panel);
    _mm256_storeu_si256(out, sum[i][0]);
    _mm256_storeu_si256(out + 1, sum[i][1]);
  }
}

/// Tiles of P positions, then of half as many for the rest.
template <index_t P>
void u8s8_dot_column_avx2(const U8s8Dot& d, index_t p, index_t v, index_t steps) {
  for (; p + P <= d.positions; p += P)
    if (steps > 0)
      u8s8_dot_tile_avx2<P>(d, p, v, steps);
    else
      u8s8_dot_wide_tile_avx2<P>(d, p, v);
  if constexpr (P > 1)
    if (p < d.positions) u8s8_dot_column_avx2<P / 2>(d, p, v, steps);
}

inline void u8s8_dot_avx2(const U8s8Dot& d) {
  const index_t steps = d.pair_bound > 0 ? 32767 / d.pair_bound : d.groups;
  for (index_t v = 0; v < d.panels; ++v) u8s8_dot_column_avx2<4>(d, 0, v, steps);
}

} // namespace sgq::kernels
#endif
