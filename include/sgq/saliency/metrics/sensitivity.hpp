// sgq/saliency/metrics/sensitivity.hpp -- how far a map moves when its image hardly does.
//
//     max over samples of ||Phi(x + d) - Phi(x)||_2 / ||Phi(x)||_2
//     with ||d||_inf <= r (x_max - x_min)
//
// d is uniform in that box; x_max - x_min is the image's own range. Ten samples of a maximum give a
// lower bound of it, comparable only between runs with the same number of samples. An all-zero map
// is undefined (NaN). Yeh et al., NeurIPS 2019 (see infidelity.hpp), do not divide; here maps whose
// values differ in size can be compared.
#pragma once

#include "sgq/saliency/metrics/perturbation.hpp"

namespace sgq::saliency {

/// Makes maps [N,H,W] of images [N,C,H,W]; which class each explains is the callable's affair.
using Explain = function_ref<void(View<const float> x, View<float> maps)>;

struct SensitivityOptions {
  double radius = 0.02;
  index_t samples = 10;
  std::uint64_t seed = 0;
};

/// [N]. Calls explain 1 + samples times, with all images each time.
SGQ_COMPILE_ONCE Tensor<double> max_sensitivity(Explain explain, View<const float> x,
                                                const SensitivityOptions& options = {}) {
  const Shape& s = x.shape();
  if (s.rank() != 4) throw shape_error(describe("max-sensitivity", "images [N, C, H, W]", s.str()));
  if (!(options.radius >= 0) || !std::isfinite(options.radius) || options.samples < 1)
    throw value_error(
        describe("max-sensitivity", "radius >= 0 and samples >= 1",
                 "radius " + to_text(options.radius) + " and samples " + to_text(options.samples)));
  check_maps("max-sensitivity: images", x);
  const index_t images = s[0], d = s.stride(), plane = s.plane();
  Tensor<float> moved(s), map({images, s[2], s[3]}), moved_map(map.shape());
  explain(x, map);
  check_maps("max-sensitivity: maps", map);

  Tensor<double> largest({images});
  for (index_t j = 0; j < options.samples; ++j) {
    parallel_for(images, [&](index_t n) {
      const Random random =
          Random(options.seed, 0x73656e73u).split(static_cast<std::uint64_t>(n)); // "sens"
      const float* in = x.data() + n * d;
      const auto [low, high] = std::minmax_element(in, in + d);
      const float r = static_cast<float>(options.radius) * (*high - *low);
      for (index_t i = 0; i < d; ++i)
        moved[n * d + i] = in[i] + r * (2 * random.uniform(j * d + i) - 1);
    });
    explain(moved, moved_map);
    check_maps("max-sensitivity: maps", moved_map);
    for (index_t n = 0; n < images; ++n) {
      double distance = 0, norm = 0;
      for (index_t i = n * plane; i < (n + 1) * plane; ++i) {
        const double a = static_cast<double>(map[i]), b = static_cast<double>(moved_map[i]);
        distance += (b - a) * (b - a);
        norm += a * a;
      }
      largest[n] = norm > 0 ? std::max(largest[n], std::sqrt(distance / norm)) : undefined;
    }
  }
  return largest;
}

} // namespace sgq::saliency
