// sgq/saliency/metrics/masked_accuracy.hpp -- how fast accuracy falls when what a map points at is
// taken away.
//
// For d = 0, 10, .. 90 %: the floor(d H W) positions that the map ranks highest are replaced by the
// background, and the same network, not retrained, is scored against the true labels.
//
//     area = trapezoid over the ten points / 0.9 = (sum_t a_t - (a_0 + a_9) / 2) / 9
//
// Lower is better, but the number means something only in comparison: report the area of a random
// ranking of the same images, or how far this area lies below it (the advantage). Wrong labels make
// it low as well: look at curve()[0], the accuracy on whole images. Ismail, Corrada Bravo, Feizi,
// NeurIPS 2021, arXiv 2111.14338. The area is linear in the accuracies, so it is the mean of one
// area per image, which is what a bootstrap needs.
#pragma once

#include "sgq/saliency/metrics/perturbation.hpp"

#include <array>

namespace sgq::saliency {

struct MaskedAccuracyOptions {
  Values rank_by = Values::magnitude;
  /// What replaces: a constant without a value is the model's background.
  ops::FillOptions background{.fill = ops::Fill::constant};
  std::uint64_t seed = 0; ///< of ties, of the random ranking, and of a random background
};

struct MaskedAccuracy {
  static constexpr index_t points = 10; ///< 0, 10, .. 90 % replaced
  Tensor<std::uint8_t> correct;         ///< [10, N]: 1 where the prediction is the label
  Tensor<double> area;                  ///< [N]; its mean is the area under curve()

  /// For this many images, to be filled by enter().
  explicit MaskedAccuracy(index_t images) : correct({points, images}), area({images}) {}

  /// Whether the prediction for image n at point t is its label; each once.
  void enter(index_t t, index_t n, bool hit) {
    const bool end = t == 0 || t == points - 1;
    correct[t * area.size() + n] = hit;
    area[n] += (hit ? 1.0 : 0.0) * (end ? 0.5 : 1.0) / (points - 1);
  }

  /// Accuracy at each share; NaN without images.
  std::array<double, points> curve() const {
    std::array<double, points> accuracy{};
    const index_t images = correct.shape()[1];
    for (index_t t = 0; t < points; ++t) {
      index_t hits = 0;
      for (index_t n = 0; n < images; ++n) hits += correct[t * images + n];
      accuracy[static_cast<std::size_t>(t)] =
          static_cast<double>(hits) / static_cast<double>(images);
    }
    return accuracy;
  }
};

namespace detail {

/// How many positions are replaced at each point.
inline std::vector<index_t> masked_counts(index_t positions) {
  constexpr index_t points = MaskedAccuracy::points;
  std::vector<index_t> counts;
  for (index_t t = 0; t < points; ++t) counts.push_back(t * positions / points);
  return counts;
}

inline MaskedAccuracy masked_accuracy_along(const Classifier& model, View<const float> x,
                                            std::span<const std::uint8_t> labels,
                                            View<const std::int32_t> order,
                                            const MaskedAccuracyOptions& options) {
  ops::check_labels(labels, {x.shape()[0], model.classes()});
  model.check_several_classes("masked accuracy");
  const Tensor<float> background =
      replaced("masked accuracy", model, x, options.background, options.seed);
  MaskedAccuracy result(x.shape()[0]);
  walk(model, x, background, order, masked_counts(x.shape().plane()),
       [&](std::size_t t, index_t n, const float* logits) {
         const auto label = static_cast<index_t>(labels[static_cast<std::size_t>(n)]);
         result.enter(static_cast<index_t>(t), n, argmax(logits, model.classes()) == label);
       });
  return result;
}

} // namespace detail

/// x [N,C,H,W], maps [N,H,W] (|dS/dx| of the true class's logit by the definition, any map in
/// practice). Throws shape_error or value_error where they, the labels or the background do not
/// fit.
SGQ_COMPILE_ONCE MaskedAccuracy masked_accuracy(const Classifier& model, View<const float> x,
                                                std::span<const std::uint8_t> labels,
                                                View<const float> maps,
                                                const MaskedAccuracyOptions& options = {}) {
  check_explained("masked accuracy", x, maps);
  return detail::masked_accuracy_along(
      model, x, labels, ranking(maps, options.rank_by, tie_breaker(options.seed)), options);
}

/// The same by a random ranking.
inline MaskedAccuracy random_masked_accuracy(const Classifier& model, View<const float> x,
                                             std::span<const std::uint8_t> labels,
                                             const MaskedAccuracyOptions& options = {}) {
  check_images("masked accuracy", x);
  const Random random(options.seed, 0x72616e64u); // "rand"
  return detail::masked_accuracy_along(
      model, x, labels, random_ranking(x.shape()[0], x.shape().plane(), random), options);
}

/// The area of the random ranking minus that of the map, [N]: how much sooner the map's pixels are
/// missed than any. Higher is better; a network that hidden pixels confuse more gains nothing.
inline Tensor<double> masked_advantage(const Classifier& model, View<const float> x,
                                       std::span<const std::uint8_t> labels, View<const float> maps,
                                       const MaskedAccuracyOptions& options = {}) {
  const MaskedAccuracy by_map = masked_accuracy(model, x, labels, maps, options);
  Tensor<double> advantage = random_masked_accuracy(model, x, labels, options).area;
  for (index_t n = 0; n < advantage.size(); ++n) advantage[n] -= by_map.area[n];
  return advantage;
}

} // namespace sgq::saliency
