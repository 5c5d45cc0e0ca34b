// sgq/kernels/conv/conv2d_backward_weight.hpp -- the gradient of a convolution's weights.
//
// Few outputs and a very long sum, over images and pixels. Two ways lead there: outer products
// (kernels/conv/weight_outer.hpp), and, where the values of a kernel row are too few to fill a
// register, inner products (kernels/conv/weight_inner.hpp).
#pragma once

#include "sgq/kernels/conv/weight_inner.hpp"
#include "sgq/kernels/conv/weight_outer.hpp"

namespace sgq::kernels {

/// dw = beta * dw + scale * gradient of the weights. dy: NCHW of the output, x: NCHW, numbers or
/// uint8_t codes, dw: OIHW. With beta 0, dw may be uninitialised.
template <class T, class X>
void conv2d_backward_weight(const ConvGeometry& g, const T* dy, const X* x, T* dw, T scale = 1,
                            T beta = 1) {
  constexpr index_t thin = 48; // measured; the same for every type and machine, as it decides bits
  Arena::Scope scope(scratch());
  const auto run = [&](const auto& gradient, bool taps_first) {
    detail::sum_blocks<T>(g, taps_first, {.scale = scale, .beta = beta}, dw,
                          [&](const detail::WeightTask& t, T* c) { gradient.add_block(t, c); });
  };
  if (g.kernel_w * g.in_channels < thin)
    run(detail::InnerWeightGradient<T>(g, dy, x), false);
  else
    run(detail::OuterWeightGradient<T>(g, dy, x), true);
}

} // namespace sgq::kernels
