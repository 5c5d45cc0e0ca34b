// sgq/infer/engine_pooling.hpp -- pooling and shortcuts of the fast engine, on channels-last codes.
#pragma once

#include "sgq/infer/engine_steps.hpp"

namespace sgq::infer {

namespace detail {

/// The largest, or the sum, of a window of pixels, for every channel.
template <bool sum, class X, class Y>
SGQ_INLINE void pool_pixel(const X* x, index_t row, index_t channels, index_t kernel_h,
                           index_t kernel_w, Y* y) {
  for (index_t c = 0; c < channels; ++c) y[c] = 0;
  for (index_t a = 0; a < kernel_h; ++a)
    for (index_t b = 0; b < kernel_w; ++b) {
      const X* pixel = x + a * row + b * channels;
      SGQ_SIMD
      for (index_t c = 0; c < channels; ++c) {
        const Y code = static_cast<Y>(pixel[c]);
        y[c] = sum ? static_cast<Y>(y[c] + code) : (code > y[c] ? code : y[c]);
      }
    }
}

template <class X, class Y>
void pool_image(const Step& s, const Layout& in, const X* x, const Layout& out, Y* y) {
  for (index_t i = 0; i < out.height; ++i)
    for (index_t j = 0; j < out.width; ++j) {
      const X* window = x + in.at(i * s.stride, j * s.stride);
      Y* pixel = y + out.at(i, j);
      if (s.op == Op::sum_pool)
        kernels::for_isa<pool_pixel<true, X, Y>>(window, in.row(), in.channels, s.kernel_h,
                                                 s.kernel_w, pixel);
      else
        kernels::for_isa<pool_pixel<false, X, Y>>(window, in.row(), in.channels, s.kernel_h,
                                                  s.kernel_w, pixel);
    }
}

template <class X>
void shortcut_image(const Step& s, const Layout& in, const X* x, const Layout& out, X* y) {
  const index_t before = (out.channels - in.channels) / 2;
  for (index_t i = 0; i < out.height; ++i)
    for (index_t j = 0; j < out.width; ++j) {
      const X* from = x + in.at(i * s.stride, j * s.stride);
      X* pixel = y + out.at(i, j);
      std::fill(pixel, pixel + out.channels, X{0});
      std::copy(from, from + in.channels, pixel + before);
    }
}

template <class X>
void pool_or_shortcut_image(const Step& s, const Layout& in, const X* x, const Layout& out,
                            std::uint8_t* y) {
  const auto wide = reinterpret_cast<std::int32_t*>(y);
  if (s.op == Op::shortcut)
    shortcut_image(s, in, x, out, reinterpret_cast<X*>(y));
  else if (out.wide)
    pool_image(s, in, x, out, wide);
  else if constexpr (sizeof(X) == 1)
    pool_image(s, in, x, out, y);
}

} // namespace detail

/// Runs a pooling or a shortcut on a block.
inline void run_pool_or_shortcut(const ReadyStep& r, ImageBlock& b) {
  const Step& s = *r.step;
  const Layout &in = b.layouts[s.input], &out = b.layouts[r.output];
  for (index_t n = 0; n < b.images; ++n) {
    const std::uint8_t* x = b.image(s.input, n);
    std::uint8_t* y = b.image(r.output, n);
    if (in.wide)
      detail::pool_or_shortcut_image(s, in, reinterpret_cast<const std::int32_t*>(x), out, y);
    else
      detail::pool_or_shortcut_image(s, in, x, out, y);
    fill_border(out, nullptr, y);
  }
}

} // namespace sgq::infer
