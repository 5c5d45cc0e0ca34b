// sgq/ops/dropout.hpp -- inverted dropout (Srivastava et al., JMLR 15, 2014).
//
//     y = x m,   m = 0 with probability p, else 1;   the factor 1/(1 - p) joins the signal's scale
//
// Masking and scaling are apart so that codes stay codes. The mask of element i of image n is a
// function of (random, n, i): the same for every thread count, and remembered on the tape.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/dispatch.hpp"

#include <cstdint>

namespace sgq::ops {

/// keep[n][i] = 0 with probability p (to 2^-16), else 1.
inline void dropout_mask(double p, const Random& random, View<std::uint8_t> keep) {
  const auto limit = static_cast<std::uint32_t>(p * 65536.0 + 0.5);
  const index_t features = keep.shape().stride();
  parallel_for(keep.shape()[0], [&](index_t n) {
    std::uint8_t* row = keep.data() + n * features;
    const Random image = random.split(static_cast<std::uint64_t>(n));
    for (index_t i = 0; i < features; i += 8) { // eight 16-bit draws from four words
      const auto words = image.four_bits(i / 8);
      const index_t count = std::min<index_t>(8, features - i);
      for (index_t j = 0; j < count; ++j)
        row[i + j] = (words[static_cast<std::size_t>(j / 2)] >> (16 * (j & 1)) & 0xffffu) >= limit;
    }
  });
}

template <class X>
SGQ_INLINE void mask_row(const X* x, const std::uint8_t* keep, X factor, index_t n, X* y) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) y[i] = keep[i] ? static_cast<X>(x[i] * factor) : X{0};
}

/// y = factor x where kept, else 0. Forward on numbers and on gradients: factor 1/(1 - p); on
/// codes: factor 1, the scale carries it. y may be x.
template <class X>
void mask(View<const X> x, View<const std::uint8_t> keep, X factor, View<X> y) {
  check_shape("dropout", x.shape(), keep.shape());
  parallel_blocks(x.size(), 1 << 15, [&](index_t begin, index_t end) {
    kernels::for_isa<mask_row<X>>(x.data() + begin, keep.data() + begin, factor, end - begin,
                                  y.data() + begin);
  });
}

} // namespace sgq::ops
