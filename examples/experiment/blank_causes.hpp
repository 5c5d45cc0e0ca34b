// Why maps are blank: where, on the way from the score to the image, the gradient ends.
//
//     of every activation layer, over units and images:
//       at_zero   v <= 0            the gate is closed
//       inside    0 < v < alpha     open (a ReLU: 0 < v)
//       at_alpha  v >= alpha        closed; PACT only
//     gone        share of the images for which the gradient of the layer's output is all 0
//     gone_below  the same below its gates: at what goes into the layer
//
// v is what the activation gets. The layer with the first `gone_below` above 0, seen from the score, is
// where maps begin to be lost: what is 0 there is 0 in the image.
#pragma once

#include "subject.hpp"

namespace examples {

/// One activation layer.
struct LayerGates {
  std::string layer{};
  double at_zero = 0, inside = 0, at_alpha = 0; ///< shares of units, together 1
  double gone = 0, gone_below = 0;              ///< shares of images
};

namespace detail {

/// The shares of a layer's units in a recorded pass, added to sums.
inline void count_gates(nn::Net<float>& net, const nn::Tape<float>& tape, nn::ValueId layer,
                        LayerGates& sums) {
  const sgq::Signal<float>& out = tape[layer].out;
  const auto* pact = dynamic_cast<const nn::Pact<float>*>(&net.layer(layer));
  Tensor<float> v(out.shape);
  sgq::ops::materialise(pact ? *out.preactivation : out, v.view());
  const float alpha = pact ? pact->alpha() : std::numeric_limits<float>::infinity();
  for (const float x : v) (x <= 0 ? sums.at_zero : x < alpha ? sums.inside : sums.at_alpha) += 1;
}

/// How many images of a batch have an all-zero gradient.
inline double count_gone(View<const float> gradient) {
  const Tensor<double> blank = saliency::blank_maps(gradient);
  double sum = 0;
  for (const double b : blank) sum += b;
  return sum;
}

} // namespace detail

/// The activation layers of a net, from the image to the score.
inline std::vector<LayerGates> measure_gates(Subject& s) {
  nn::Net<float>& net = s.model.net;
  saliency::Explainer explain(net);
  std::vector<nn::ValueId> layers;
  std::vector<LayerGates> gates;
  for (nn::ValueId i = 1; i <= net.last(); ++i)
    if (net.layer(i).replaceable()) {
      layers.push_back(i);
      gates.push_back({.layer = net.nodes()[i].name});
    }
  explain.each_batch(s.x, s.images.labels, [&](View<const float> x, auto labels, index_t) {
    for (std::size_t k = 0; k < layers.size(); ++k) {
      const nn::ValueId below = net.nodes()[layers[k]].inputs[0];
      gates[k].gone += detail::count_gone(explain.gradient_at(layers[k], x, labels));
      gates[k].gone_below += detail::count_gone(explain.gradient_at(below, x, labels));
      detail::count_gates(net, explain.tape(), layers[k], gates[k]);
    }
  });
  const double images = static_cast<double>(s.images.size());
  for (LayerGates& g : gates) {
    const double units = g.at_zero + g.inside + g.at_alpha;
    g.at_zero /= units, g.inside /= units, g.at_alpha /= units;
    g.gone /= images, g.gone_below /= images;
  }
  return gates;
}

inline io::Json to_json(const std::vector<LayerGates>& gates) {
  io::Json all = io::Json::array();
  for (const LayerGates& g : gates)
    all.push_back(io::Json::object({{"layer", g.layer},
                                    {"at_zero", g.at_zero},
                                    {"inside", g.inside},
                                    {"at_alpha", g.at_alpha},
                                    {"gone", g.gone},
                                    {"gone_below", g.gone_below}}));
  return all;
}

} // namespace examples
