// sgq/kernels/int8/estimates.hpp -- codes of many bits from integer sums, without a search.
//
//     code = clamp(rint(sum * scale + offset + r * worth), 0, 2^bits - 1)
//
// in double, 16 outputs at a time. infer/estimate.hpp proves for each channel that these are the
// codes of its thresholds, with room for the roundings in any order, fused or not; so all paths
// give the same codes. It also sees to it that 32 bits hold every estimate.
#pragma once

#include "sgq/kernels/int8/thresholds.hpp"

#include <cstring>

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

/// The plain loops.
SGQ_INLINE void estimate_row_generic(const ThresholdRow* s) {
  const PackedThresholds& t = s->table;
  const double most = static_cast<double>(t.count());
  for (index_t p = 0; p < s->positions; ++p)
    for (index_t c = 0; c < s->channels; ++c) {
      double code = static_cast<double>(s->sums[p * s->sums_step + c]) * t.scale[c] + t.offset[c];
      if (t.residual_bits > 0) code += static_cast<double>(s->r[p * s->r_step + c]) * t.worth[c];
      code = code > 0 ? code : 0;
      code = (code < most ? code : most) + 0x1p52; // adding 2^52 rounds to an integer
      std::int64_t bits;
      std::memcpy(&bits, &code, sizeof(bits));
      s->out[p * s->out_step + c] = static_cast<std::uint8_t>(bits);
    }
}

#if SGQ_X86

namespace detail {

/// Stores the first `left` of 16 codes.
[[SGQ_TARGET_AVX2, gnu::always_inline]] inline void store_codes(std::uint8_t* out, __m128i codes,
                                                                index_t left) {
  if (left >= byte_panel) return _mm_storeu_si128(reinterpret_cast<__m128i*>(out), codes);
  alignas(16) std::uint8_t some[byte_panel];
  _mm_store_si128(reinterpret_cast<__m128i*>(some), codes);
  std::memcpy(out, some, static_cast<std::size_t>(left));
}

/// Four estimates of position p from output o on; r are their residual codes.
template <bool joins>
[[SGQ_TARGET_AVX2, gnu::always_inline]] inline __m128i
estimate_4_avx2(const ThresholdRow& s, index_t p, index_t o, __m128i r) {
  const auto sums = reinterpret_cast<const __m128i*>(s.sums + p * s.sums_step + o);
  __m256d code = _mm256_fmadd_pd(_mm256_cvtepi32_pd(_mm_loadu_si128(sums)),
                                 _mm256_loadu_pd(s.table.scale.data() + o),
                                 _mm256_loadu_pd(s.table.offset.data() + o));
  if constexpr (joins)
    code = _mm256_fmadd_pd(_mm256_cvtepi32_pd(_mm_cvtepu8_epi32(r)),
                           _mm256_loadu_pd(s.table.worth.data() + o), code);
  return _mm256_cvtpd_epi32(code);
}

template <bool joins>
[[SGQ_TARGET_AVX2]] void estimate_row_avx2(const ThresholdRow& s) {
  const __m128i most = _mm_set1_epi8(static_cast<char>(s.table.count()));
  for (index_t v = 0; v < s.table.panels; ++v)
    for (index_t p = 0; p < s.positions; ++p) {
      const index_t o = v * byte_panel;
      __m128i r = _mm_setzero_si128();
      if constexpr (joins)
        r = _mm_loadu_si128(reinterpret_cast<const __m128i*>(s.r + p * s.r_step + o));
      // Packing saturates: at 0 and 255.
      const __m128i low =
          _mm_packs_epi32(estimate_4_avx2<joins>(s, p, o, r),
                          estimate_4_avx2<joins>(s, p, o + 4, _mm_srli_si128(r, 4)));
      const __m128i high =
          _mm_packs_epi32(estimate_4_avx2<joins>(s, p, o + 8, _mm_srli_si128(r, 8)),
                          estimate_4_avx2<joins>(s, p, o + 12, _mm_srli_si128(r, 12)));
      store_codes(s.out + p * s.out_step + o, _mm_min_epu8(_mm_packus_epi16(low, high), most),
                  s.channels - o);
    }
}

template <bool joins>
[[SGQ_TARGET_AVX512]] void estimate_row_avx512(const ThresholdRow& s) {
  constexpr __mmask16 all = 0xffff; // GCC 12 warns about the code of the unmasked forms
  constexpr __mmask8 half = 0xff;
  const __m512i zero = _mm512_setzero_si512(),
                most = _mm512_set1_epi32(static_cast<int>(s.table.count()));
  for (index_t v = 0; v < s.table.panels; ++v) {
    const index_t o = v * byte_panel, left = s.channels - o;
    const auto stored = static_cast<__mmask16>(left < byte_panel ? (1 << left) - 1 : all);
    __m512d scale[2], offset[2], worth[2] = {};
    SGQ_UNROLL
    for (int h = 0; h < 2; ++h) {
      scale[h] = _mm512_loadu_pd(s.table.scale.data() + o + 8 * h);
      offset[h] = _mm512_loadu_pd(s.table.offset.data() + o + 8 * h);
      if constexpr (joins) worth[h] = _mm512_loadu_pd(s.table.worth.data() + o + 8 * h);
    }
    for (index_t p = 0; p < s.positions; ++p) {
      __m256i codes[2];
      SGQ_UNROLL
      for (int h = 0; h < 2; ++h) {
        const auto sums = reinterpret_cast<const __m256i*>(s.sums + p * s.sums_step + o + 8 * h);
        __m512d code = _mm512_fmadd_pd(_mm512_maskz_cvtepi32_pd(half, _mm256_loadu_si256(sums)),
                                       scale[h], offset[h]);
        if constexpr (joins) {
          const auto r = reinterpret_cast<const __m128i*>(s.r + p * s.r_step + o + 8 * h);
          const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(r));
          code = _mm512_fmadd_pd(_mm512_maskz_cvtepi32_pd(half, wide), worth[h], code);
        }
        codes[h] = _mm512_maskz_cvtpd_epi32(half, code);
      }
      __m512i both = _mm512_maskz_inserti64x4(half, _mm512_castsi256_si512(codes[0]), codes[1], 1);
      both = _mm512_maskz_min_epi32(all, _mm512_maskz_max_epi32(all, both, zero), most);
      _mm512_mask_cvtepi32_storeu_epi8(s.out + p * s.out_step + o, stored, both);
    }
  }
}

} // namespace detail

inline void estimate_row_avx2(const ThresholdRow& s) {
  s.table.residual_bits > 0 ? detail::estimate_row_avx2<true>(s)
                            : detail::estimate_row_avx2<false>(s);
}

inline void estimate_row_avx512(const ThresholdRow& s) {
  s.table.residual_bits > 0 ? detail::estimate_row_avx512<true>(s)
                            : detail::estimate_row_avx512<false>(s);
}
#endif

} // namespace sgq::kernels
