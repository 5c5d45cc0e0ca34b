// Why maps are blank: where, on the way from the score to the image, the gradient ends.
//
//     of every activation layer, over units and images:
//       at_zero   v <= 0            the gate is closed
//       inside    0 < v < alpha     open (a ReLU: 0 < v)
//       at_alpha  v >= alpha        closed; PACT only
//     gone        share of the images for which the gradient of the layer's output is all 0
//     gone_below  the same below its gates: at what goes into the layer
//
// v is what the activation gets. All of it is counted apart for images whose map is blank and for
// the others: a cause is what they differ in. The layer with the first `gone_below` above 0, seen
// from the score, is where maps begin to be lost: what is 0 there is 0 in the image, unless another
// way leads past it, as beside the branch of a residual block.
#pragma once

#include "subject.hpp"

namespace examples {

/// What an activation layer does with some of the images.
struct GateShares {
  double images = 0;
  double at_zero = 0, inside = 0, at_alpha = 0; ///< shares of units, together 1
  double gone = 0, gone_below = 0;              ///< shares of images
};

/// One activation layer. Shares of no images are NaN.
struct LayerGates {
  std::string layer{};
  GateShares blank{}, others{}; ///< of the images whose map is blank, or not
};

namespace detail {

/// Adds to the counts of a layer what it does with a batch.
inline void count_gates(saliency::Explainer<float>& explain, nn::ValueId layer, View<const float> x,
                        std::span<const std::uint8_t> labels, View<const double> blank,
                        LayerGates& gates) {
  nn::Net<float>& net = explain.net();
  const nn::ValueId below = net.nodes()[layer].inputs[0];
  const auto gone = saliency::blank_maps(explain.gradient_at(layer, x, labels)),
             gone_below = saliency::blank_maps(explain.gradient_at(below, x, labels));
  const sgq::Signal<float>& out = explain.tape()[layer].out;
  const auto* pact = dynamic_cast<const nn::Pact<float>*>(&net.layer(layer));
  Tensor<float> v(out.shape);
  sgq::ops::materialise(pact ? *out.preactivation : out, v.view());
  const float alpha = pact ? pact->alpha() : std::numeric_limits<float>::infinity();
  const index_t units = v.shape().stride();
  for (index_t n = 0; n < blank.size(); ++n) {
    GateShares& sums = blank[n] != 0 ? gates.blank : gates.others;
    sums.images += 1, sums.gone += gone[n], sums.gone_below += gone_below[n];
    for (index_t i = n * units; i < (n + 1) * units; ++i)
      (v[i] <= 0 ? sums.at_zero : v[i] < alpha ? sums.inside : sums.at_alpha) += 1;
  }
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
    const Tensor<double> blank = saliency::blank_maps(explain.gradient(x, labels));
    for (std::size_t k = 0; k < layers.size(); ++k)
      detail::count_gates(explain, layers[k], x, labels, blank, gates[k]);
  });
  for (LayerGates& layer : gates)
    for (GateShares* g : {&layer.blank, &layer.others}) {
      const double units = g->at_zero + g->inside + g->at_alpha;
      g->at_zero /= units, g->inside /= units, g->at_alpha /= units;
      g->gone /= g->images, g->gone_below /= g->images;
    }
  return gates;
}

inline io::Json to_json(const std::vector<LayerGates>& gates) {
  const auto shares = [](const GateShares& g) {
    return io::Json::object({{"images", static_cast<index_t>(g.images)},
                             {"at_zero", g.at_zero},
                             {"inside", g.inside},
                             {"at_alpha", g.at_alpha},
                             {"gone", g.gone},
                             {"gone_below", g.gone_below}});
  };
  io::Json all = io::Json::array();
  for (const LayerGates& g : gates)
    all.push_back(io::Json::object(
        {{"layer", g.layer}, {"blank", shares(g.blank)}, {"others", shares(g.others)}}));
  return all;
}

} // namespace examples
