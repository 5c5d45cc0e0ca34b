// sgq/saliency/metrics/road.hpp -- remove and debias (ROAD): accuracy while pixels give way to what
// their neighbours say.
//
// A background in the place of removed pixels shows by its outline what was there, and no network
// has seen such images. ROAD computes removed pixels from their neighbours (imputation.hpp), so
// what is left says little of what was removed. Then noise hides how smooth they are:
//
//     codes = clip(round(imputed + N(0, (noise 255)^2)), 0, 255)
//
// At d = 0, 10, .. 90 % the floor(d H W) highest positions of the map are removed (most first), or
// the lowest (least first), and the same network is scored against the true labels.
//
//     ROAD = area of least first - area of most first        areas as in masked_accuracy.hpp
//
// Higher is better; a random ranking gives 0 on average. Rong, Leemann, Borisov, Kasneci, Kasneci,
// "A consistent and efficient evaluation strategy for attribution methods", ICML 2022, arXiv
// 2202.00449.
#pragma once

#include "sgq/saliency/metrics/imputation.hpp"
#include "sgq/saliency/metrics/masked_accuracy.hpp"

namespace sgq::saliency {

struct RoadOptions {
  QuantParams grid{}; ///< of the images' pixel codes; must be given
  Values rank_by = Values::magnitude;
  double noise = 0.01;    ///< standard deviation, of the 255 codes
  std::uint64_t seed = 0; ///< of ties and noise
};

struct Road {
  MaskedAccuracy most_first, least_first;
  Tensor<double> score; ///< [N]; its mean is ROAD
};

namespace detail {

/// Images of pixel codes whose positions are removed along a ranking. What was imputed at one share
/// is the first guess of the next.
class RemovedPixels {
public:
  /// order [N, H W]; `noise` in codes, `random` its source.
  RemovedPixels(View<const float> x, View<const std::int32_t> order, const QuantParams& grid,
                double noise, const ImageRandom& random)
      : x_(x), order_(order), grid_(grid), noise_(noise), random_(random) {}

  /// Starts a batch: images [first, first + n).
  void begin(index_t first, index_t n) {
    const Shape& s = x_.shape();
    first_ = first;
    codes_.resize(s.with_batch(n));
    const float* x = x_.data() + first * s.stride();
    for (index_t i = 0; i < codes_.size(); ++i)
      codes_[i] = static_cast<double>(grid_.code(x[i], i / s.plane() % s[1]));
  }

  /// Writes the pixels of image i of the batch that are removed at share t, the first `count`.
  void remove(index_t i, index_t t, index_t count, View<float> state) {
    const Shape& s = x_.shape();
    const index_t channels = s[1], plane = s.plane();
    const std::span<const std::int32_t> removed(order_.data() + (first_ + i) * plane,
                                                static_cast<std::size_t>(count));
    const Random random = random_(first_ + i);
    for (index_t c = 0; c < channels; ++c) {
      double* codes = codes_.data() + (i * channels + c) * plane;
      impute({codes, {s[2], s[3]}}, removed);
      for (const std::int32_t at : removed) {
        const double normal = random.normal((t * channels + c) * plane + at);
        const double code = std::rint(kernels::multiply_add<16>(noise_, normal, codes[at]));
        state[(i * channels + c) * plane + at] =
            grid_.value<float>(static_cast<index_t>(std::clamp(code, 0.0, 255.0)), c);
      }
    }
  }

private:
  View<const float> x_;
  View<const std::int32_t> order_;
  const QuantParams& grid_;
  double noise_;
  ImageRandom random_;
  index_t first_ = 0;
  Tensor<double> codes_; // of the batch, without noise; imputed where removed
};

inline MaskedAccuracy road_along(const Classifier& model, View<const float> x,
                                 std::span<const std::uint8_t> labels,
                                 View<const std::int32_t> order, const RoadOptions& o,
                                 const ImageRandom& random) {
  const std::vector<index_t> counts = masked_counts(x.shape().plane());
  RemovedPixels pixels(x, order, o.grid, 255 * o.noise, random);
  MaskedAccuracy result(x.shape()[0]);
  const auto change = [&](std::size_t t, index_t first, View<float> state) {
    if (t == 0) pixels.begin(first, state.shape()[0]);
    parallel_for(state.shape()[0],
                 [&](index_t i) { pixels.remove(i, static_cast<index_t>(t), counts[t], state); });
  };
  each_state(model, x, counts.size(), change, [&](std::size_t t, index_t n, const float* logits) {
    result.enter(static_cast<index_t>(t), n,
                 argmax(logits, model.classes()) == labels[static_cast<std::size_t>(n)]);
  });
  return result;
}

/// Imputed and other pixels of an image must come from one scale.
inline void check_codes(View<const float> x, const QuantParams& grid) {
  const index_t plane = x.shape().plane(), channels = x.shape()[1];
  for (index_t i = 0; i < x.size(); ++i) {
    const index_t c = i / plane % channels;
    if (std::abs(x[i] - grid.value<float>(grid.code(x[i], c), c)) > 0.01f * grid.scale)
      throw value_error(describe("ROAD, image " + to_text(i / x.shape().stride()),
                                 "inputs that are pixel codes of the grid", to_text(x[i]),
                                 "normalize() makes them, with the grid of the model"));
  }
}

} // namespace detail

/// x [N,C,H,W], the inputs that stand for pixel codes of the grid; maps [N,H,W]. Throws shape_error
/// or value_error where they, the labels or the grid do not fit, or an input is no code of it.
SGQ_COMPILE_ONCE Road road(const Classifier& model, View<const float> x,
                           std::span<const std::uint8_t> labels, View<const float> maps,
                           const RoadOptions& options) {
  check_explained("ROAD", x, maps);
  check_quant_params("ROAD", options.grid, x.shape()[1]);
  if (!(options.noise >= 0 && options.noise <= 1))
    throw value_error(describe("ROAD", "noise from 0 to 1", to_text(options.noise)));
  ops::check_labels(labels, {x.shape()[0], model.classes()});
  model.check_several_classes("ROAD");
  detail::check_codes(x, options.grid);
  const index_t positions = x.shape().plane();
  Tensor<std::int32_t> order = ranking(maps, options.rank_by, tie_breaker(options.seed));
  const ImageRandom random = Random(options.seed, 0x726f6164u); // "road"
  Road result{.most_first = detail::road_along(model, x, labels, order, options, random.split(0)),
              .least_first = MaskedAccuracy(0),
              .score = Tensor<double>({x.shape()[0]})};
  for (index_t n = 0; n < x.shape()[0]; ++n)
    std::reverse(order.data() + n * positions, order.data() + (n + 1) * positions);
  result.least_first = detail::road_along(model, x, labels, order, options, random.split(1));
  for (index_t n = 0; n < result.score.size(); ++n)
    result.score[n] = result.least_first.area[n] - result.most_first.area[n];
  return result;
}

} // namespace sgq::saliency
