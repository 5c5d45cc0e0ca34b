// sgq/saliency/cam.hpp -- where the feature maps of a layer speak for the class: four CAMs.
//
//     cam = ReLU(sum over k of what channel k says), brought to the size of the image
//
// A^k are the feature maps and g^k = dS/dA^k their gradients. Channel k says
//
//     Grad-CAM      w_k A^k,    w_k = mean over i, j of g^k_ij                  (arXiv 1610.02391)
//     Grad-CAM++    w_k A^k,    w_k = sum over g^k_ij > 0 of g^k_ij / (2 + g^k_ij sum of A^k)
//                                                                               (arXiv 1710.11063)
//     LayerCAM      ReLU(g^k) A^k, element by element       (Jiang et al., IEEE TIP 30, 2021)
//     HiResCAM      g^k A^k, element by element                                 (arXiv 2011.08891)
//
// Grad-CAM++ is the paper's a_ij ReLU(g_ij) with a_ij = g^2 / (2 g^2 + g^3 sum of A), which is 0/0
// where g is 0. Its derivation takes S for the logit and A >= 0: it explains the logit, whatever
// the explainer's score, and refuses a layer with values below 0.
//
// Maps are enlarged by bilinear interpolation (pixel centres aligned, as everywhere in the field).
// A is the output of the last rectifier that has a plane and a way to the logits, unless a layer is
// named.
#pragma once

#include "sgq/saliency/explainer.hpp"

#include <cmath>

namespace sgq::saliency {

namespace detail {
/// from [h,w] -> to [H,W].
template <class T>
void resize_bilinear(View<const T> from, View<T> to) {
  const index_t h = from.shape()[0], w = from.shape()[1], oh = to.shape()[0], ow = to.shape()[1];
  struct Mix {
    index_t low, high;
    T share; // of high
  };
  const auto mix = [](index_t i, index_t out, index_t in) {
    const T scale = static_cast<T>(in) / static_cast<T>(out);
    const T at = std::max(std::fma(static_cast<T>(i) + T{0.5}, scale, T{-0.5}), T{0});
    const index_t low = std::min(static_cast<index_t>(at), in - 1);
    return Mix{low, std::min(low + 1, in - 1), at - static_cast<T>(low)};
  };
  const auto blend = [](T low, T high, T share) {
    return std::fma(high, share, low * (1 - share));
  };
  for (index_t i = 0; i < oh; ++i)
    for (index_t j = 0; j < ow; ++j) {
      const Mix r = mix(i, oh, h), c = mix(j, ow, w);
      const T top = blend(from(r.low, c.low), from(r.low, c.high), c.share);
      const T bottom = blend(from(r.high, c.low), from(r.high, c.high), c.share);
      to(i, j) = blend(top, bottom, r.share);
    }
}

/// For each value of the net, whether the logits depend on it; not on branches that nobody reads.
template <class T>
std::vector<bool> read_by_logits(const nn::Net<T>& net) {
  std::vector<bool> read(net.nodes().size());
  read[net.last()] = true;
  for (nn::ValueId i = net.last(); i > 0; --i)
    for (const nn::ValueId v : net.nodes()[i].inputs)
      if (read[i]) read[v] = true;
  return read;
}
} // namespace detail

/// The value that CAMs read by default. Throws value_error if the net has no feature maps.
template <class T>
nn::ValueId last_feature_maps(const nn::Net<T>& net) {
  const std::vector<bool> read = detail::read_by_logits(net);
  for (nn::ValueId i = net.last(); i > 0; --i)
    if (read[i] && net.nodes()[i].layer->gate() == nn::Gate::rectifier &&
        net.nodes()[i].shape.plane() > 1)
      return i;
  throw value_error(
      describe("CAM", "a rectifier with feature maps of more than one position", "none"));
}

/// The value of that layer; `layer` empty: last_feature_maps. Throws value_error where it has no
/// feature maps.
template <class T>
nn::ValueId find_feature_maps(const nn::Net<T>& net, std::string_view layer) {
  if (layer.empty()) return last_feature_maps(net);
  const nn::ValueId v = net.find(layer);
  if (net.nodes()[v].shape.rank() != 4)
    throw value_error(describe("CAM", "a layer with feature maps [N, C, H, W]",
                               "'" + net.nodes()[v].name + "' " + net.nodes()[v].shape.str()));
  return v;
}

namespace detail {

/// add(g, a, sum) adds what a channel says to the sum; all three have the positions of a feature
/// map.
template <class T, class Add>
Attribution<T> cam(Explainer<T>& explain, std::string method, ConstView<T> x,
                   std::span<const std::uint8_t> classes, std::string_view layer, Target target,
                   Add add) {
  const nn::ValueId v = find_feature_maps(explain.net(), layer);
  if (!read_by_logits(explain.net())[v])
    throw value_error(describe("CAM", "a layer that the logits depend on",
                               "'" + explain.net().nodes()[v].name + "', which has no gradient"));
  const Shape& shape = explain.net().nodes()[v].shape;
  const index_t channels = shape[1], plane = shape.plane();
  Attribution<T> a{Tensor<T>({x.shape()[0], 1, x.shape()[2], x.shape()[3]}),
                   explain.label(std::move(method))};
  Tensor<T> maps, sum({shape[2], shape[3]});
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<const T> grad = explain.gradient_at(v, xb, cb, target);
    maps.resize(grad.shape());
    ops::materialise(explain.tape()[v].out, maps.view());
    for (index_t n = 0; n < xb.shape()[0]; ++n) {
      sum.fill(T{0});
      for (index_t k = 0; k < channels; ++k) {
        const index_t at = (n * channels + k) * plane;
        const auto size = static_cast<std::size_t>(plane);
        add(std::span<const T>(grad.data() + at, size), std::span<const T>(maps.data() + at, size),
            sum.span());
      }
      for (T& value : sum) value = std::max(value, T{0});
      const View<T> out = a.values.view().slice(first + n, 1).reshape({x.shape()[2], x.shape()[3]});
      resize_bilinear<T>(sum, out);
    }
  });
  a.zero_share = explain.zero_share();
  return a;
}

/// sum += w a.
template <class T>
void add_weighted(T w, std::span<const T> a, std::span<T> sum) {
  for (std::size_t i = 0; i < a.size(); ++i) sum[i] = std::fma(w, a[i], sum[i]);
}

/// The w_k of Grad-CAM++. Throws value_error where a map is below 0.
template <class T>
T positive_weight(std::span<const T> g, std::span<const T> a) {
  T mass = 0, w = 0;
  for (const T v : a) {
    if (v < 0)
      throw value_error(describe("Grad-CAM++", "feature maps of 0 or more", to_text(v),
                                 "name a rectifier, or no layer for the last one"));
    mass += v;
  }
  for (const T v : g)
    if (v > 0) w += v / std::fma(v, mass, T{2});
  return w;
}

} // namespace detail

/// values [N,1,H,W], as for all CAMs. `layer` empty: last_feature_maps. Throws value_error on a
/// layer without feature maps, or one that the logits do not depend on.
template <class T>
Attribution<T> grad_cam(Explainer<T>& explain, ConstView<T> x,
                        std::span<const std::uint8_t> classes, std::string_view layer = {}) {
  return detail::cam(explain, "Grad-CAM", x, classes, layer, explain.options().target,
                     [](std::span<const T> g, std::span<const T> a, std::span<T> sum) {
                       T w = 0;
                       for (const T v : g) w += v;
                       detail::add_weighted<T>(w / static_cast<T>(g.size()), a, sum);
                     });
}

/// Explains the logit. Throws value_error also where the layer's values are below 0.
template <class T>
Attribution<T> grad_cam_plus_plus(Explainer<T>& explain, ConstView<T> x,
                                  std::span<const std::uint8_t> classes,
                                  std::string_view layer = {}) {
  return detail::cam(explain, "Grad-CAM++", x, classes, layer, Target::logit,
                     [](std::span<const T> g, std::span<const T> a, std::span<T> sum) {
                       detail::add_weighted<T>(detail::positive_weight(g, a), a, sum);
                     });
}

template <class T>
Attribution<T> layer_cam(Explainer<T>& explain, ConstView<T> x,
                         std::span<const std::uint8_t> classes, std::string_view layer = {}) {
  return detail::cam(explain, "LayerCAM", x, classes, layer, explain.options().target,
                     [](std::span<const T> g, std::span<const T> a, std::span<T> sum) {
                       for (std::size_t i = 0; i < g.size(); ++i)
                         sum[i] = std::fma(std::max(g[i], T{0}), a[i], sum[i]);
                     });
}

template <class T>
Attribution<T> hires_cam(Explainer<T>& explain, ConstView<T> x,
                         std::span<const std::uint8_t> classes, std::string_view layer = {}) {
  return detail::cam(explain, "HiResCAM", x, classes, layer, explain.options().target,
                     [](std::span<const T> g, std::span<const T> a, std::span<T> sum) {
                       for (std::size_t i = 0; i < g.size(); ++i)
                         sum[i] = std::fma(g[i], a[i], sum[i]);
                     });
}

} // namespace sgq::saliency
