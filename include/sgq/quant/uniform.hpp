// sgq/quant/uniform.hpp -- the element-wise step shared by SAWB and symmetric quantisation: weights
// clipped to +-range, and the nearest level of an equally spaced grid over it.
//
//     u = clip(w / range, -1, 1)
//     zero-aligned grid, |c| <= h:           c = rint(u h)                      w_q = range c/h
//     grid without a zero, odd |c| <= n:     c = 2 rint((u + 1) n/2) - n        w_q = range c/n
//
// w = 0 on the second grid is a tie, n/2, which goes to the even neighbour 2^(k-1): code +1 for
// k >= 2. No product feeds an addition, so FMA
// contraction cannot change a code: codes do not depend on the instruction set.
#pragma once

#include "sgq/quant/moments.hpp"
#include "sgq/quant/rounding.hpp"
#include "sgq/quant/weight_quantizer.hpp"

namespace sgq::quant {

namespace detail {

template <class T, class Round, bool has_zero>
SGQ_INLINE void encode_uniform_row(const T* w, index_t n, T range, T half, T* codes) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    // Clipped by magnitude: two selects in a row become branches and keep the loop from being
    // vectorised.
    T u = w[i] / range, a = u < T(0) ? -u : u;
    a = a > T(1) ? T(1) : a;
    u = with_sign(a, u);
    if constexpr (has_zero)
      codes[i] = Round::apply(u * half);
    else
      codes[i] = T(2) * (Round::apply((u + T(1)) * half) - half);
  }
}

/// dw += dwq where |w| <= bound.
template <class T>
SGQ_INLINE void add_within_row(const T* w, const T* dwq, index_t n, T bound, T* dw) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    const T a = w[i] < T(0) ? -w[i] : w[i];
    dw[i] += static_cast<T>(a <= bound) * dwq[i];
  }
}

template <class T>
SGQ_INLINE void add_row(const T* dwq, index_t n, T* dw) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) dw[i] += dwq[i];
}

} // namespace detail

/// Codes of w on `grid` stretched over +-range, range > 0.
template <class T, class Round = round_nearest>
void encode_uniform(View<const T> w, T range, const QuantRange& grid, View<T> codes) {
  check_shape("weight codes", w.shape(), codes.shape());
  parallel_blocks(w.size(), detail::weight_block, [&](index_t begin, index_t end) {
    const T* from = w.data() + begin;
    T* to = codes.data() + begin;
    const T high = static_cast<T>(grid.quant_max);
    if (grid.has_zero)
      kernels::for_isa<detail::encode_uniform_row<T, Round, true>>(from, end - begin, range, high,
                                                                   to);
    else
      kernels::for_isa<detail::encode_uniform_row<T, Round, false>>(from, end - begin, range,
                                                                    high / T(2), to);
  });
}

/// The straight-through gradient that passes everywhere: dw += dwq.
template <class T>
void add_gradient(View<const T> dwq, View<T> dw) {
  check_shape("gradient of the weights", dw.shape(), dwq.shape());
  parallel_blocks(dwq.size(), detail::weight_block, [&](index_t begin, index_t end) {
    kernels::for_isa<detail::add_row<T>>(dwq.data() + begin, end - begin, dw.data() + begin);
  });
}

/// The one that stops at the clip: dw += dwq 1[|w| <= bound].
template <class T>
void add_gradient_within(View<const T> w, T bound, View<const T> dwq, View<T> dw) {
  check_shape("gradient of the weights", w.shape(), dwq.shape());
  check_shape("gradient of the weights", w.shape(), dw.shape());
  parallel_blocks(dwq.size(), detail::weight_block, [&](index_t begin, index_t end) {
    kernels::for_isa<detail::add_within_row<T>>(w.data() + begin, dwq.data() + begin, end - begin,
                                                bound, dw.data() + begin);
  });
}

/// Codes and scale of w over +-range; range 0 (all weights zero) acts as 1, so that the scale can
/// be divided by.
template <class T, class Round = round_nearest>
void quantize_uniform(View<const T> w, double range, const QuantRange& grid, WeightCodes<T>& out) {
  if (range == 0) range = 1;
  out.range = static_cast<T>(range);
  out.scale = static_cast<T>(range / grid.quant_max);
  out.codes.resize(w.shape());
  encode_uniform<T, Round>(w, out.range, grid, out.codes);
}

} // namespace sgq::quant
