// sgq/saliency/score_cam.hpp -- feature maps, weighted by what the class scores through each.
//
//     m_k = A^k, enlarged to the image and scaled to [0, 1]
//     w_k = softmax over k of S(b + m_k (x - b))            map = ReLU(sum over k of w_k A^k)
//
// b is the background, S the logit. A constant A^k shows no place and is left out; where all are
// constant, the map is blank. Wang et al., "Score-CAM: score-weighted visual explanations for
// convolutional neural networks", arXiv 1910.01279.
//
// No gradient is needed. Logits and feature maps come from two functions of a batch: of a net
// (net_function.hpp, and NetFeatureMaps here) or of the integer engine (infer/feature_maps.hpp). A
// positive factor of all A^k is one of the map, so codes serve for A, and a quantised net and its
// engine, which have the same codes and logits, give the same map to the last bit. Both round what
// they are shown to pixel codes.
//
// An image takes as many passes as the layer has channels.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/ops/finite.hpp"
#include "sgq/saliency/cam.hpp"

#include <cmath>

namespace sgq::saliency {

/// Makes feature maps A [N,K,h,w], to a positive factor, of images [N,C,H,W].
using FeatureMaps = function_ref<void(View<const float> x, Tensor<float>& maps)>;

/// A layer of a net as such a function: its codes where it has codes, else its numbers.
class NetFeatureMaps {
public:
  /// The net must outlive the function. `layer` empty: last_feature_maps.
  explicit NetFeatureMaps(const nn::Net<float>& net, std::string_view layer = {})
      : net_(net), layer_(find_feature_maps(net, layer)) {}
  explicit NetFeatureMaps(const nn::Net<float>&& temporary, std::string_view layer = {}) = delete;

  void operator()(View<const float> x, Tensor<float>& maps) {
    net_.get("feature maps").forward(x, tape_);
    const Signal<float>& out = tape_[layer_].out;
    maps.resize(out.shape);
    if (!out.is_codes()) return ops::materialise(out, maps.view());
    visit_storage(out, [&](const auto* codes) {
      for (index_t i = 0; i < maps.size(); ++i) maps[i] = static_cast<float>(codes[i]);
    });
  }

private:
  nn::NetHandle<float> net_;
  nn::ValueId layer_;
  nn::Tape<float> tape_;
};

namespace detail {

/// Enlarges a feature map [h,w] to a mask [H,W] in [0, 1]. False where it is constant.
inline bool to_mask(View<const float> map, View<float> mask) {
  const auto [least, most] = std::minmax_element(map.begin(), map.end());
  if (*least == *most) return false; // interpolation may round equal numbers apart
  resize_bilinear<float>(map, mask);
  const auto [at_low, at_high] = std::minmax_element(mask.begin(), mask.end());
  const float low = *at_low, high = *at_high;
  if (low == high) return false;
  for (float& v : mask) v = (v - low) / (high - low);
  return true;
}

/// What one image x [1,C,H,W] shows through each map that is not constant: rows of `shown`
/// [K,C,H,W], from the first on. Returns the numbers of these maps.
inline std::vector<index_t> show_through(View<const float> x,
                                         std::span<const View<const float>> maps,
                                         const std::vector<float>& background, View<float> shown) {
  const index_t plane = x.shape().plane();
  Tensor<float> mask({x.shape()[2], x.shape()[3]});
  std::vector<index_t> kept;
  for (std::size_t k = 0; k < maps.size(); ++k) {
    if (!to_mask(maps[k], mask)) continue;
    float* const out = shown.data() + static_cast<index_t>(kept.size()) * x.size();
    for (index_t i = 0; i < x.size(); ++i) {
      const float b = background[static_cast<std::size_t>(i / plane)];
      out[i] = std::fma(mask[i % plane], x[i] - b, b);
    }
    kept.push_back(static_cast<index_t>(k));
  }
  return kept;
}

inline void softmax(std::vector<double>& scores) {
  const double highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) {
    s = math::exp(s - highest);
    sum += s;
  }
  for (double& s : scores) s /= sum;
}

/// Rounds images [K,C,H,W] to pixel codes, where there is a grid.
inline void round_to_codes(const QuantParams& grid, View<float> images) {
  const index_t plane = images.shape().plane(), channels = images.shape()[1];
  for (index_t i = 0; grid && i < images.size(); ++i) {
    const index_t c = i / plane % channels;
    images[i] = grid.value<float>(grid.code(images[i], c), c);
  }
}

/// The map [H,W] of class c and one image x [1,C,H,W], from its feature maps, each [h,w].
inline void score_cam(const Classifier& model, View<const float> x, std::size_t c,
                      std::span<const View<const float>> maps, const std::vector<float>& background,
                      const QuantParams& grid, View<float> map) {
  Tensor<float> shown(x.shape().with_batch(static_cast<index_t>(maps.size())));
  const std::vector<index_t> kept = show_through(x, maps, background, shown);
  if (kept.empty()) return map.fill(0);
  round_to_codes(grid, shown.view().slice(0, static_cast<index_t>(kept.size())));
  std::vector<double> weights(kept.size());
  model.each(shown.view().slice(0, static_cast<index_t>(kept.size())),
             [&](index_t i, const float* row) {
               weights[static_cast<std::size_t>(i)] = static_cast<double>(row[c]);
             });
  softmax(weights);
  Tensor<double> sum(maps[0].shape());
  for (std::size_t j = 0; j < kept.size(); ++j) {
    const View<const float> a = maps[static_cast<std::size_t>(kept[j])];
    for (index_t i = 0; i < a.size(); ++i)
      sum[i] = std::fma(weights[j], static_cast<double>(a[i]), sum[i]);
  }
  Tensor<float> cam(sum.shape());
  for (index_t i = 0; i < sum.size(); ++i) cam[i] = static_cast<float>(std::max(sum[i], 0.0));
  resize_bilinear<float>(cam, map);
}

/// The feature maps of image n, each [h,w], out of [N,K,h,w].
inline std::vector<View<const float>> maps_of_image(View<const float> all, index_t n) {
  const Shape& s = all.shape();
  std::vector<View<const float>> maps;
  for (index_t k = 0; k < s[1]; ++k)
    maps.push_back({all.data() + (n * s[1] + k) * s.plane(), {s[2], s[3]}});
  return maps;
}

} // namespace detail

/// values [N,1,H,W]. With a grid, masked images are rounded to its pixel codes, so that a
/// real-valued net sees the images that a quantised one sees. Throws value_error where the
/// classifier states no background or the grid does not fit, shape_error where the feature maps are
/// not those of the images.
SGQ_COMPILE_ONCE Attribution<float> score_cam(const Classifier& model, FeatureMaps features,
                                              View<const float> x,
                                              std::span<const std::uint8_t> classes,
                                              const QuantParams& grid = {}) {
  const Shape& s = x.shape();
  check_images("Score-CAM", x);
  if (grid) check_quant_params("Score-CAM", grid, s[1]);
  ops::check_labels(classes, {s[0], model.classes()});
  const auto background = background_for("Score-CAM", {}, model.background(), s[1]);
  Attribution<float> a{Tensor<float>({s[0], 1, s[2], s[3]}), "Score-CAM"};
  Tensor<float> maps;
  for (index_t first = 0; first < s[0]; first += model.batch()) {
    const index_t n = std::min(model.batch(), s[0] - first);
    features(x.slice(first, n), maps);
    const Shape f = maps.shape();
    if (f.rank() != 4 || f[0] != n || f.stride() == 0)
      throw shape_error(
          describe("Score-CAM: feature maps", "[" + to_text(n) + ", K, H, W]", f.str()));
    if (const index_t bad = ops::find_nonfinite<float>(maps); bad >= 0)
      throw value_error(
          describe("Score-CAM: feature maps", "finite numbers",
                   to_text(maps[bad]) + " for image " + to_text(first + bad / f.stride())));
    for (index_t i = 0; i < n; ++i)
      detail::score_cam(model, x.slice(first + i, 1), classes[static_cast<std::size_t>(first + i)],
                        detail::maps_of_image(maps, i), background, grid,
                        a.values.view().slice(first + i, 1).reshape({s[2], s[3]}));
  }
  return a;
}

} // namespace sgq::saliency
