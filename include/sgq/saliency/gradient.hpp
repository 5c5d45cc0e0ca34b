// sgq/saliency/gradient.hpp -- the gradient, and three one-pass relatives of it.
//
//     gradient            dS/dx           (Simonyan, Vedaldi, Zisserman, arXiv 1312.6034)
//     gradient x input    x dS/dx
//     guided backprop     dS/dx, with negative gradients stopped at every rectifier: g 1[g > 0] in
//                         its active window, 0 < v < alpha for PACT (arXiv 1412.6806). A
//                         non-linearity without a rule is an error.
#pragma once

#include "sgq/saliency/explainer.hpp"

namespace sgq::saliency {

namespace detail {
/// One gradient pass per batch, then combine(x, dS/dx) element by element.
template <class T, class Combine>
Attribution<T> one_pass(Explainer<T>& explain, std::string method, ConstView<T> x,
                        std::span<const std::uint8_t> classes, bool guided_backprop,
                        Combine combine) {
  Attribution<T> a{Tensor<T>(x.shape()), explain.label(std::move(method))};
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<const T> dx = explain.gradient(xb, cb, guided_backprop);
    const View<T> out = a.values.view().slice(first, xb.shape()[0]);
    for (index_t i = 0; i < dx.size(); ++i) out[i] = combine(xb[i], dx[i]);
  });
  a.zero_share = explain.zero_share();
  return a;
}
} // namespace detail

template <class T>
Attribution<T> gradient(Explainer<T>& explain, ConstView<T> x,
                        std::span<const std::uint8_t> classes) {
  return detail::one_pass(explain, "gradient", x, classes, false, [](T, T g) { return g; });
}

template <class T>
Attribution<T> gradient_x_input(Explainer<T>& explain, ConstView<T> x,
                                std::span<const std::uint8_t> classes) {
  return detail::one_pass(explain, "gradient x input", x, classes, false,
                          [](T v, T g) { return v * g; });
}

template <class T>
Attribution<T> guided_backprop(Explainer<T>& explain, ConstView<T> x,
                               std::span<const std::uint8_t> classes) {
  return detail::one_pass(explain, "guided backprop", x, classes, true, [](T, T g) { return g; });
}

} // namespace sgq::saliency
