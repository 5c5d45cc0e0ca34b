// Quantised nets with random weights, statistics and clips, and their integer graphs checked
// against them.
#pragma once

#include "sgq/infer/export.hpp"
#include "sgq/infer/verify.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"

#include "support/gradients.hpp"

namespace infer_tests {

using namespace sgq;

/// Zero points and a scale for 1 to 3 channels; not centred, so that signs matter.
inline QuantParams test_grid(index_t channels) {
  QuantParams grid{.scale = 1 / 64.0f, .zero_point = {}};
  for (index_t c = 0; c < channels; ++c)
    grid.zero_point.push_back(static_cast<std::int32_t>(33 + 90 * c));
  return grid;
}

/// Random pixels; the first image is all 0, the second all 255, the third 0 and 255 by turns.
inline Tensor<float> test_images(const Shape& image, const QuantParams& grid, index_t count,
                                 std::uint64_t seed = 7) {
  Tensor<float> x(image.with_batch(count));
  const Tensor<std::int32_t> codes = random_integers<std::int32_t>(x.shape(), seed, 0, 255);
  const index_t plane = image.plane(), size = image.size();
  for (index_t i = 0; i < x.size(); ++i) {
    const index_t n = i / size, extreme[] = {0, 255, i % 2 * 255};
    x[i] = grid.value<float>(n < 3 ? extreme[n] : codes[i], i % size / plane);
  }
  return x;
}

/// Batch norm with everything that can happen to it: negative and zero gammas, a variance of
/// nearly nothing, shifts that saturate.
inline void randomize_batch_norm(nn::Net<float>& net, std::uint64_t seed) {
  const Random random(seed, 0x626e);
  index_t at = 0;
  for (auto& p : net.parameters())
    if (p.parameter->group() == nn::ParameterGroup::norm)
      for (float& v : p.parameter->edit()) {
        const bool gamma = p.name.ends_with(".weight");
        v = static_cast<float>(random.normal(at) * (gamma ? 0.7 : 0.3) + (gamma ? 0.5 : 0.2));
        if (gamma && at % 13 == 5) v = 0;
        if (!gamma && at % 17 == 3) v = 9;
        ++at;
      }
  for (auto& b : net.buffers())
    for (float& v : b.tensor->span()) {
      v = static_cast<float>(b.name.ends_with("running_var") ? 0.3 + random.uniform(at)
                                                             : 0.2 * random.normal(at));
      ++at;
    }
}

struct Case {
  std::string net = "lenet5", bits = "w4a4";
  std::string weights = "sawb";
  quant::FirstLast first_last = quant::FirstLast::eight_bit;
  index_t width = 0;
};

/// Quantises the net and sets its clips from a batch, some to powers of two, for ties.
inline void quantize_for_test(nn::Net<float>& net, const Case& c, std::uint64_t seed) {
  const QuantParams grid = test_grid(net.input_shape()[1]);
  randomize_batch_norm(net, seed);
  for (auto& p : net.parameters())
    if (p.parameter->group() == nn::ParameterGroup::bias)
      for (float& v : p.parameter->edit()) v = 0.1f;
  nn::quantize(
      net,
      {.bits = quant::parse_bit_policy(c.bits, c.first_last), .weights = c.weights, .input = grid});
  nn::calibrate<float>(net, test_images(net.input_shape(), grid, 4, seed), 0.8);
  const auto pacts = nn::pact_layers(net);
  for (std::size_t i = 0; i < pacts.size(); i += 2) {
    auto& pact = dynamic_cast<nn::Pact<float>&>(net.layer(pacts[i]));
    pact.set_alpha(std::exp2(std::round(std::log2(pact.alpha()))));
  }
  net.quantize_weights();
}

/// Images of 5 x 9, pooled to 2 x 4 and then globally.
inline nn::Net<float> oblong_net(const std::string& bits) {
  using namespace sgq::nn;
  Net<float> net({2, 5, 9});
  net.add("conv1", Conv2d<float>({.in = 2, .out = 5, .kernel = 3, .pad = 1}));
  net.add("relu1", Relu<float>());
  net.add("conv2", Conv2d<float>({.in = 5, .out = 5, .kernel = 3, .pad = 1}));
  net.add("bn2", BatchNorm<float>({.channels = 5}));
  net.add("relu2", Relu<float>());
  net.add("pool2", MaxPool<float>({.kernel = 2}));
  net.add("conv3", Conv2d<float>({.in = 5, .out = 7, .kernel = 1}));
  net.add("relu3", Relu<float>());
  net.add("global", GlobalAvgPool<float>());
  net.add("fc", Linear<float>({.in = 7, .out = 4}));
  initialize(net, 2);
  quantize_for_test(net, {.bits = bits}, 4);
  return net;
}

/// Averages of 8-bit codes are sums that no byte holds; max pooling and a shortcut read them.
inline nn::Net<float> wide_sums_net() {
  using namespace sgq::nn;
  Net<float> net({2, 9, 17});
  net.add("conv", Conv2d<float>({.in = 2, .out = 4, .kernel = 3, .pad = 1}));
  net.add("relu", Relu<float>());
  net.add("average", AvgPool<float>({.kernel = 2}));
  net.add("max", MaxPool<float>({.kernel = 2, .stride = 1}));
  net.add("shortcut", Shortcut<float>({.in = 4, .out = 7, .stride = 2}));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 7 * 2 * 4, .out = 3}));
  initialize(net, 1);
  quantize_for_test(net, {.bits = "w8a8"}, 2);
  return net;
}

inline nn::Net<float> make_case(const Case& c, std::uint64_t seed = 1) {
  nn::Net<float> net = nn::make_model<float>(c.net, {.seed = seed, .width = c.width});
  quantize_for_test(net, c, seed);
  return net;
}

inline std::string str(const Case& c) {
  return c.net + " " + c.bits + " " + c.weights + " first and last " +
         std::string(quant::name(c.first_last));
}

inline Tensor<std::uint8_t> codes_of(const infer::Graph& graph, View<const float> x) {
  Tensor<std::uint8_t> codes(x.shape());
  infer::pixel_codes(graph, x, codes);
  return codes;
}

/// "relu1: 3 of 400 differ", or "" where all values agree with the net's.
inline std::string difference(const infer::Graph& graph,
                              std::span<const Tensor<std::int32_t>> values,
                              const nn::Net<float>& net, const nn::Tape<float>& tape) {
  std::string text;
  for (const infer::Comparison& c : infer::compare(graph, values, net, tape))
    if (c.different > 0)
      text += c.layer + ": " + std::to_string(c.different) + " of " + std::to_string(c.codes) +
              " differ; ";
  return text;
}

} // namespace infer_tests
