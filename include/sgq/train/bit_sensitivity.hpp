// sgq/train/bit_sensitivity.hpp -- what is lost when one layer's weights get fewer bits.
//
// In a net of 8 bits the weights of one layer at a time are lowered. Clips are calibrated anew,
// nothing is trained. First and last layer stay as they are.
//
//     loss   rise of the mean cross-entropy over validation images
//     maps   1 - mean cosine between the maps of an image before and after; a map that goes blank,
//            or constant, has a cosine of 0
//
// quant/allocate.hpp turns them into a policy. They are a ranking, not a forecast: training makes
// up for most of either.
#pragma once

#include "sgq/nn/quantize.hpp"
#include "sgq/saliency/metrics/similarity.hpp"
#include "sgq/train/evaluate.hpp"

namespace sgq::train {

struct BitSensitivity {
  std::string layer;
  int bits;
  double loss = 0, maps = 0;
  index_t lost = 0;     ///< images whose map went constant
  index_t excluded = 0; ///< images that had a constant map at 8 bits already
};

namespace detail {

/// Loss on the batches and maps of a net that is quantised by `how`.
template <class T, class Maps>
std::pair<double, Tensor<float>> loss_and_maps(nn::Net<T>& net, const nn::QuantizeOptions& how,
                                               View<const T> calibration,
                                               data::Batches<T>& validation, Maps& maps) {
  nn::quantize(net, how);
  nn::calibrate(net, calibration);
  return {evaluate(net, validation).loss(), maps(net)};
}

inline void set_maps(BitSensitivity& s, View<const float> before, View<const float> after) {
  const auto same = saliency::cosine(before, before, saliency::Values::with_sign);
  const auto alike = saliency::cosine(before, after, saliency::Values::with_sign);
  double sum = 0;
  for (index_t i = 0; i < alike.size(); ++i) {
    if (std::isnan(same[i]))
      ++s.excluded;
    else if (std::isnan(alike[i]))
      ++s.lost;
    else
      sum += alike[i];
  }
  const index_t count = alike.size() - s.excluded;
  if (count == 0)
    throw value_error(describe("bit sensitivities", "maps that are not constant", "none",
                               "another method, or images that the net tells apart"));
  s.maps = 1 - sum / static_cast<double>(count);
}

template <class T, class Maps>
std::vector<BitSensitivity> lower_each(nn::Net<T>& net, nn::QuantizeOptions& how,
                                       std::span<const int> widths, View<const T> calibration,
                                       data::Batches<T>& validation, Maps& maps) {
  const std::vector<std::string> layers = nn::weight_layer_names(net);
  how.bits = quant::parse_bit_policy("w8a8");
  const auto [loss, before] = loss_and_maps(net, how, calibration, validation, maps);
  std::vector<BitSensitivity> all;
  for (std::size_t l = 1; l + 1 < layers.size(); ++l)
    for (int bits : widths) {
      how.bits.layers = {{layers[l], {.weights = bits, .activations = 8}}};
      const auto [lowered, after] = loss_and_maps(net, how, calibration, validation, maps);
      BitSensitivity s{.layer = layers[l], .bits = bits, .loss = lowered - loss};
      set_maps(s, before, after);
      all.push_back(std::move(s));
    }
  return all;
}

} // namespace detail

/// One for each of `widths` and each layer with weights but the first and the last, in the net's
/// order. maps(net) returns maps [N,H,W] of always the same images. `how` says how to quantise; its
/// bits are not read. The net must be real-valued, and is so afterwards. Throws value_error on a
/// net without a body, or one that is quantised.
template <class T, class Maps>
std::vector<BitSensitivity> bit_sensitivities(nn::Net<T>& net, nn::QuantizeOptions how,
                                              std::span<const int> widths, ConstView<T> calibration,
                                              data::Batches<T>& validation, Maps&& maps) {
  if (const std::size_t layers = nn::weight_layers(net).size(); layers < 3)
    throw value_error(describe("bit sensitivities", "a net of three layers with weights or more",
                               to_text(layers)));
  if (!net.precision().empty())
    throw value_error(describe("bit sensitivities", "a real-valued net", "a quantised one"));
  std::vector<BitSensitivity> all;
  try {
    all = detail::lower_each(net, how, widths, View<const T>(calibration), validation, maps);
  } catch (...) {
    nn::quantize(net, {});
    throw;
  }
  nn::quantize(net, {});
  return all;
}

} // namespace sgq::train
