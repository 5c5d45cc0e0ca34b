// sgq/infer/export.hpp -- from a trained net to the integer graph that computes the same codes.
//
// The net is run once, in evaluation, and the tape is read: what each activation found in its
// input's Signal -- mul and add per channel, the residual's scale -- IS the affine map of the
// trained net, rounded as it rounds, whatever batch norms and biases made it. The thresholds are
// bisected from it. So nothing of the net's arithmetic is written down here a second time.
//
// A convolution or linear layer and all that follows it up to the PACT become one step; dropout and
// flatten vanish. What has no integers is refused by name.
#pragma once

#include "sgq/infer/bound.hpp"
#include "sgq/infer/graph.hpp"
#include "sgq/nn/activation.hpp"
#include "sgq/nn/batch_norm.hpp"
#include "sgq/nn/conv2d.hpp"
#include "sgq/nn/dropout.hpp"
#include "sgq/nn/linear.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/pool.hpp"
#include "sgq/nn/shape_layers.hpp"

#include <cmath>

namespace sgq::infer {

namespace detail {

class Exporter {
public:
  explicit Exporter(const nn::Net<float>& net) : net_(net), sources_(net.nodes().size()) {}

  Graph run() {
    const auto& input = dynamic_cast<const nn::Input<float>&>(*net_.nodes()[0].layer);
    if (!input.grid())
      fail(0, "pixel codes", "an input in fp32", "let the policy quantise the first layer");
    graph_.image = image_shape(net_.input_shape());
    graph_.grid = input.grid();
    const Tensor<float> x(net_.input_shape());
    net_.forward(x, tape_);
    for (nn::ValueId i = 1; i <= net_.last(); ++i) add_layer(i);
    if (!sources_.back().is_sums())
      fail(net_.last(), "a linear layer or convolution at the end", kind(net_.last()));
    return std::move(graph_);
  }

private:
  static constexpr nn::ValueId none = ~nn::ValueId{0};

  /// What a value of the net is in the graph: a value of codes, or the sums of a layer that still
  /// wait for their activation.
  struct Source {
    Value value = 0;            ///< codes; of sums, the residual that joins (0: none)
    nn::ValueId sums_of = none; ///< the convolution or linear layer
    bool is_sums() const { return sums_of != none; }
  };

  const nn::Layer<float>& layer(nn::ValueId i) const { return *net_.nodes()[i].layer; }
  template <class L>
  const L* as(nn::ValueId i) const {
    return dynamic_cast<const L*>(&layer(i));
  }
  std::string kind(nn::ValueId i) const { return std::string(layer(i).kind()); }
  const Source& source(nn::ValueId i, std::size_t j = 0) const {
    return sources_[net_.nodes()[i].inputs[j]];
  }

  [[noreturn]] void fail(nn::ValueId i, const std::string& expected, const std::string& got,
                         const std::string& hint = {}) const {
    throw value_error(
        describe("integer export, layer '" + net_.nodes()[i].name + "'", expected, got, hint));
  }

  static Shape image_shape(const Shape& s) { return s.rank() == 4 ? s : Shape{1, s[1], 1, 1}; }

  void add_layer(nn::ValueId i) {
    if (find_weights(i)) {
      sources_[i] = {.sums_of = i};
      check_weights(i);
      if (i == net_.last()) add_logits(i);
    } else if (as<nn::BatchNorm<float>>(i)) {
      if (!source(i).is_sums()) fail(i, "a convolution or linear layer before it", "codes");
      sources_[i] = source(i);
    } else if (as<nn::Add<float>>(i)) {
      add_residual(i);
    } else if (as<nn::Pact<float>>(i)) {
      add_activation(i);
    } else if (as<nn::Dropout<float>>(i) || as<nn::Flatten<float>>(i)) {
      codes_before(i);
      sources_[i] = source(i);
    } else if (const auto* pool = as<nn::MaxPool<float>>(i)) {
      const auto& [kernel, stride] = pool->geometry();
      add_pool(i, Op::max_pool, kernel, kernel, stride);
    } else if (const auto* average = as<nn::AvgPool<float>>(i)) {
      const auto& [kernel, stride] = average->geometry();
      add_pool(i, Op::sum_pool, kernel, kernel, stride);
    } else if (as<nn::GlobalAvgPool<float>>(i)) {
      const Shape& in = graph_.shape(codes_before(i));
      add_pool(i, Op::sum_pool, in[2], in[3], 1);
    } else if (const auto* shortcut = as<nn::Shortcut<float>>(i)) {
      const Value input = pixels_refused(i);
      push(i, {.op = Op::shortcut,
               .input = input,
               .max_code = graph_.max_code(input),
               .stride = shortcut->options().stride});
    } else if (as<nn::Relu<float>>(i)) {
      fail(i, "PACT", "relu, an activation in fp32", "give the layer activation bits of 1 to 8");
    } else {
      fail(i, "a layer that has an integer form", kind(i));
    }
  }

  /// The value of codes that layer i reads; an error if it reads sums.
  Value codes_before(nn::ValueId i) const {
    if (source(i).is_sums())
      fail(i, "codes as input", "the sums of '" + net_.nodes()[source(i).sums_of].name + "'",
           "put an activation between the two");
    return source(i).value;
  }
  Value pixels_refused(nn::ValueId i) const {
    const Value v = codes_before(i);
    if (v == 0) fail(i, "codes of an activation", "pixels");
    return v;
  }

  /// Appends a step named after layer i; its output is the value of that layer.
  void push(nn::ValueId i, Step step) {
    step.name = net_.nodes()[i].name;
    step.shape = image_shape(net_.nodes()[i].shape);
    graph_.steps.push_back(std::move(step));
    sources_[i] = {.value = graph_.last()};
  }

  void add_pool(nn::ValueId i, Op op, index_t kernel_h, index_t kernel_w, index_t stride) {
    const Value input = pixels_refused(i);
    const index_t window = op == Op::sum_pool ? kernel_h * kernel_w : 1;
    push(i, {.op = op,
             .input = input,
             .max_code = graph_.max_code(input) * window,
             .kernel_h = kernel_h,
             .kernel_w = kernel_w,
             .stride = stride});
  }

  void add_residual(nn::ValueId i) {
    if (!source(i).is_sums() || source(i).value != 0)
      fail(i, "sums of a layer as first operand", "codes, or a second addition");
    const Source& r = source(i, 1);
    if (r.is_sums() || r.value == 0 || graph_.max_code(r.value) > 255)
      fail(i, "codes of at most 8 bits as second operand",
           r.is_sums() ? "the sums of a layer" : "pixels or wide sums",
           "put an activation into the shortcut");
    sources_[i] = {.value = r.value, .sums_of = source(i).sums_of};
  }

  /// The weights of layer i, or null if it has none.
  const nn::Weights<float>* find_weights(nn::ValueId i) const {
    if (const auto* conv = as<nn::Conv2d<float>>(i)) return &conv->weights();
    if (const auto* linear = as<nn::Linear<float>>(i)) return &linear->weights();
    return nullptr;
  }
  const nn::Weights<float>& weights(nn::ValueId i) const { return *find_weights(i); }

  void check_weights(nn::ValueId i) const {
    codes_before(i);
    if (!weights(i).quantized())
      fail(i, "weights of 8 bits or fewer", "fp32", "choose a policy that quantises every layer");
  }

  /// The step of a weight layer, without what follows the sums.
  Step convolution(nn::ValueId i) const {
    Step s{.weights_name = net_.nodes()[i].name, .input = codes_before(i)};
    const Shape in = graph_.shape(s.input);
    s.kernel_h = in[2], s.kernel_w = in[3];
    if (const auto* conv = as<nn::Conv2d<float>>(i)) {
      s.kernel_h = s.kernel_w = conv->options().kernel;
      s.stride = conv->options().stride;
      s.pad = conv->options().pad;
    }
    const Tensor<float>& codes = weights(i).codes().codes;
    s.weights = bit_pack(codes, weights(i).quantizer()->grid(),
                         {codes.shape()[0], in[1], s.kernel_h, s.kernel_w});
    s.bias.assign(static_cast<std::size_t>(codes.shape()[0]), 0);
    if (s.input == 0) take_off_zero_points(s);
    return s;
  }

  /// sum c (p - z) = sum c p - sum c z, and the second sum is known.
  void take_off_zero_points(Step& s) const {
    const index_t plane = s.kernel_h * s.kernel_w, row = s.weights.row();
    for (index_t i = 0; i < s.weights.size(); ++i)
      s.bias[static_cast<std::size_t>(i / row)] -=
          s.weights.code(i) * padding(graph_, 0, i % row / plane);
  }

  /// Proves that no input can take the sums beyond what every path holds.
  void set_bound(nn::ValueId i, Step& s) const {
    const Bound b = accumulator_bound(s.weights, s.bias, graph_.max_code(s.input));
    if (b.largest >= quant::accumulator_limit || b.underway >= index_t{1} << 31)
      fail(i, "sums of codes below 2^29", to_text(b.largest), "fewer inputs or bits");
    s.bound = b.largest;
  }

  void add_activation(nn::ValueId i) {
    if (!source(i).is_sums()) fail(i, "a convolution or linear layer before it", "codes");
    const nn::ValueId before = net_.nodes()[i].inputs[0], layer = source(i).sums_of;
    const nn::Pact<float>& pact = *as<nn::Pact<float>>(i);
    const Signal<float>& sums = tape_[before].out;
    if (sums.is_plain() && sums.max_code == 0)
      fail(i, "sums as input", "rounded numbers",
           "'" + net_.nodes()[before].name + "' is read by another layer that needs numbers");
    Step s = convolution(layer);
    set_bound(layer, s);
    s.residual = source(i).value;
    ResidualCodes joins;
    if (s.residual != 0)
      joins = {static_cast<float>(sums.residual->scale),
               static_cast<int>(graph_.max_code(s.residual))};
    std::vector<quant::ChannelAffine> channels;
    for (index_t c = 0; c < s.weights.outputs(); ++c)
      channels.push_back({sums.mul_at(c), sums.add_at(c)});
    const int bits = pact.options().bits;
    try {
      s.thresholds =
          make_thresholds(channels, static_cast<double>(pact.alpha()), bits, s.bound, joins);
    } catch (const value_error& e) {
      fail(i, "thresholds", e.what());
    }
    s.max_code = quant::max_code(bits);
    push(i, std::move(s));
  }

  /// The last layer: its bias is an integer, its sums are the logits.
  void add_logits(nn::ValueId i) {
    Step s = convolution(i);
    if (net_.nodes()[i].shape.plane() != 1)
      fail(i, "one sum a class at the end", net_.nodes()[i].shape.str());
    const auto* linear = as<nn::Linear<float>>(i);
    const bool biased =
        linear ? !linear->bias().empty() : !as<nn::Conv2d<float>>(i)->bias().empty();
    const double scale = tape_[net_.nodes()[i].inputs[0]].out.scale * weights(i).scale();
    if (biased && !(linear && linear->integer_bias()))
      fail(i, "a bias that is a multiple of the scale", "a real one", "set_integer_bias(true)");
    for (std::size_t o = 0; biased && o < s.bias.size(); ++o) {
      const double b = static_cast<double>(linear->bias().value()[static_cast<index_t>(o)]) / scale;
      s.bias[o] += static_cast<std::int32_t>(std::rint(b)); // as nn/linear.hpp rounds it
    }
    set_bound(i, s);
    graph_.logit_scale = static_cast<float>(scale);
    push(i, std::move(s));
    sources_[i] = {.sums_of = i};
  }

  const nn::Net<float>& net_;
  nn::Tape<float> tape_;
  std::vector<Source> sources_;
  Graph graph_;
};

} // namespace detail

/// The integer graph of a net in evaluation mode: LeNet, MNIST CNN, VGG-small, ResNet-20 or any net
/// of such layers, quantised to 8 bits or fewer throughout. Throws value_error, naming the layer
/// and the reason, where a layer has no integer form.
inline Graph export_integer(const nn::Net<float>& net) {
  net.check_clips("export_integer");
  return detail::Exporter(net).run();
}

} // namespace sgq::infer
