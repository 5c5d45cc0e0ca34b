// sgq/infer/verify.hpp -- the codes of every layer, the integer graph's against the trained net's.
//
//     net.forward(x, tape);                                  // evaluation mode
//     Tensor<std::uint8_t> pixels(x.shape());
//     pixel_codes(graph, x, pixels);
//     const auto values = run_reference(graph, pixels);      // infer/reference.hpp
//     for (const Comparison& c : compare(graph, values, net, tape)) ...   c.different must be 0
#pragma once

#include "sgq/infer/graph.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/ops/finite.hpp"

namespace sgq::infer {

/// The pixel codes of network input [N, C, H, W], as the trained net's input layer makes them.
/// Throws shape_error, and value_error on a number that is not finite, or far outside of the grid.
inline void pixel_codes(const Graph& graph, View<const float> x, View<std::uint8_t> codes) {
  graph.count("integer net: input", x.shape());
  check_shape("integer net: pixel codes", x.shape(), codes.shape());
  if (const index_t bad = ops::find_nonfinite(x); bad >= 0)
    throw value_error(describe("integer net: input", "finite numbers",
                               to_text(x[bad]) + " at element " + to_text(bad)));
  check_normalized("integer net: input", x.reshape(graph.image.with_batch(x.shape()[0])),
                   graph.grid);
  const index_t channels = graph.image[1], plane = graph.image.plane();
  parallel_for(x.shape()[0] * channels, [&](index_t p) {
    for (index_t i = p * plane; i < (p + 1) * plane; ++i)
      codes[i] = static_cast<std::uint8_t>(graph.grid.code(x[i], p % channels));
  });
}

/// One value of the graph beside the net's.
struct Comparison {
  std::string layer;
  index_t codes = 0, different = 0;
};

/// All values of a graph beside what the net recorded for the same images, in evaluation mode.
/// Throws shape_error where sizes differ.
SGQ_COMPILE_ONCE std::vector<Comparison> compare(const Graph& graph,
                                                 std::span<const Tensor<std::int32_t>> values,
                                                 const nn::Net<float>& net,
                                                 const nn::Tape<float>& tape) {
  if (values.size() != graph.last() + 1)
    throw shape_error(describe("comparing a graph", to_text(graph.last() + 1) + " values",
                               to_text(values.size()), "run_reference() makes all of them"));
  std::vector<Comparison> result;
  for (Value v = 1; v <= graph.last(); ++v) {
    const std::string& name = graph.steps[v - 1].name;
    const nn::Slot<float>& slot = tape[net.find(name)];
    Comparison c{name, values[v].size(), 0};
    const auto count = [&](const auto* expected) {
      for (index_t i = 0; i < c.codes; ++i)
        c.different += static_cast<std::int32_t>(expected[i]) != values[v][i];
    };
    if (slot.out.shape.size() != c.codes)
      throw shape_error(
          describe("comparing '" + name + "'", slot.out.shape.str(), values[v].shape().str()));
    if (v < graph.last())
      visit_storage(slot.out, count);
    else if (!slot.acc.empty()) // the logits before they are multiplied by their scale
      count(slot.acc.data());
    else
      count(slot.real.data());
    result.push_back(std::move(c));
  }
  return result;
}

} // namespace sgq::infer
