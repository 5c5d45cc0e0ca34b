// sgq/saliency/smoothgrad.hpp -- the gradient, averaged over noisy copies of the image.
//
//     (1/m) sum over i of dS(x + e_i)/dx,    e ~ N(0, s^2),    s = fraction (x_max - x_min)
//
// or of its squares; x_max and x_min are the image's own. Smilkov et al., "SmoothGrad: removing
// noise by adding noise", arXiv 1706.03825.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/saliency/explainer.hpp"

#include <cmath>

namespace sgq::saliency {

struct SmoothGradOptions {
  index_t samples = 25;   ///< m
  double fraction = 0.15; ///< of the image's range
  bool squared = false;   ///< SmoothGrad^2: the mean of squared gradients
  std::uint64_t seed = 0;
};

namespace detail {
/// noise(sample, image) is a function: of a position, a standard normal number.
template <class T, class Noise>
Attribution<T> smoothgrad(Explainer<T>& explain, ConstView<T> x,
                          std::span<const std::uint8_t> classes, const SmoothGradOptions& o,
                          const Noise& noise) {
  if (o.samples < 1 || !(o.fraction >= 0) || !std::isfinite(o.fraction))
    throw value_error(describe("SmoothGrad", "1 or more samples and a fraction >= 0",
                               to_text(o.samples) + " and " + to_text(o.fraction)));
  Attribution<T> a{Tensor<T>(x.shape()), explain.label(o.squared ? "SmoothGrad^2" : "SmoothGrad")};
  const index_t features = x.shape().stride();
  Tensor<T> noisy;
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<T> sum = a.values.view().slice(first, xb.shape()[0]);
    noisy.resize(xb.shape());
    for (index_t sample = 0; sample < o.samples; ++sample) {
      parallel_for(xb.shape()[0], [&](index_t n) {
        const T* row = xb.data() + n * features;
        const auto [low, high] = std::minmax_element(row, row + features);
        const double s = o.fraction * static_cast<double>(*high - *low);
        const auto e = noise(sample, first + n);
        for (index_t i = 0; i < features; ++i)
          noisy[n * features + i] = static_cast<T>(std::fma(s, e(i), static_cast<double>(row[i])));
      });
      const View<const T> dx = explain.gradient(noisy, cb);
      for (index_t i = 0; i < dx.size(); ++i)
        sum[i] = o.squared ? std::fma(dx[i], dx[i], sum[i]) : sum[i] + dx[i];
    }
  });
  for (T& v : a.values) v /= static_cast<T>(o.samples);
  a.zero_share = explain.zero_share();
  return a;
}
} // namespace detail

/// The noise of a pixel depends on (seed, sample, image index, position) only.
template <class T>
Attribution<T> smoothgrad(Explainer<T>& explain, ConstView<T> x,
                          std::span<const std::uint8_t> classes, const SmoothGradOptions& o = {}) {
  const Random random(o.seed, 0x736d6f6fu); // "smoo"
  return detail::smoothgrad(explain, x, classes, o, [&](index_t sample, index_t image) {
    const Random own =
        random.split(static_cast<std::uint64_t>(sample)).split(static_cast<std::uint64_t>(image));
    return [own](index_t position) { return own.normal(position); };
  });
}

} // namespace sgq::saliency
