// sgq/infer/feature_maps.hpp -- the codes of a layer, for Score-CAM on the integer engine.
//
//     Engine engine(graph);
//     EngineFeatureMaps features(graph);
//     saliency::Classifier model(engine, graph.classes(), {.background = background});
//     auto a = saliency::score_cam(model, features, x, classes);
//
// The map is that of the trained net, to the last bit: codes and logits are.
#pragma once

#include "sgq/infer/engine.hpp"

namespace sgq::infer {

/// The last step that the logits depend on whose codes lie in planes and come from sums: the net's
/// last rectifier with feature maps. Throws value_error where there is none.
inline Value last_feature_maps(const Graph& graph) {
  std::vector<bool> read(graph.steps.size() + 1, false);
  read.back() = true;
  for (Value v = graph.last(); v > 0; --v) {
    const Step& s = graph.steps[v - 1];
    if (!read[v]) continue;
    if (v < graph.last() && s.op == Op::convolve && s.shape.plane() > 1) return v;
    read[s.input] = true;
    if (s.thresholds.joins()) read[s.residual] = true;
  }
  throw value_error(
      describe("feature maps of an integer net", "a convolution with an activation", "none"));
}

/// A layer of an integer net as a function from network input to feature maps, its codes
/// [N,C,H,W].
class EngineFeatureMaps {
public:
  /// `layer` is the net's name of an activation, pool or shortcut; empty: last_feature_maps.
  /// Throws value_error on another name, or a layer without planes.
  explicit EngineFeatureMaps(Graph graph, std::string_view layer = {})
      : engine_(std::move(graph), {.keep_values = true}), value_(find(engine_.graph(), layer)) {}

  /// Throws shape_error, and value_error on input that is not finite.
  void operator()(View<const float> x, Tensor<float>& maps) const {
    Tensor<std::uint8_t> pixels(x.shape());
    pixel_codes(engine_.graph(), x, pixels);
    const Tensor<std::int32_t> codes = std::move(engine_.values(pixels)[value_]);
    maps.resize(codes.shape());
    for (index_t i = 0; i < codes.size(); ++i) maps[i] = static_cast<float>(codes[i]);
  }

private:
  static Value find(const Graph& graph, std::string_view layer) {
    if (layer.empty()) return last_feature_maps(graph);
    const Value v = graph.find(layer);
    if (v == 0 || graph.shape(v).plane() == 1)
      throw value_error(describe("feature maps of an integer net", "a layer with planes of codes",
                                 "'" + std::string(layer) + "'"));
    return v;
  }

  Engine engine_;
  Value value_;
};

} // namespace sgq::infer
