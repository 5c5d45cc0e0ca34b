// sgq/kernels/simd/horizontal_sum.hpp -- the last step of an inner product: a vector of partial
// sums becomes a number.
//
// The vector is cut into quarters (or what it has) of 16 bytes, which are added in order; the
// numbers of the one that is left are added in order too. Doing so for one vector would waste most
// of every instruction. So a few vectors are transposed together, after which numbers of different
// sums lie side by side. The order of the additions is the same on every instruction set.
#pragma once

#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/transpose.hpp"

#if SGQ_X86
#include <immintrin.h>
#endif

namespace sgq::kernels {

/// out[t] = the sum of the lanes sums[t][0 .. Lanes), for a whole number of blocks of sums. In
/// place if out is sums.
template <index_t Lanes, class T>
SGQ_INLINE void horizontal_sums(const T* sums, index_t count, T* out) {
  using V = typename Vector16<T>::type;
  constexpr index_t block = Vector16<T>::lanes;
  for (index_t t = 0; t < count; t += block) {
    V r[std::size_t(block)];
    SGQ_UNROLL
    for (index_t q = 0; q < block; ++q) {
      const auto lanes = reinterpret_cast<const V*>(sums + (t + q) * Lanes);
      r[q] = lanes[0];
      SGQ_UNROLL
      for (index_t l = 1; l < Lanes / block; ++l) r[q] += lanes[l];
    }
    transpose<T>(r);
    SGQ_UNROLL
    for (index_t q = 1; q < block; ++q) r[0] += r[q];
    *reinterpret_cast<typename Simd<T, 16>::loose*>(out + t) = r[0];
  }
}

#if SGQ_X86
namespace detail {

#define SGQ_AVX512_INLINE [[SGQ_TARGET_AVX512, gnu::always_inline]] inline

// The plain forms of these make GCC 12 warn of their own insides.
inline constexpr __mmask16 all16 = 0xffff;
inline constexpr __mmask8 all8 = 0xff;

/// The 16-byte blocks of four vectors, as a matrix, transposed.
SGQ_AVX512_INLINE void transpose_blocks(__m512i* r) {
  const __m512i a = _mm512_maskz_shuffle_i32x4(all16, r[0], r[1], 0x44),
                b = _mm512_maskz_shuffle_i32x4(all16, r[0], r[1], 0xee);
  const __m512i c = _mm512_maskz_shuffle_i32x4(all16, r[2], r[3], 0x44),
                d = _mm512_maskz_shuffle_i32x4(all16, r[2], r[3], 0xee);
  r[0] = _mm512_maskz_shuffle_i32x4(all16, a, c, 0x88);
  r[1] = _mm512_maskz_shuffle_i32x4(all16, a, c, 0xdd);
  r[2] = _mm512_maskz_shuffle_i32x4(all16, b, d, 0x88);
  r[3] = _mm512_maskz_shuffle_i32x4(all16, b, d, 0xdd);
}

/// Inside each 16-byte block, the numbers of four vectors (of doubles: two), transposed.
template <class T>
SGQ_AVX512_INLINE void transpose_in_blocks(__m512i* r) {
  if constexpr (sizeof(T) == 8) {
    const __m512i a = _mm512_maskz_unpacklo_epi64(all8, r[0], r[1]);
    r[1] = _mm512_maskz_unpackhi_epi64(all8, r[0], r[1]);
    r[0] = a;
  } else {
    const __m512i a = _mm512_maskz_unpacklo_epi32(all16, r[0], r[1]),
                  b = _mm512_maskz_unpacklo_epi32(all16, r[2], r[3]);
    const __m512i c = _mm512_maskz_unpackhi_epi32(all16, r[0], r[1]),
                  d = _mm512_maskz_unpackhi_epi32(all16, r[2], r[3]);
    r[0] = _mm512_maskz_unpacklo_epi64(all8, a, b);
    r[1] = _mm512_maskz_unpackhi_epi64(all8, a, b);
    r[2] = _mm512_maskz_unpacklo_epi64(all8, c, d);
    r[3] = _mm512_maskz_unpackhi_epi64(all8, c, d);
  }
}

} // namespace detail

/// The same for Count sums that are still in registers.
template <index_t Count, class T>
SGQ_AVX512_INLINE void horizontal_sums_avx512(const typename Simd<T, 64>::type* sums, T* out) {
  using V = typename Simd<T, 64>::type;
  using Loose = typename Simd<T, 64>::loose;
  // Sums t, t + block, t + 2 block, t + 3 block are one group.
  constexpr index_t block = Vector16<T>::lanes;
  SGQ_UNROLL
  for (index_t first = 0; first < Count; first += 4 * block) {
    __m512i summed[std::size_t(block)];
    SGQ_UNROLL
    for (index_t e = 0; e < block; ++e) {
      __m512i r[4];
      SGQ_UNROLL
      for (index_t l = 0; l < 4; ++l) {
        const index_t t = first + l * block + e;
        r[l] = reinterpret_cast<__m512i>(sums[t < Count ? t : first]);
      }
      detail::transpose_blocks(r);
      V s = reinterpret_cast<V>(r[0]);
      SGQ_UNROLL
      for (index_t l = 1; l < 4; ++l) s += reinterpret_cast<V>(r[l]);
      summed[e] = reinterpret_cast<__m512i>(s);
    }
    detail::transpose_in_blocks<T>(summed);
    V s = reinterpret_cast<V>(summed[0]);
    SGQ_UNROLL
    for (index_t e = 1; e < block; ++e) s += reinterpret_cast<V>(summed[e]);
    if (first + 4 * block <= Count)
      *reinterpret_cast<Loose*>(out + first) = s;
    else
      *reinterpret_cast<typename Simd<T, 32>::loose*>(out + first) =
          *reinterpret_cast<const typename Simd<T, 32>::type*>(&s);
  }
}

#undef SGQ_AVX512_INLINE
#endif

} // namespace sgq::kernels
