// sgq/saliency/smoothgrad.hpp -- what the gradients of noisy copies of the image have in common.
//
//     SmoothGrad      (1/m) sum over i of g_i,    g_i = dS(x + e_i)/dx,    e_i ~ N(0, s^2)
//     SmoothGrad^2    (1/m) sum over i of g_i^2
//     VarGrad         (1/m) sum over i of (g_i - mean g)^2, of the same copies
//
// s = fraction (x_max - x_min); x_max and x_min are the image's own. The copies are not rounded,
// but a quantised net reads them as pixel codes, so there noise beyond codes 0 and 255 is cut.
// Smilkov et al., "SmoothGrad: removing noise by adding noise", arXiv 1706.03825; the square:
// Hooker et al., arXiv 1806.10758; VarGrad: Adebayo et al., arXiv 1810.03307.
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

struct VarGradOptions {
  index_t samples = 25;   ///< m, 2 or more
  double fraction = 0.15; ///< of the image's range
  std::uint64_t seed = 0;
};

namespace detail {

/// Makes the noisy copies of every batch and calls see(sample, dS/dx, first image). noise(sample,
/// image) is a function: of a position, a standard normal number.
template <class T, class Noise, class See>
void noisy_gradients(Explainer<T>& explain, ConstView<T> x, std::span<const std::uint8_t> classes,
                     index_t samples, double fraction, const Noise& noise, See see) {
  const index_t features = x.shape().stride();
  Tensor<T> noisy;
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    noisy.resize(xb.shape());
    for (index_t sample = 0; sample < samples; ++sample) {
      parallel_for(xb.shape()[0], [&](index_t n) {
        const T* row = xb.data() + n * features;
        const auto [low, high] = std::minmax_element(row, row + features);
        const double s = fraction * static_cast<double>(*high - *low);
        const auto e = noise(sample, first + n);
        for (index_t i = 0; i < features; ++i)
          noisy[n * features + i] = static_cast<T>(std::fma(s, e(i), static_cast<double>(row[i])));
      });
      see(sample, explain.gradient(noisy, cb), first);
    }
  });
}

template <class T, class Noise>
Attribution<T> smoothgrad(Explainer<T>& explain, ConstView<T> x,
                          std::span<const std::uint8_t> classes, const SmoothGradOptions& o,
                          const Noise& noise) {
  if (o.samples < 1 || !(o.fraction >= 0) || !std::isfinite(o.fraction))
    throw value_error(describe("SmoothGrad", "1 or more samples and a fraction >= 0",
                               to_text(o.samples) + " and " + to_text(o.fraction)));
  Attribution<T> a{Tensor<T>(x.shape()), explain.label(o.squared ? "SmoothGrad^2" : "SmoothGrad")};
  noisy_gradients(explain, x, classes, o.samples, o.fraction, noise,
                  [&](index_t, View<const T> dx, index_t first) {
                    const View<T> sum = a.values.view().slice(first, dx.shape()[0]);
                    for (index_t i = 0; i < dx.size(); ++i)
                      sum[i] = o.squared ? std::fma(dx[i], dx[i], sum[i]) : sum[i] + dx[i];
                  });
  for (T& v : a.values) v /= static_cast<T>(o.samples);
  a.zero_share = explain.zero_share();
  return a;
}

/// In one pass (Welford): with the mean of the samples so far, each adds (g - mean before) (g -
/// mean after) to the sum of squares.
template <class T, class Noise>
Attribution<T> vargrad(Explainer<T>& explain, ConstView<T> x, std::span<const std::uint8_t> classes,
                       const VarGradOptions& o, const Noise& noise) {
  if (o.samples < 2 || !(o.fraction > 0) || !std::isfinite(o.fraction))
    throw value_error(describe("VarGrad", "2 or more samples and a fraction > 0",
                               to_text(o.samples) + " and " + to_text(o.fraction),
                               "equal copies have no variance"));
  Attribution<T> a{Tensor<T>(x.shape()), explain.label("VarGrad")};
  Tensor<T> mean;
  noisy_gradients(explain, x, classes, o.samples, o.fraction, noise,
                  [&](index_t sample, View<const T> dx, index_t first) {
                    if (sample == 0) mean = Tensor<T>(dx.shape());
                    const View<T> squares = a.values.view().slice(first, dx.shape()[0]);
                    for (index_t i = 0; i < dx.size(); ++i) {
                      const T away = dx[i] - mean[i];
                      mean[i] += away / static_cast<T>(sample + 1);
                      squares[i] = std::fma(away, dx[i] - mean[i], squares[i]);
                    }
                  });
  for (T& v : a.values) v /= static_cast<T>(o.samples);
  a.zero_share = explain.zero_share();
  return a;
}

/// The noise of a pixel depends on (seed, sample, image index, position) only.
inline auto normal_noise(std::uint64_t seed) {
  return [random = Random(seed, 0x736d6f6fu)](index_t sample, index_t image) { // "smoo"
    const Random own =
        random.split(static_cast<std::uint64_t>(sample)).split(static_cast<std::uint64_t>(image));
    return [own](index_t position) { return own.normal(position); };
  };
}

} // namespace detail

template <class T>
Attribution<T> smoothgrad(Explainer<T>& explain, ConstView<T> x,
                          std::span<const std::uint8_t> classes, const SmoothGradOptions& o = {}) {
  return detail::smoothgrad(explain, x, classes, o, detail::normal_noise(o.seed));
}

/// Of the copies that smoothgrad makes with the same seed.
template <class T>
Attribution<T> vargrad(Explainer<T>& explain, ConstView<T> x, std::span<const std::uint8_t> classes,
                       const VarGradOptions& o = {}) {
  return detail::vargrad(explain, x, classes, o, detail::normal_noise(o.seed));
}

} // namespace sgq::saliency
