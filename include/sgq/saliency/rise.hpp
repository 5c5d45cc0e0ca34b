// sgq/saliency/rise.hpp -- which random parts of the image keep the class alive.
//
//     a = 1 / (p M) sum over m of S(x m + b (1 - m)) m
//
// M smooth random masks m: a coarse grid of zeros and ones (one with probability p), enlarged by
// bilinear interpolation and shifted at random; b is the background. S is the probability
// of the class. Mixed images are not rounded: a quantised net reads the nearest pixel
// codes, a real-valued one the numbers. Petsiuk, Das, Saenko, "RISE", BMVC 2018, arXiv 1806.07421.
// No gradient is needed.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/core/random.hpp"
#include "sgq/saliency/explainer.hpp"

#include <cmath>

namespace sgq::saliency {

struct RiseOptions {
  index_t masks = 500; ///< M
  index_t cells = 7;   ///< of the coarse grid, along a side
  double keep = 0.5;   ///< p
  /// b: one value per channel, or one for all, in input units; empty: the classifier's background.
  std::vector<float> background{};
  std::uint64_t seed = 0;
};

namespace detail {
/// One mask [H,W], a function of `random` alone.
inline void rise_mask(const RiseOptions& o, const Random& random, View<float> mask) {
  const index_t h = mask.shape()[0], w = mask.shape()[1], side = o.cells + 1;
  const float cell_h = static_cast<float>(h) / static_cast<float>(o.cells);
  const float cell_w = static_cast<float>(w) / static_cast<float>(o.cells);
  const auto bit = [&](index_t i, index_t j) { // of (cells + 2)^2 corners
    return static_cast<double>(random.uniform(i * (side + 1) + j)) < o.keep ? 1.0f : 0.0f;
  };
  const float dy = random.uniform(1 << 20), dx = random.uniform((1 << 20) + 1); // in cells
  for (index_t i = 0; i < h; ++i)
    for (index_t j = 0; j < w; ++j) {
      const float y = std::fma(dy, cell_h, static_cast<float>(i)) / cell_h;
      const float x = std::fma(dx, cell_w, static_cast<float>(j)) / cell_w;
      const auto r = static_cast<index_t>(y), c = static_cast<index_t>(x);
      const float fy = y - static_cast<float>(r), fx = x - static_cast<float>(c);
      const float top = (1 - fx) * bit(r, c) + fx * bit(r, c + 1);
      const float bottom = (1 - fx) * bit(r + 1, c) + fx * bit(r + 1, c + 1);
      mask(i, j) = std::fma(fy, bottom, (1 - fy) * top);
    }
}
} // namespace detail

/// values [N,1,H,W]. All images see the same masks. Throws value_error where neither the options
/// nor the classifier state a background.
SGQ_COMPILE_ONCE Attribution<float> rise(const Classifier& model, View<const float> x,
                                         std::span<const std::uint8_t> classes,
                                         const RiseOptions& o = {}) {
  const Shape& s = x.shape();
  check_images("RISE", x);
  model.check_several_classes("RISE");
  ops::check_labels(classes, {s[0], model.classes()});
  if (o.masks < 1 || o.cells < 1 || o.cells > 1000 || !(o.keep > 0 && o.keep <= 1))
    throw value_error(
        describe("RISE", "masks >= 1, cells in 1..1000, keep in (0, 1]",
                 to_text(o.masks) + ", " + to_text(o.cells) + ", " + to_text(o.keep)));
  const auto background = background_for("RISE", o.background, model.background(), s[1]);
  const Random random(o.seed, 0x72697365u); // "rise"
  const index_t plane = s.plane();
  std::vector<double> sum(static_cast<std::size_t>(s[0] * plane));
  Tensor<float> mask({s[2], s[3]}), shown(s);
  for (index_t m = 0; m < o.masks; ++m) {
    detail::rise_mask(o, random.split(static_cast<std::uint64_t>(m)), mask);
    for (index_t i = 0; i < x.size(); ++i) {
      const float b = background[static_cast<std::size_t>(i / plane % s[1])];
      shown[i] = std::fma(mask[i % plane], x[i] - b, b);
    }
    model.each(shown, [&](index_t n, const float* row) {
      const double p =
          math::exp(log_probability(row, model.classes(), classes[static_cast<std::size_t>(n)]));
      for (index_t i = 0; i < plane; ++i) {
        double& total = sum[static_cast<std::size_t>(n * plane + i)];
        total = std::fma(p, static_cast<double>(mask[i]), total);
      }
    });
  }
  Attribution<float> a{Tensor<float>({s[0], 1, s[2], s[3]}), "RISE"};
  const double scale = 1 / (o.keep * static_cast<double>(o.masks));
  for (std::size_t i = 0; i < sum.size(); ++i)
    a.values[static_cast<index_t>(i)] = static_cast<float>(scale * sum[i]);
  return a;
}

} // namespace sgq::saliency
