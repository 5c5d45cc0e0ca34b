// sgq/ops/shortcut.hpp -- the parameter-free shortcut of a residual net that changes shape:
// option A of He, Zhang, Ren, Sun (arXiv 1512.03385).
//
// Every stride-th row and column is taken and the new channels are zero:
//
//     y[n][c + before][i][j] = x[n][c][stride i][stride j],    before = (out - in) / 2
//
// Zero is a code, so codes stay codes.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"

namespace sgq::ops {

namespace detail {
/// Throws shape_error.
inline void check_shortcut(std::string_view what, const Shape& x, index_t stride, const Shape& y) {
  const index_t channels = std::max(x[1], y[1]); // C' >= C
  check_shape(what, {x[0], channels, (x[2] + stride - 1) / stride, (x[3] + stride - 1) / stride},
              y);
}
} // namespace detail

/// x [N, C, H, W] -> y [N, C', ceil(H / stride), ceil(W / stride)], C' >= C. Throws shape_error.
template <class X>
void shortcut_forward(View<const X> x, index_t stride, View<X> y) {
  detail::check_shortcut("shortcut", x.shape(), stride, y.shape());
  const index_t c_in = x.shape()[1], c_out = y.shape()[1], before = (c_out - c_in) / 2;
  const index_t oh = y.shape()[2], ow = y.shape()[3];
  parallel_for(y.shape()[0], [&](index_t n) {
    X* out = y.data() + n * c_out * oh * ow;
    std::fill(out, out + c_out * oh * ow, X{0});
    for (index_t c = 0; c < c_in; ++c)
      for (index_t i = 0; i < oh; ++i)
        for (index_t j = 0; j < ow; ++j)
          out[((c + before) * oh + i) * ow + j] = x(n, c, i * stride, j * stride);
  });
}

/// dx overwritten. Throws shape_error.
template <class T>
void shortcut_backward(View<const T> dy, index_t stride, View<T> dx) {
  detail::check_shortcut("shortcut backward", dx.shape(), stride, dy.shape());
  const index_t c_in = dx.shape()[1], c_out = dy.shape()[1], before = (c_out - c_in) / 2;
  const index_t h = dx.shape()[2], w = dx.shape()[3], oh = dy.shape()[2], ow = dy.shape()[3];
  parallel_for(dx.shape()[0], [&](index_t n) {
    T* in = dx.data() + n * c_in * h * w;
    std::fill(in, in + c_in * h * w, T{0});
    for (index_t c = 0; c < c_in; ++c)
      for (index_t i = 0; i < oh; ++i)
        for (index_t j = 0; j < ow; ++j)
          in[(c * h + i * stride) * w + j * stride] = dy(n, c + before, i, j);
  });
}

} // namespace sgq::ops
