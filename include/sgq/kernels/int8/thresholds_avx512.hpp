// sgq/kernels/int8/thresholds_avx512.hpp -- codes of 2 and 4 bits from sums, 16 outputs at a time.
//
// The thresholds of a panel stay in registers. A binary search needs a table look-up for each bit,
// and a table in registers is looked up by blending it down: 16 rows to 8 by one bit of the index,
// to 4 by the next. For 4 bits that is 4 comparisons and 11 blends instead of 15 comparisons, each
// with its addition. Residual codes find what they add in the same way.
#pragma once

#include "sgq/kernels/int8/thresholds.hpp"

#if SGQ_X86
#include <immintrin.h>

namespace sgq::kernels {

namespace detail {

#define SGQ_AVX512_INLINE [[SGQ_TARGET_AVX512, gnu::always_inline]] inline

/// table[index] in every lane, by the bits of the index from the lowest on; 2 or 4 bits.
template <int bits>
SGQ_AVX512_INLINE __m512i blend_down(const std::int32_t* table, __m512i index) {
  constexpr int half = 1 << (bits - 1);
  __m512i rows[std::size_t(half)];
  const __mmask16 lowest = _mm512_test_epi32_mask(index, _mm512_set1_epi32(1));
  SGQ_UNROLL
  for (int i = 0; i < half; ++i)
    rows[i] = _mm512_mask_loadu_epi32(_mm512_loadu_si512(table + 2 * i * byte_panel), lowest,
                                      table + (2 * i + 1) * byte_panel);
  SGQ_UNROLL
  for (int bit = 1; bit < bits; ++bit) {
    const __mmask16 k = _mm512_test_epi32_mask(index, _mm512_set1_epi32(1 << bit));
    const int left = half >> bit;
    SGQ_UNROLL
    for (int i = 0; i < left; ++i)
      rows[i] = _mm512_mask_blend_epi32(k, rows[2 * i], rows[2 * i + 1]);
  }
  return rows[0];
}

/// How many of the thresholds z has reached, by the bits of that number from the highest on.
template <int bits>
SGQ_AVX512_INLINE __m512i bucket_of_avx512(__m512i z, const __m512i* t) {
  constexpr int n = (1 << bits) - 1;
  __m512i rest[std::size_t(n)]; // the thresholds that may still decide; half leave at each bit
  SGQ_UNROLL
  for (int j = 0; j < n; ++j) rest[j] = t[j];
  __m512i code = _mm512_setzero_si512();
  SGQ_UNROLL
  for (int bit = bits - 1; bit >= 0; --bit) {
    const int half = 1 << bit; // rest[half - 1] is in the middle
    const __mmask16 above = _mm512_cmpge_epi32_mask(z, rest[half - 1]);
    code = _mm512_mask_or_epi32(code, above, code, _mm512_set1_epi32(half));
    SGQ_UNROLL
    for (int j = 0; j < half - 1; ++j)
      rest[j] = _mm512_mask_blend_epi32(above, rest[j], rest[half + j]);
  }
  return code;
}

template <int bits, int residual_bits>
[[SGQ_TARGET_AVX512]] void threshold_panel_avx512(const ThresholdRow& s, index_t v) {
  constexpr int n = (1 << bits) - 1;
  __m512i t[std::size_t(n)];
  SGQ_UNROLL
  for (int j = 0; j < n; ++j)
    t[j] = _mm512_loadu_si512(s.table.values.data() + (v * n + j) * byte_panel);
  const __m512i flip = _mm512_loadu_si512(s.table.flip.data() + v * byte_panel);
  const __m128i shift = _mm_cvtsi32_si128(s.table.shift);
  const std::int32_t* const added =
      residual_bits > 0 ? s.table.residual.data() + (v * byte_panel << residual_bits) : nullptr;
  const index_t left = s.channels - v * byte_panel;
  const auto stored = static_cast<__mmask16>(left < byte_panel ? (1 << left) - 1 : 0xffff);
  for (index_t p = 0; p < s.positions; ++p) {
    __m512i z = _mm512_loadu_si512(s.sums + p * s.sums_step + v * byte_panel);
    z = _mm512_xor_si512(z, flip);
    if constexpr (residual_bits > 0) {
      const auto codes = reinterpret_cast<const __m128i*>(s.r + p * s.r_step + v * byte_panel);
      constexpr __mmask16 all = 0xffff; // GCC 12 warns about the code of the unmasked forms
      const __m512i r = _mm512_maskz_cvtepu8_epi32(all, _mm_loadu_si128(codes));
      z = _mm512_add_epi32(_mm512_maskz_sll_epi32(all, z, shift),
                           blend_down<residual_bits>(added, r));
    }
    _mm512_mask_cvtepi32_storeu_epi8(s.out + p * s.out_step + v * byte_panel, stored,
                                     bucket_of_avx512<bits>(z, t));
  }
}

template <int bits, int residual_bits>
void threshold_panels_avx512(const ThresholdRow& s) {
  for (index_t v = 0; v < s.table.panels; ++v) threshold_panel_avx512<bits, residual_bits>(s, v);
}

#undef SGQ_AVX512_INLINE

} // namespace detail

/// Runs the row and returns true, if its codes have a kernel here.
inline bool threshold_row_avx512(const ThresholdRow& s) {
  switch (10 * s.table.bits + s.table.residual_bits) {
  case 20:
    return detail::threshold_panels_avx512<2, 0>(s), true;
  case 22:
    return detail::threshold_panels_avx512<2, 2>(s), true;
  case 24:
    return detail::threshold_panels_avx512<2, 4>(s), true;
  case 40:
    return detail::threshold_panels_avx512<4, 0>(s), true;
  case 42:
    return detail::threshold_panels_avx512<4, 2>(s), true;
  case 44:
    return detail::threshold_panels_avx512<4, 4>(s), true;
  default:
    return false;
  }
}

} // namespace sgq::kernels
#endif
