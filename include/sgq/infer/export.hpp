// sgq/infer/export.hpp -- from a trained net to the integer graph that computes the same codes.
//
// The net is run once, in evaluation, and the tape is read: what each activation found in its
// input's Signal -- mul and add per channel, the residual's scale -- IS the affine map of the
// trained net, rounded as it rounds, whatever batch norms and biases made it. The thresholds are
// found from it. So nothing of the net's arithmetic is written down here a second time.
//
// A convolution or linear layer and all that follows it up to the PACT become one step; dropout and
// flatten vanish. What has no integers is refused by name.
#pragma once

#include "sgq/infer/bound.hpp"
#include "sgq/infer/graph.hpp"
#include "sgq/kernels/simd/check_arithmetic.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/weights.hpp"

#include <cmath>
#include <map>

namespace sgq::infer {

namespace detail {

class Exporter final : public nn::Lowering<float> {
public:
  explicit Exporter(const nn::Net<float>& net)
      : net_(net), sources_(net.nodes().size(), {.value = Source::unset}) {}

  Graph run() {
    const Tensor<float> x(net_.input_shape());
    net_.forward(x, tape_);
    for (at_ = 0; at_ <= net_.last(); ++at_) {
      node().layer->lower(*this);
      if (at_ > 0 && !sources_[at_].set()) // an empty lower(): the image would take its place
        fail("one operation", "none", "call a function of Lowering in lower()");
    }
    if (sources_.back().sums_of != net_.last()) {
      at_ = net_.last();
      fail("a linear layer or convolution at the end", kind());
    }
    return std::move(graph_);
  }

private:
  static constexpr nn::ValueId none = ~nn::ValueId{0};

  /// What a value of the net is in the graph: a value of codes, or the sums of a layer that still
  /// wait for their activation.
  struct Source {
    static constexpr Value unset = ~Value{0};
    Value value = 0;            ///< codes; with sums_of, the residual that joins (0: none)
    nn::ValueId sums_of = none; ///< the convolution or linear layer
    bool is_sums() const { return sums_of != none; }
    bool set() const { return is_sums() || value != unset; }
  };

  // What layers call, for layer at_.

  void other() override { fail("a layer that has an integer form", kind()); }
  void input(const QuantParams& params) override {
    if (!params) fail("pixel codes", "an input in fp32", "let the policy quantise the first layer");
    graph_.image = image_shape(net_.input_shape());
    graph_.grid = params;
    sources_[0] = {.value = 0};
  }
  void convolve(const nn::Weights<float>& weights, const nn::Parameter<float>& bias,
                const nn::Window& window) override {
    add_sums(weights, window);
    if (at_ != net_.last()) return;
    if (!bias.empty())
      fail("a bias that is a multiple of the scale", "a real one", "end with a linear layer");
    add_logits(weights, bias);
  }
  void fully_connect(const nn::Weights<float>& weights, const nn::Parameter<float>& bias) override {
    const Shape in = graph_.shape(codes_before());
    add_sums(weights, {in[2], in[3]});
    if (at_ != net_.last()) return;
    if (!bias.empty() && !weights.integer_bias())
      fail("a bias that is a multiple of the scale", "a real one", "set_integer_bias(true)");
    add_logits(weights, bias);
  }
  void normalize(const nn::NormParams<float>&) override {
    if (!source().is_sums()) fail("a convolution or linear layer before it", "codes");
    sources_[at_] = source();
  }
  void add() override {
    if (!source().is_sums() || source().value != 0)
      fail("sums of a layer as first operand", "codes, or a second addition",
           "add(name, Add<float>(), {sums, codes}): the shortcut comes second");
    const Source& r = source(1);
    if (r.is_sums() || r.value == 0 || graph_.max_code(r.value) > 255)
      fail("codes of at most 8 bits as second operand",
           r.is_sums() ? "the sums of a layer" : "pixels or wide sums",
           "put an activation into the shortcut");
    sources_[at_] = {.value = r.value, .sums_of = source().sums_of};
  }
  void relu() override {
    fail("PACT", "relu, an activation in fp32", "give the layer activation bits of 1 to 8");
  }
  void pact(float alpha, int bits) override {
    if (!source().is_sums()) fail("a convolution or linear layer before it", "codes");
    add_activation(static_cast<double>(alpha), bits);
  }
  void max_pool(const nn::Window& window) override { add_pool(Op::max_pool, window); }
  void average_pool(const nn::Window& window) override { add_pool(Op::sum_pool, window); }
  void global_average_pool() override {
    const Shape& in = graph_.shape(codes_before());
    add_pool(Op::sum_pool, {in[2], in[3]});
  }
  void shortcut(index_t stride) override {
    const Value input = pixels_refused();
    push(
        {.op = Op::shortcut, .input = input, .max_code = graph_.max_code(input), .stride = stride});
  }
  void pass() override {
    codes_before();
    sources_[at_] = source();
  }

  // How they become steps.

  const nn::Net<float>::Node& node() const { return net_.nodes()[at_]; }
  std::string kind() const { return std::string(node().layer->kind()); }
  const Source& source(std::size_t j = 0) const { return sources_[node().inputs[j]]; }

  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         const std::string& hint = {}) const {
    throw value_error(describe("integer export, layer '" + node().name + "'", expected, got, hint));
  }

  static Shape image_shape(const Shape& s) { return s.rank() == 4 ? s : Shape{1, s[1], 1, 1}; }

  /// The value of codes that the layer reads; an error if it reads sums.
  Value codes_before() const {
    if (source().is_sums())
      fail("codes as input", "the sums of '" + net_.nodes()[source().sums_of].name + "'",
           "put an activation between the two");
    return source().value;
  }
  Value pixels_refused() const {
    const Value v = codes_before();
    if (v == 0) fail("codes of an activation", "pixels");
    return v;
  }

  /// Appends a step named after the layer; its output is the value of that layer.
  void push(Step step) {
    step.name = node().name;
    step.shape = image_shape(node().shape);
    graph_.steps.push_back(std::move(step));
    sources_[at_] = {.value = graph_.last()};
  }

  void add_pool(Op op, const nn::Window& window) {
    const Value input = pixels_refused();
    const index_t summed = op == Op::sum_pool ? window.kernel_h * window.kernel_w : 1;
    push({.op = op,
          .input = input,
          .max_code = graph_.max_code(input) * summed,
          .kernel_h = window.kernel_h,
          .kernel_w = window.kernel_w,
          .stride = window.stride});
  }

  /// Sums that wait for what follows them: their step is kept until it is known.
  void add_sums(const nn::Weights<float>& weights, const nn::Window& window) {
    const Value input = codes_before();
    if (!weights.quantized())
      fail("weights of 8 bits or fewer", "fp32", "choose a policy that quantises every layer");
    const Tensor<float>& codes = weights.codes().codes;
    const index_t outputs = codes.shape()[0];
    Step s{.weights_name = node().name,
           .input = input,
           .kernel_h = window.kernel_h,
           .kernel_w = window.kernel_w,
           .stride = window.stride,
           .pad = window.pad};
    s.weights = bit_pack(codes, weights.quantizer()->grid(),
                         {outputs, graph_.shape(input)[1], s.kernel_h, s.kernel_w});
    s.bias.assign(static_cast<std::size_t>(outputs), 0);
    if (input == 0) subtract_zero_points(s);
    sources_[at_] = {.sums_of = at_};
    sums_[at_] = std::move(s);
  }

  /// sum c (p - z) = sum c p - sum c z, and the second sum is known.
  void subtract_zero_points(Step& s) const {
    const index_t plane = s.kernel_h * s.kernel_w, row = s.weights.row();
    for (index_t o = 0; o < s.weights.outputs(); ++o) {
      index_t sum = 0;
      for (index_t i = o * row; i < (o + 1) * row; ++i)
        sum -= s.weights.code(i) * padding(graph_, 0, i % row / plane);
      if (std::abs(sum) >= quant::accumulator_limit)
        throw value_error(describe("integer export, layer '" + s.weights_name + "'",
                                   "sums of codes below 2^29", to_text(std::abs(sum)),
                                   "fewer inputs or bits"));
      s.bias[static_cast<std::size_t>(o)] = static_cast<std::int32_t>(sum);
    }
  }

  /// Proves that no input can take the sums beyond what every path holds.
  void set_bound(Step& s) const {
    const Bound b = accumulator_bound(s.weights, s.bias, graph_.max_code(s.input));
    if (b.largest >= quant::accumulator_limit || b.underway >= index_t{1} << 31)
      throw value_error(describe("integer export, layer '" + s.weights_name + "'",
                                 "sums of codes below 2^29", to_text(b.largest),
                                 "fewer inputs or bits"));
    s.bound = b.largest;
  }

  void add_activation(double alpha, int bits) {
    const nn::ValueId before = node().inputs[0];
    const Signal<float>& sums = tape_[before].out;
    if (sums.is_plain() && sums.max_code == 0)
      fail("sums as input", "rounded numbers",
           "'" + net_.nodes()[before].name + "' is read by another layer that needs numbers");
    Step s = sums_.at(source().sums_of);
    for (const Step& earlier : graph_.steps) // a second activation of the same sums
      if (earlier.weights_name == s.weights_name) s.weights_name = node().name;
    set_bound(s);
    s.residual = source().value;
    ResidualCodes joins;
    if (s.residual != 0)
      joins = {static_cast<float>(sums.residual->scale),
               static_cast<int>(graph_.max_code(s.residual))};
    std::vector<quant::ChannelAffine> channels;
    for (index_t c = 0; c < s.weights.outputs(); ++c)
      channels.push_back({sums.mul_at(c), sums.add_at(c)});
    try {
      s.thresholds = make_thresholds(channels, alpha, bits, s.bound, joins);
    } catch (const value_error& e) {
      fail("thresholds", e.what());
    }
    s.requantizer = {std::move(channels), alpha, joins.scale};
    s.max_code = quant::max_code(bits);
    push(std::move(s));
  }

  /// The last layer: its bias is an integer, its sums are the logits.
  void add_logits(const nn::Weights<float>& weights, const nn::Parameter<float>& bias) {
    if (node().shape.plane() != 1) fail("one sum per class at the end", node().shape.str());
    Step s = sums_.at(at_);
    if (weights.accumulator_bound(1) == 0) // the net then adds the bias as it is
      fail("logits that depend on the image", "a layer whose weights have the codes 0 only");
    const double scale = tape_[node().inputs[0]].out.scale * weights.scale();
    for (index_t o = 0; o < bias.size(); ++o) { // as nn/linear.hpp rounds it
      const double b = std::rint(static_cast<double>(bias.value()[o]) / scale);
      if (!(std::abs(b) < static_cast<double>(quant::accumulator_limit)))
        fail("a bias of less than 2^29 units of the logits", to_text(b));
      s.bias[static_cast<std::size_t>(o)] += static_cast<std::int32_t>(static_cast<float>(b));
    }
    set_bound(s);
    graph_.logit_scale = static_cast<float>(scale);
    push(std::move(s));
    sources_[at_] = {.sums_of = at_};
  }

  const nn::Net<float>& net_;
  nn::ValueId at_ = 0; ///< the layer that is lowered
  nn::Tape<float> tape_;
  std::vector<Source> sources_;
  std::map<nn::ValueId, Step> sums_; ///< of weight layers, without what follows their sums
  Graph graph_;
};

} // namespace detail

/// The integer graph of a net in evaluation mode: any net of layers with an integer form, quantised
/// to 8 bits or fewer throughout. Throws value_error, naming the layer and the reason, where one
/// has no integer form, where weights or clips have no values yet, and on a net that was quantised
/// for images normalised otherwise than those it was trained on.
SGQ_COMPILE_ONCE Graph export_integer(const nn::Net<float>& net) {
  net.check_initialized("export_integer");
  net.identity()->check_grid("export_integer", net.input().grid());
  kernels::check_rounding("export_integer"); // which quant/requantize.hpp relies on
  return detail::Exporter(net).run();
}

} // namespace sgq::infer
