// sgq/ops/dropout.hpp -- inverted dropout (Srivastava et al., JMLR 15, 2014).
//
//     y = x m,   m = 0 with probability p, else 1;   the factor 1/(1 - p) joins the signal's scale,
//                                                    or multiplies the numbers if they have none
//
// Masking and scaling are apart so that codes stay codes. The mask of element i of image n of the
// global batch is a function of (random, n, i): the same for every thread count and every slice of
// the batch, and remembered on the tape.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <cstdint>
#include <type_traits>

namespace sgq::ops {

/// The mask of one image. Element i is the half-word i of its random words, low halves first; they
/// are compared as signed numbers, since AVX2 compares no others.
SGQ_INLINE void dropout_row(Random image, std::int32_t limit, index_t n, std::uint8_t* keep) {
  constexpr index_t draws = 2 * Random::many;
  std::uint32_t words[Random::many];
  std::uint8_t drawn[draws];
  for (index_t i = 0; i < n; i += draws) {
    image.many_bits(i / 2, words);
    SGQ_SIMD
    for (index_t j = 0; j < Random::many; ++j) {
      drawn[2 * j] = static_cast<std::int32_t>(words[j] & 0xffffu) >= limit;
      drawn[2 * j + 1] = static_cast<std::int32_t>(words[j] >> 16) >= limit;
    }
    const index_t count = n - i < draws ? n - i : draws;
    for (index_t j = 0; j < count; ++j) keep[i + j] = drawn[j];
  }
}

/// keep[n][i] = 0 with probability p (to 2^-16), else 1.
inline void dropout_mask(double p, const ImageRandom& random, View<std::uint8_t> keep) {
  const auto limit = static_cast<std::int32_t>(p * 65536.0 + 0.5);
  const index_t features = keep.shape().stride();
  parallel_for(keep.shape()[0], [&](index_t n) {
    kernels::for_isa<dropout_row>(random(n), limit, features, keep.data() + n * features);
  });
}

/// Masks bits by 0 or -1: GCC 12 would compile `keep[i] ? .. : 0` to a branch per element.
template <class X>
SGQ_INLINE void mask_row(const X* x, const std::uint8_t* keep, X factor, index_t n, X* y) {
  using Bits = std::conditional_t<sizeof(X) == 8, std::int64_t,
                                  std::conditional_t<sizeof(X) == 4, std::int32_t, std::int8_t>>;
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    const X kept = static_cast<X>(x[i] * factor);
    const auto bits = __builtin_bit_cast(Bits, kept) & -static_cast<Bits>(keep[i]);
    y[i] = __builtin_bit_cast(X, static_cast<Bits>(bits));
  }
}

/// y = factor x where keep is 1, else 0; keep holds 0 and 1 only. Forward on numbers and on
/// gradients: factor 1/(1 - p); on codes: factor 1, the scale carries it. y may be x.
template <class X>
void mask(View<const X> x, View<const std::uint8_t> keep, X factor, View<X> y) {
  check_shape("dropout: mask", x.shape(), keep.shape());
  check_shape("dropout: output", x.shape(), y.shape());
  parallel_blocks(x.size(), 1 << 15, [&](index_t begin, index_t end) {
    kernels::for_isa<mask_row<X>>(x.data() + begin, keep.data() + begin, factor, end - begin,
                                  y.data() + begin);
  });
}

} // namespace sgq::ops
