// sgq/kernels/int8/thresholds_avx2.hpp -- codes of up to 4 bits from sums, 8 outputs at a time.
//
// Every threshold is compared: a comparison gives -1, so counting is one addition. A residual code
// finds what it adds by a gather.
#pragma once

#include "sgq/kernels/int8/thresholds.hpp"

#if SGQ_X86
#include <immintrin.h>

#include <cstring>

namespace sgq::kernels {

namespace detail {

[[SGQ_TARGET_AVX2, gnu::always_inline]] inline __m256i load_8(const std::int32_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

/// 8 codes of panel v at position p, those from output `first` of the panel on.
template <int bits>
[[SGQ_TARGET_AVX2, gnu::always_inline]] inline __m256i
threshold_8_avx2(const ThresholdRow& s, index_t p, index_t v, index_t first) {
  constexpr int n = (1 << bits) - 1;
  const index_t o = v * byte_panel + first;
  __m256i z =
      _mm256_xor_si256(load_8(s.sums + p * s.sums_step + o), load_8(s.table.flip.data() + o));
  if (s.table.residual_bits > 0) {
    const auto codes = reinterpret_cast<const __m128i*>(s.r + p * s.r_step + o);
    __m256i r = _mm256_cvtepu8_epi32(_mm_loadl_epi64(codes));
    r = _mm256_and_si256(r, _mm256_set1_epi32((1 << s.table.residual_bits) - 1));
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const std::int32_t* added =
        s.table.residual.data() + (v * byte_panel << s.table.residual_bits) + first;
    const __m256i at = _mm256_add_epi32(_mm256_slli_epi32(r, 4), lane);
    z = _mm256_add_epi32(_mm256_sll_epi32(z, _mm_cvtsi32_si128(s.table.shift)),
                         _mm256_i32gather_epi32(added, at, 4));
  }
  const std::int32_t* t = s.table.values.data() + v * n * byte_panel + first;
  __m256i code = _mm256_set1_epi32(n); // less one for each threshold above z
  SGQ_UNROLL
  for (int j = 0; j < n; ++j)
    code = _mm256_add_epi32(code, _mm256_cmpgt_epi32(load_8(t + j * byte_panel), z));
  return code;
}

template <int bits>
[[SGQ_TARGET_AVX2]] void threshold_panels_avx2(const ThresholdRow& s) {
  for (index_t v = 0; v < s.table.panels; ++v)
    for (index_t p = 0; p < s.positions; ++p) {
      // To 16 bits, which interleaves the halves of both registers, then to 8.
      const __m256i low = threshold_8_avx2<bits>(s, p, v, 0),
                    high = threshold_8_avx2<bits>(s, p, v, 8);
      const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
      const __m128i codes =
          _mm_packus_epi16(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
      std::uint8_t* const out = s.out + p * s.out_step + v * byte_panel;
      const index_t left = s.channels - v * byte_panel;
      if (left >= byte_panel) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out), codes);
      } else {
        alignas(16) std::uint8_t some[byte_panel];
        _mm_store_si128(reinterpret_cast<__m128i*>(some), codes);
        std::memcpy(out, some, static_cast<std::size_t>(left));
      }
    }
}

} // namespace detail

/// Runs the row and returns true, if its codes have a kernel here.
inline bool threshold_row_avx2(const ThresholdRow& s) {
  switch (s.table.bits) {
  case 1:
    return detail::threshold_panels_avx2<1>(s), true;
  case 2:
    return detail::threshold_panels_avx2<2>(s), true;
  case 3:
    return detail::threshold_panels_avx2<3>(s), true;
  case 4:
    return detail::threshold_panels_avx2<4>(s), true;
  default:
    return false;
  }
}

} // namespace sgq::kernels
#endif
