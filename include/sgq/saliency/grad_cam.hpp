// sgq/saliency/grad_cam.hpp -- where the last feature maps speak for the class.
//
//     w_k = mean over i, j of dS/dA^k_ij        cam = ReLU(sum over k of w_k A^k)
//
// brought to the size of the image by bilinear interpolation (pixel centres aligned, as everywhere
// in the field). A is the output of the last rectifier that has a plane, unless a layer is named.
// Selvaraju et al., "Grad-CAM", arXiv 1610.02391.
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
} // namespace detail

/// The value that Grad-CAM reads by default. Throws value_error if the net has no feature maps.
template <class T>
nn::ValueId last_feature_maps(const nn::Net<T>& net) {
  for (nn::ValueId i = net.last(); i > 0; --i)
    if (net.nodes()[i].layer->gate() == nn::Gate::rectifier && net.nodes()[i].shape.rank() == 4)
      return i;
  throw value_error(describe("Grad-CAM", "a rectifier with feature maps [N, C, H, W]", "none"));
}

/// values [N,1,H,W]. `layer` empty: last_feature_maps.
template <class T>
Attribution<T> grad_cam(Explainer<T>& explain, ConstView<T> x,
                        std::span<const std::uint8_t> classes, std::string_view layer = {}) {
  nn::Net<T>& net = explain.net();
  const nn::ValueId v = layer.empty() ? last_feature_maps(net) : net.find(layer);
  const Shape& shape = net.nodes()[v].shape;
  if (shape.rank() != 4)
    throw value_error(describe("Grad-CAM", "a layer with feature maps [N, C, H, W]",
                               "'" + net.nodes()[v].name + "' " + shape.str()));
  const index_t channels = shape[1], plane = shape.plane();
  Attribution<T> a{Tensor<T>({x.shape()[0], 1, x.shape()[2], x.shape()[3]}),
                   explain.label("Grad-CAM")};
  Tensor<T> maps, cam({shape[2], shape[3]});
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    const View<const T> grad = explain.gradient_at(v, xb, cb);
    maps.resize(grad.shape());
    ops::materialise(explain.tape()[v].out, maps.view());
    for (index_t n = 0; n < xb.shape()[0]; ++n) {
      cam.fill(T{0});
      for (index_t k = 0; k < channels; ++k) {
        const index_t at = (n * channels + k) * plane;
        T w = 0;
        for (index_t i = 0; i < plane; ++i) w += grad[at + i];
        w /= static_cast<T>(plane);
        for (index_t i = 0; i < plane; ++i) cam[i] = std::fma(w, maps[at + i], cam[i]);
      }
      for (T& value : cam) value = std::max(value, T{0});
      const View<T> out = a.values.view().slice(first + n, 1).reshape({x.shape()[2], x.shape()[3]});
      detail::resize_bilinear<T>(cam, out);
    }
  });
  a.zero_share = explain.zero_share();
  return a;
}

} // namespace sgq::saliency
