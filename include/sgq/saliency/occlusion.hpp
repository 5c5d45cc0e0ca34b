// sgq/saliency/occlusion.hpp -- how much the score falls when a window of the image is hidden.
//
//     a(position) = mean over the windows that hide it of  S(x) - S(x with the window hidden)
//
// Zeiler and Fergus, arXiv 1311.2901. No gradient is needed, so the integer engine can be explained
// as it is.
#pragma once

#include "sgq/saliency/explainer.hpp"

namespace sgq::saliency {

struct OcclusionOptions {
  index_t window = 5;
  index_t stride = 2; ///< at most the window's size, so that every position is hidden once or more
  /// What hides: one value per channel, or one for all, in input units; empty: the classifier's.
  std::vector<float> background{};
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

/// Puts the background in the place of a window of every image.
inline void hide_window(View<float> x, index_t top, index_t left, index_t window,
                        const std::vector<float>& background) {
  for (index_t n = 0; n < x.shape()[0]; ++n)
    for (index_t c = 0; c < x.shape()[1]; ++c)
      for (index_t i = 0; i < window; ++i)
        for (index_t j = 0; j < window; ++j)
          x(n, c, top + i, left + j) = background[static_cast<std::size_t>(c)];
}

/// The mean of numbers that are added window by window.
class WindowMeans {
public:
  explicit WindowMeans(Shape maps) // [N,1,H,W]
      : maps_(maps), sum_(static_cast<std::size_t>(maps.size())), windows_(sum_.size()) {}

  void add(index_t n, index_t top, index_t left, index_t window, double value) {
    for (index_t i = 0; i < window; ++i)
      for (index_t j = 0; j < window; ++j) {
        const index_t row = n * maps_[2] + top + i;
        const auto at = static_cast<std::size_t>(row * maps_[3] + left + j);
        sum_[at] += value;
        windows_[at] += 1;
      }
  }

  Tensor<float> mean() const {
    Tensor<float> maps(maps_);
    for (std::size_t i = 0; i < sum_.size(); ++i)
      maps[static_cast<index_t>(i)] = static_cast<float>(sum_[i] / windows_[i]);
    return maps;
  }

private:
  Shape maps_;
  std::vector<double> sum_, windows_;
};

} // namespace detail

/// values [N,1,H,W]. Throws value_error where neither the options nor the classifier state a
/// background.
SGQ_COMPILE_ONCE Attribution<float> occlusion(const Classifier& model, View<const float> x,
                                              std::span<const std::uint8_t> classes,
                                              const OcclusionOptions& o = {}) {
  const Shape& s = x.shape();
  check_images("occlusion", x);
  if (o.target == Target::log_probability) model.check_several_classes("occlusion");
  ops::check_labels(classes, {s[0], model.classes()});
  if (o.window < 1 || o.window > std::min(s[2], s[3]) || o.stride < 1 || o.stride > o.window)
    throw value_error(describe("occlusion", "1 <= stride <= window <= the image's side",
                               to_text(o.stride) + " and " + to_text(o.window)));
  const auto background = background_for("occlusion", o.background, model.background(), s[1]);
  const auto score = [&](index_t n, const float* row) {
    return target_score(row, model.classes(), classes[static_cast<std::size_t>(n)], o.target);
  };
  std::vector<double> whole(static_cast<std::size_t>(s[0]));
  model.each(
      x, [&](index_t n, const float* row) { whole[static_cast<std::size_t>(n)] = score(n, row); });
  detail::WindowMeans falls({s[0], 1, s[2], s[3]});
  Tensor<float> hidden;
  for (index_t top : detail::window_starts(s[2], o.window, o.stride))
    for (index_t left : detail::window_starts(s[3], o.window, o.stride)) {
      hidden.copy_from(x);
      detail::hide_window(hidden, top, left, o.window, background);
      model.each(hidden, [&](index_t n, const float* row) {
        falls.add(n, top, left, o.window, whole[static_cast<std::size_t>(n)] - score(n, row));
      });
    }
  return {falls.mean(), "occlusion"};
}

} // namespace sgq::saliency
