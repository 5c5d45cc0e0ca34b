// sgq/saliency/expected_gradients.hpp -- integrated gradients, averaged over training images.
//
//     (1/m) sum over s of (x_i - x'_i) dS(x' + a (x - x'))/dx_i
//
// Each of the m samples draws its own x' from the explainer's baselines and its own a, uniform in
// [0, 1). So no single image has to stand for "nothing". The attributions add up to S(x) less the
// mean S of the baselines as m grows; integrated gradients are the special case of one baseline.
// Erion et al., "Improving performance of deep learning models with axiomatic attribution priors
// and expected gradients", arXiv 1906.10670.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/ops/finite.hpp"
#include "sgq/saliency/explainer.hpp"

#include <cmath>

namespace sgq::saliency {

struct ExpectedGradientsOptions {
  index_t samples = 25; ///< m
  std::uint64_t seed = 0;
};

namespace detail {

/// Where a sample starts, and how far it goes towards the image.
struct BaselineDraw {
  index_t baseline; ///< its index
  double share;     ///< a
};

/// The explainer's baselines. Throws value_error where there are none or one is not finite,
/// shape_error where they are no images of the net.
template <class T>
View<const float> checked_baselines(Explainer<T>& explain) {
  const View<const float> b = explain.options().baselines;
  const Shape& image = explain.net().input_shape();
  const std::string wanted = "training images [M, ...] of " + image.str() + " in input units";
  if (b.empty())
    throw value_error(describe("expected gradients: baselines", wanted, "none",
                               "set .baselines of the Explainer, e.g. "
                               "data::baseline_images(training_set, grid)"));
  if (b.shape().rank() != 4 || b.shape().with_batch(1) != image)
    throw shape_error(describe("expected gradients: baselines", wanted, b.shape().str()));
  if (const index_t bad = ops::find_nonfinite(b); bad >= 0)
    throw value_error(describe("expected gradients: baselines", "finite numbers",
                               to_text(b[bad]) + " in image " + to_text(bad / b.shape().stride())));
  return b;
}

/// draw(sample, image) is a BaselineDraw.
template <class T, class Draw>
Attribution<T> expected_gradients(Explainer<T>& explain, ConstView<T> x,
                                  std::span<const std::uint8_t> classes, index_t samples,
                                  const Draw& draw) {
  explain.check(x, classes);
  if (samples < 1)
    throw value_error(describe("expected gradients", "1 or more samples", to_text(samples)));
  const View<const float> baselines = checked_baselines(explain);
  const index_t features = x.shape().stride();
  Attribution<T> a{Tensor<T>(x.shape()), explain.label("expected gradients")};
  Tensor<T> way, point; // x - x', and where the gradient is taken
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<T> sum = a.values.view().slice(first, xb.shape()[0]);
    way.resize(xb.shape());
    point.resize(xb.shape());
    for (index_t sample = 0; sample < samples; ++sample) {
      parallel_for(xb.shape()[0], [&](index_t n) {
        const BaselineDraw from = draw(sample, first + n);
        const float* start = baselines.data() + from.baseline * features;
        for (index_t i = 0, at = n * features; i < features; ++i, ++at) {
          const T b = static_cast<T>(start[i]);
          way[at] = xb[at] - b;
          point[at] = std::fma(static_cast<T>(from.share), way[at], b);
        }
      });
      const View<const T> dx = explain.gradient(point, cb);
      for (index_t i = 0; i < dx.size(); ++i) sum[i] = std::fma(way[i], dx[i], sum[i]);
    }
  });
  for (T& v : a.values) v /= static_cast<T>(samples);
  a.zero_share = explain.zero_share();
  return a;
}

} // namespace detail

/// What a sample draws depends on (seed, sample, image index) only. Throws value_error where the
/// explainer has no baselines.
template <class T>
Attribution<T> expected_gradients(Explainer<T>& explain, ConstView<T> x,
                                  std::span<const std::uint8_t> classes,
                                  const ExpectedGradientsOptions& o = {}) {
  const Random random(o.seed, 0x65787065u); // "expe"
  const Shape& baselines = explain.options().baselines.shape();
  return detail::expected_gradients(
      explain, x, classes, o.samples, [&](index_t sample, index_t image) {
        const Random own = random.split(static_cast<std::uint64_t>(sample))
                               .split(static_cast<std::uint64_t>(image));
        return detail::BaselineDraw{own.below(0, baselines[0]),
                                    static_cast<double>(own.uniform(1))};
      });
}

} // namespace sgq::saliency
