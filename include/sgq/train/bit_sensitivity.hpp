// sgq/train/bit_sensitivity.hpp -- what is lost when one layer's weights get fewer bits.
//
// In a net of 8 bits the weights of one layer at a time are lowered. Clips are calibrated anew,
// nothing is trained. First and last layer stay as they are.
//
//     loss   rise of the mean cross-entropy over validation images
//     maps   1 - mean cosine between the maps of an image before and after
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
  index_t blank = 0; ///< images whose maps cannot be compared, since one is constant
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
  double sum = 0;
  index_t count = 0;
  for (double c : saliency::cosine(before, after, saliency::Values::with_sign)) {
    if (std::isnan(c))
      ++s.blank;
    else
      sum += c, ++count;
  }
  s.maps = count > 0 ? 1 - sum / static_cast<double>(count) : 1;
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
  const std::vector<std::string> layers = nn::weight_layer_names(net);
  if (layers.size() < 3)
    throw value_error(describe("bit sensitivities", "a net of three layers with weights or more",
                               to_text(layers.size())));
  if (!net.precision().empty())
    throw value_error(describe("bit sensitivities", "a real-valued net", "a quantised one"));
  how.bits = quant::parse_bit_policy("w8a8");
  const auto [loss, before] = detail::loss_and_maps(net, how, calibration, validation, maps);
  std::vector<BitSensitivity> all;
  for (std::size_t l = 1; l + 1 < layers.size(); ++l)
    for (int bits : widths) {
      how.bits.layers = {{layers[l], {.weights = bits, .activations = 8}}};
      const auto [lowered, after] = detail::loss_and_maps(net, how, calibration, validation, maps);
      BitSensitivity s{.layer = layers[l], .bits = bits, .loss = lowered - loss};
      detail::set_maps(s, before, after);
      all.push_back(std::move(s));
    }
  how.bits = {};
  nn::quantize(net, how);
  return all;
}

} // namespace sgq::train
