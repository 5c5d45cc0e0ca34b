// sgq/kernels/conv2d.hpp -- the three products of a convolution.
#pragma once

#include "sgq/kernels/naive.hpp"

namespace sgq::kernels {

/// y = act(scale * conv(x, w) + beta * y + row_bias[out channel]). w: OIHW, y: NCHW.
template <class T, class X>
void conv2d_forward(const ConvGeometry& g, ConvInput<X> x, const T* w, T* y,
                    const Epilogue<T>& epilogue = {}) {
  naive::conv2d_forward<T>(g, x, w, y, epilogue);
}

/// dx = scale * gradient of the input. dx is overwritten.
template <class T>
void conv2d_backward_input(const ConvGeometry& g, const T* dy, const T* w, T* dx, T scale = 1) {
  naive::conv2d_backward_input<T>(g, dy, w, dx, scale);
}

/// dw += scale * gradient of the weights.
template <class T, class X>
void conv2d_backward_weight(const ConvGeometry& g, const T* dy, ConvInput<X> x, T* dw,
                            T scale = 1) {
  naive::conv2d_backward_weight<T>(g, dy, x, dw, scale);
}

} // namespace sgq::kernels
