// Small nets that have every kind of layer, and a layer of the user's own.
#pragma once

#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"

#include "support/gradients.hpp"

#include <string>
#include <vector>

/// y = x sigmoid(x), smooth everywhere: what a user would write in a file of his own. It has no
/// rule for guided backpropagation unless told one.
template <class T>
class Swish final : public sgq::nn::Layer<T> {
public:
  explicit Swish(sgq::nn::Gate gate = sgq::nn::Gate::unknown) : gate_(gate) {}
  std::string_view kind() const override { return "swish"; }
  sgq::nn::Gate gate() const override { return gate_; }

  sgq::Shape output_shape(std::span<const sgq::Shape> in) const override { return in[0]; }

  void forward(sgq::nn::Inputs<T> in, sgq::nn::Slot<T>& slot, const sgq::nn::Mode&) const override {
    const sgq::View<const T> x = in[0]->view();
    const sgq::View<T> y = slot.plain(x.shape());
    for (sgq::index_t i = 0; i < x.size(); ++i) y[i] = x[i] / (1 + std::exp(-x[i]));
  }
  void backward(sgq::nn::Inputs<T> in, const sgq::nn::Slot<T>&, sgq::View<T> dy,
                sgq::nn::Gradients<T> dx, bool, const sgq::nn::BackwardOptions&) override {
    if (dx[0].empty()) return;
    for (sgq::index_t i = 0; i < dy.size(); ++i) {
      const T x = in[0]->view()[i], s = 1 / (1 + std::exp(-x));
      dx[0][i] = dy[i] * (s + x * s * (1 - s));
    }
  }

private:
  sgq::nn::Gate gate_;
};

/// Convolutions, batch norm, residual blocks with both shortcuts, max and average pooling, dropout,
/// on 2 x 8 x 8 images; 5 classes.
template <class T>
sgq::nn::Net<T> small_residual_net(std::uint64_t seed = 1) {
  using namespace sgq::nn;
  Net<T> net({2, 8, 8});
  detail::conv_bn_relu(net, "", "1", {.in = 2, .out = 4, .kernel = 3, .pad = 1});
  detail::residual_block(net, "a.", 4, 4, 1);
  detail::residual_block(net, "b.", 4, 8, 2);
  net.add("dropout", Dropout<T>(0.25));
  net.add("pool", GlobalAvgPool<T>());
  net.add("fc", Linear<T>({.in = 8, .out = 5}));
  initialize(net, seed);
  return net;
}

/// A chain without batch norm, on 2 x 8 x 8 images; 5 classes.
template <class T>
sgq::nn::Net<T> small_plain_net(std::uint64_t seed = 1) {
  using namespace sgq::nn;
  Net<T> net({2, 8, 8});
  net.add("conv1", Conv2d<T>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  net.add("relu1", Relu<T>());
  net.add("conv2", Conv2d<T>({.in = 3, .out = 4, .kernel = 3}));
  net.add("relu2", Relu<T>());
  net.add("pool", MaxPool<T>({.kernel = 2}));
  net.add("dropout1", Dropout<T>(0.25));
  net.add("flatten", Flatten<T>());
  net.add("fc1", Linear<T>({.in = 36, .out = 7}));
  net.add("relu3", Relu<T>());
  net.add("dropout2", Dropout<T>(0.5));
  net.add("fc2", Linear<T>({.in = 7, .out = 5}));
  initialize(net, seed);
  return net;
}

/// Either of the two by name, quantised where bits say so: "plain fp32", "residual w4a4".
template <class T>
sgq::nn::Net<T> small_net(const std::string& name, std::string weights = "sawb") {
  const std::size_t space = name.find(' ');
  auto net = name.substr(0, space) == "plain" ? small_plain_net<T>() : small_residual_net<T>();
  const std::string bits = name.substr(space + 1);
  if (bits == "fp32") return net;
  sgq::nn::quantize(net, {.bits = sgq::quant::parse_bit_policy(bits),
                          .weights = weights,
                          .input = {.scale = 1 / 64.0f, .zero_point = {100, 128}}});
  for (sgq::nn::ValueId i : sgq::nn::pact_layers(net))
    dynamic_cast<sgq::nn::Pact<T>&>(net.layer(i)).set_alpha(T(1.5));
  return net;
}

/// All gradients of the parameters, one after the other.
template <class T>
std::vector<T> gradients(sgq::nn::Net<T>& net) {
  std::vector<T> all;
  for (const auto& p : net.parameters())
    all.insert(all.end(), p.parameter->grad().begin(), p.parameter->grad().end());
  return all;
}

inline const char* const small_net_names[] = {"plain fp32", "residual fp32", "plain w4a4",
                                              "residual w2a2"};
