// The nets and images of the golden files, as make_nets.py has them: weights and pixels come from
// an integer formula that both sides compute.
#pragma once

#include "sgq/io/safetensors.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"

#include "support/differences.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace golden {

using namespace sgq;
using namespace sgq::nn;

/// 32 mixed bits: element i of the sequence of that name. See mixed() in make_nets.py.
inline std::uint32_t mixed(const std::string& name, index_t i) {
  std::uint32_t seed = 2166136261u;
  for (char byte : name) seed = (seed ^ static_cast<std::uint32_t>(byte)) * 16777619u;
  std::uint32_t x = static_cast<std::uint32_t>(i) * 0x9E3779B9u + seed;
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  return x ^ x >> 16;
}

/// A multiple of 2^-24 in [-1/2, 1/2).
inline double number(const std::string& name, index_t i) {
  return (static_cast<double>(mixed(name, i) >> 8) - 0x1p23) * 0x1p-24;
}

inline double weight_scale(index_t fan_in) {
  double scale = 4;
  while (scale * scale * static_cast<double>(fan_in) > 24) scale /= 2;
  return scale;
}

template <class T>
void set_parameters(Net<T>& net) {
  for (const auto& [name, p] : net.parameters()) {
    const View<T> value = p->edit();
    for (index_t i = 0; i < value.size(); ++i) {
      const double r = number(name, i);
      if (p->group() == ParameterGroup::weight)
        value[i] = static_cast<T>(weight_scale(p->shape().stride()) * r);
      if (p->group() == ParameterGroup::bias) value[i] = static_cast<T>(r / 4);
      if (p->group() == ParameterGroup::norm)
        value[i] = static_cast<T>(name.ends_with("weight") ? 1 + r / 2 : r / 2);
      if (p->group() == ParameterGroup::clip) value[i] = 2;
    }
  }
  net.quantize_weights();
}

/// The running statistics that make_maps.py chooses; those of a new net are 0 and 1.
template <class T>
void set_statistics(Net<T>& net) {
  for (const auto& [name, tensor] : net.buffers())
    for (index_t i = 0; i < tensor->size(); ++i)
      (*tensor)[i] =
          static_cast<T>(name.ends_with("mean") ? number(name, i) / 4 : 1 + number(name, i) / 2);
}

/// The narrow net of that name, "mnist_cnn" or "resnet20_w4a4", as make_nets.py has it.
template <class T>
Net<T> golden_net(const std::string& name) {
  const std::size_t cut = name.find("_w");
  Net<T> net = make_model<T>(name.substr(0, cut), {.width = 4, .dropout = false});
  if (cut != name.npos) {
    QuantParams grid{.scale = 0x1p-6f, .zero_point = {100, 128, 140}};
    grid.zero_point.resize(static_cast<std::size_t>(net.input_shape()[1]));
    quantize(net, {.bits = quant::parse_bit_policy(name.substr(cut + 1)), .input = grid});
  }
  set_parameters(net);
  return net;
}

template <class T>
struct Batch {
  Tensor<T> x;
  std::vector<std::uint8_t> labels;
};

template <class T>
Batch<T> batch(const Net<T>& net, index_t first, index_t count) {
  Batch<T> b;
  b.x.resize(net.input_shape().with_batch(count));
  const index_t start = first * b.x.shape().stride();
  for (index_t i = 0; i < b.x.size(); ++i) b.x[i] = static_cast<T>(4 * number("images", start + i));
  for (index_t i = 0; i < count; ++i)
    b.labels.push_back(static_cast<std::uint8_t>(mixed("labels", first + i) % 10));
  return b;
}

/// A golden file: "nets/mnist_cnn".
inline io::SafeTensors stored(const std::string& name) {
  return io::read_safetensors("tests/golden/" + name + ".safetensors");
}

} // namespace golden
