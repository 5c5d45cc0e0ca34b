// sgq/saliency/integrated_gradients.hpp -- the gradient, averaged from the background x' to x.
//
//     (x_i - x'_i) (1/m) sum over t of dS(x' + a_t (x - x'))/dx_i,     a_t = (t + 1/2) / m
//
// Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365 (who call x'
// the baseline), with the midpoint rule: the m weights are equal and their sum is m / m = 1. In a
// real-valued net the attributions add up to S(x) - S(x') as m grows; the error of that is returned
// with every map. In a quantised net, whose S is a step function, it does not vanish: report it.
#pragma once

#include "sgq/saliency/explainer.hpp"

namespace sgq::saliency {

struct IntegratedGradientsOptions {
  index_t steps = 50; ///< m
  /// x': one value per channel, or one for all, in input units; empty: that of the explainer.
  std::vector<float> background{};
};

namespace detail {

/// The straight way from the background, at t = 0, to a batch of images, at t = 1.
template <class T>
class StraightPath {
public:
  StraightPath(View<const T> x, const std::vector<float>& background)
      : x_(x), background_(background), plane_(x.shape().plane()), point_(x.shape()) {}

  View<const T> end() const { return x_; }

  T start(index_t i) const { // of flat index i
    return static_cast<T>(background_[static_cast<std::size_t>(i / plane_ % x_.shape()[1])]);
  }

  /// Valid until the next call.
  View<const T> at(T t) {
    for (index_t i = 0; i < x_.size(); ++i) point_[i] = std::fma(t, x_[i] - start(i), start(i));
    return point_;
  }

private:
  View<const T> x_;
  const std::vector<float>& background_;
  index_t plane_;
  Tensor<T> point_;
};

/// |sum of the attributions - (S(x) - S(x'))| per image.
template <class T>
std::vector<double> completeness_errors(Explainer<T>& explain, StraightPath<T>& path,
                                        std::span<const std::uint8_t> classes,
                                        View<const T> attributions) {
  std::vector<double> rise(classes.size()); // S(x) - S(x')
  const auto add_scores = [&](View<const T> x, double sign) {
    const View<const T> z = explain.forward(x);
    const index_t k = z.shape()[1];
    for (std::size_t n = 0; n < classes.size(); ++n)
      rise[n] += sign * target_score(z.data() + static_cast<index_t>(n) * k, k, classes[n],
                                     explain.options().target);
  };
  add_scores(path.end(), 1);
  add_scores(path.at(T{0}), -1);
  const index_t features = attributions.shape().stride();
  std::vector<double> errors;
  for (std::size_t n = 0; n < classes.size(); ++n) {
    const T* row = attributions.data() + static_cast<index_t>(n) * features;
    double total = 0;
    for (index_t i = 0; i < features; ++i) total += static_cast<double>(row[i]);
    errors.push_back(std::abs(total - rise[n]));
  }
  return errors;
}

} // namespace detail

/// Throws value_error where neither the options nor the explainer state x'.
template <class T>
Attribution<T> integrated_gradients(Explainer<T>& explain, ConstView<T> x,
                                    std::span<const std::uint8_t> classes,
                                    const IntegratedGradientsOptions& o = {}) {
  explain.check(x, classes);
  if (o.steps < 1)
    throw value_error(describe("integrated gradients", "1 or more steps", to_text(o.steps)));
  const std::vector<float> background = background_for("integrated gradients", o.background,
                                                       explain.options().background, x.shape()[1]);
  Attribution<T> a{Tensor<T>(x.shape()), explain.label("integrated gradients")};
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<T> sum = a.values.view().slice(first, xb.shape()[0]);
    detail::StraightPath<T> path(xb, background);
    for (index_t t = 0; t < o.steps; ++t) {
      const T share = (static_cast<T>(t) + T{0.5}) / static_cast<T>(o.steps);
      const View<const T> dx = explain.gradient(path.at(share), cb);
      for (index_t i = 0; i < dx.size(); ++i) sum[i] += dx[i];
    }
    for (index_t i = 0; i < sum.size(); ++i)
      sum[i] = (xb[i] - path.start(i)) * (sum[i] / static_cast<T>(o.steps));
    const auto errors = detail::completeness_errors<T>(explain, path, cb, sum);
    a.completeness_error.insert(a.completeness_error.end(), errors.begin(), errors.end());
  });
  a.zero_share = explain.zero_share();
  return a;
}

} // namespace sgq::saliency
