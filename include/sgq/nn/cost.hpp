// sgq/nn/cost.hpp -- what a net costs to deploy: multiplications, bit operations, packed bytes.
//
//     bit operations = sum over weight layers of  MACs x weight bits x input bits     (32 for fp32)
//     packed bytes   = weight codes at their width, whole bytes per layer, and 4 bytes for each
//                      scale, bias, alpha, and batch-norm parameter (one m and one t per
//                      channel; a bias before batch norm counts, too)
//
// The size of an integer file also has its header and thresholds; this is what any format needs.
#pragma once

#include "sgq/nn/quantize.hpp"

#include <bit>

namespace sgq::nn {

/// One convolution or linear layer, for one image.
struct LayerCost {
  std::string name;
  index_t macs = 0, weights = 0;
  int weight_bits = quant::fp32_bits;
  int input_bits = quant::fp32_bits; ///< enough for the largest input code

  index_t bit_operations() const { return macs * weight_bits * input_bits; }
  index_t packed_bytes() const { return (weights * weight_bits + 7) / 8; }
};

struct NetCost {
  std::vector<LayerCost> layers{};
  index_t other_numbers = 0; ///< of 4 bytes each

  index_t bit_operations() const {
    index_t sum = 0;
    for (const LayerCost& layer : layers) sum += layer.bit_operations();
    return sum;
  }
  index_t macs() const {
    index_t sum = 0;
    for (const LayerCost& layer : layers) sum += layer.macs;
    return sum;
  }
  index_t packed_bytes() const {
    index_t sum = 4 * other_numbers;
    for (const LayerCost& layer : layers) sum += layer.packed_bytes();
    return sum;
  }
};

/// Runs the net once, on one image of zeros, to see which codes reach each layer.
template <class T>
NetCost cost_of(Net<T>& net) {
  const Tensor<T> image(net.input_shape());
  Tape<T> tape;
  net.forward(image, tape);
  NetCost cost;
  for (const ValueId i : weight_layers(net)) {
    const auto& node = net.nodes()[i];
    const Weights<T>& weights = *net.layer(i).weights();
    const Signal<T>& in = tape[node.inputs[0]].out;
    // Every output number is a product with one row of the weight.
    LayerCost layer{.name = node.name,
                    .macs = node.shape.size() * weights.shape().stride(),
                    .weights = weights.shape().size()};
    if (weights.quantized()) layer.weight_bits = weights.quantizer()->bits();
    if (in.is_codes())
      layer.input_bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(in.max_code)));
    cost.layers.push_back(std::move(layer));
    const bool scale_is_parameter = weights.quantized() && weights.quantizer()->has_step();
    cost.other_numbers += weights.quantized() && !scale_is_parameter ? 1 : 0;
  }
  for (const auto& p : net.parameters())
    if (p.parameter->group() != ParameterGroup::weight) cost.other_numbers += p.parameter->size();
  return cost;
}

} // namespace sgq::nn
