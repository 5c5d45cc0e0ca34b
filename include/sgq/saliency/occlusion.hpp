// sgq/saliency/occlusion.hpp -- how much the score falls when a window of the image is covered.
//
//     a(position) = mean over the windows that cover it of  S(x) - S(x with the window covered)
//
// Zeiler and Fergus, arXiv 1311.2901. No gradient is needed, so the integer engine can be explained
// as it is.
#pragma once

#include "sgq/saliency/explainer.hpp"

namespace sgq::saliency {

struct OcclusionOptions {
  index_t window = 5;
  index_t stride = 2; ///< at most the window's size, so that every position is covered
  /// One value per channel, or one for all, in input units; empty: the classifier's background.
  std::vector<float> cover{};
  Target target = Target::logit;
};

namespace detail {
/// Window starts along an extent: every stride, and the last that fits.
inline std::vector<index_t> window_starts(index_t extent, index_t window, index_t stride) {
  std::vector<index_t> starts;
  for (index_t s = 0; s + window < extent; s += stride) starts.push_back(s);
  starts.push_back(extent - window);
  return starts;
}
} // namespace detail

/// values [N,1,H,W]. Throws value_error where neither the options nor the classifier state a cover.
SGQ_COMPILE_ONCE Attribution<float> occlusion(const Classifier& model, View<const float> x,
                                              std::span<const std::uint8_t> classes,
                                              const OcclusionOptions& o = {}) {
  const Shape& s = x.shape();
  if (s.rank() != 4) throw shape_error(describe("occlusion", "images [N, C, H, W]", s.str()));
  ops::check_labels(classes, {s[0], model.classes()});
  if (o.window < 1 || o.window > std::min(s[2], s[3]) || o.stride < 1 || o.stride > o.window)
    throw value_error(describe("occlusion", "1 <= stride <= window <= the image's side",
                               to_text(o.stride) + " and " + to_text(o.window)));
  const std::vector<float>& cover = background_for("occlusion", o.cover, model.background(), s[1]);
  const auto score = [&](index_t n, const float* row) {
    return target_score(row, model.classes(), classes[static_cast<std::size_t>(n)], o.target);
  };
  std::vector<double> whole(static_cast<std::size_t>(s[0]));
  model.each(
      x, [&](index_t n, const float* row) { whole[static_cast<std::size_t>(n)] = score(n, row); });
  const index_t plane = s.plane();
  std::vector<double> fall(static_cast<std::size_t>(s[0] * plane)), covered(fall.size());
  Tensor<float> hidden;
  for (index_t top : detail::window_starts(s[2], o.window, o.stride))
    for (index_t left : detail::window_starts(s[3], o.window, o.stride)) {
      hidden.copy_from(x);
      for (index_t n = 0; n < s[0]; ++n)
        for (index_t c = 0; c < s[1]; ++c)
          for (index_t i = 0; i < o.window; ++i)
            for (index_t j = 0; j < o.window; ++j)
              hidden(n, c, top + i, left + j) = cover[static_cast<std::size_t>(c) % cover.size()];
      model.each(hidden, [&](index_t n, const float* row) {
        const double drop = whole[static_cast<std::size_t>(n)] - score(n, row);
        for (index_t i = 0; i < o.window; ++i)
          for (index_t j = 0; j < o.window; ++j) {
            const auto at = static_cast<std::size_t>(n * plane + (top + i) * s[3] + left + j);
            fall[at] += drop;
            covered[at] += 1;
          }
      });
    }
  Attribution<float> a{Tensor<float>({s[0], 1, s[2], s[3]}), "occlusion"};
  for (std::size_t i = 0; i < fall.size(); ++i)
    a.values[static_cast<index_t>(i)] = static_cast<float>(fall[i] / covered[i]);
  return a;
}

} // namespace sgq::saliency
