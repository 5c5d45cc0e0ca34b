// sgq/saliency/integrated_gradients.hpp -- the gradient, averaged along the way from a baseline x'.
//
//     (x_i - x'_i) (1/m) sum over t of dS(x' + a_t (x - x'))/dx_i,     a_t = (t + 1/2) / m
//
// Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365, with the
// midpoint rule: the m weights are equal and their sum is m / m = 1. In a real-valued net the
// attributions add up to S(x) - S(x') as m grows; the error of that is returned with every map. In
// a quantised net, whose S is a step function, it does not vanish: report it.
#pragma once

#include "sgq/saliency/explainer.hpp"

namespace sgq::saliency {

struct IntegratedGradientsOptions {
  index_t steps = 50; ///< m
  /// x': one value per channel, or one for all, in input units; empty: the explainer's background
  std::vector<float> baseline{};
};

/// Throws value_error where neither the options nor the explainer state x'.
template <class T>
Attribution<T> integrated_gradients(Explainer<T>& explain, ConstView<T> x,
                                    std::span<const std::uint8_t> classes,
                                    const IntegratedGradientsOptions& o = {}) {
  explain.check(x, classes);
  const index_t channels = x.shape()[1], plane = x.shape().plane(), features = channels * plane;
  if (o.steps < 1)
    throw value_error(describe("integrated gradients", "1 or more steps", to_text(o.steps)));
  const std::vector<float>& values =
      background_for("integrated gradients", o.baseline, explain.options().background, channels);
  const auto baseline = [&](index_t i) { // of flat index i
    return static_cast<T>(values[static_cast<std::size_t>(i / plane % channels) % values.size()]);
  };
  Attribution<T> a{Tensor<T>(x.shape()), explain.label("integrated gradients")};
  Tensor<T> point;
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<T> sum = a.values.view().slice(first, xb.shape()[0]);
    point.resize(xb.shape());
    const auto move_to = [&](T t) {
      for (index_t i = 0; i < xb.size(); ++i) point[i] = baseline(i) + t * (xb[i] - baseline(i));
    };
    for (index_t t = 0; t < o.steps; ++t) {
      move_to((static_cast<T>(t) + T{0.5}) / static_cast<T>(o.steps));
      const View<const T> dx = explain.gradient(point, cb);
      for (index_t i = 0; i < dx.size(); ++i) sum[i] += dx[i];
    }
    for (index_t i = 0; i < sum.size(); ++i)
      sum[i] = (xb[i] - baseline(i)) * (sum[i] / static_cast<T>(o.steps));

    std::vector<double> rise(cb.size()); // S(x) - S(x')
    const auto add_scores = [&](View<const T> input, double sign) {
      const View<const T> z = explain.forward(input);
      for (std::size_t n = 0; n < cb.size(); ++n)
        rise[n] += sign * target_score(z.data() + static_cast<index_t>(n) * z.shape()[1],
                                       z.shape()[1], cb[n], explain.options().target);
    };
    add_scores(xb, 1);
    move_to(T{0});
    add_scores(point, -1);
    for (std::size_t n = 0; n < cb.size(); ++n) {
      const T* row = sum.data() + static_cast<index_t>(n) * features;
      double total = 0;
      for (index_t i = 0; i < features; ++i) total += static_cast<double>(row[i]);
      a.completeness_error.push_back(std::abs(total - rise[n]));
    }
  });
  a.zero_share = explain.zero_share();
  return a;
}

} // namespace sgq::saliency
