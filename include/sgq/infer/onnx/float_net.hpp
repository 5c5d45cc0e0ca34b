// sgq/infer/onnx/float_net.hpp -- a real-valued net as an ONNX model, an operator per layer.
//
// Built through the lowering of the float engine (infer/fuse.hpp): where batch norm is folded, the
// weights are those that the engine computes with, and a folded convolution has the name of the
// last layer that it took in. Pixel codes become network input inside, x = scale (p - zero).
#pragma once

#include "sgq/infer/fuse.hpp"
#include "sgq/infer/onnx/grad_cam.hpp"
#include "sgq/infer/onnx/options.hpp"

namespace sgq::infer::onnx {

class FloatNet final : private nn::Lowering<float> {
public:
  /// Both must outlive it.
  FloatNet(const nn::Net<float>& net, const OnnxOptions& options)
      : net_(net), o_(options), values_(net.nodes().size()) {}

  /// Throws value_error.
  OnnxExport run() {
    check_quant_params("ONNX export, option input", o_.input, net_.input_shape()[1]);
    net_.identity()->check_grid("ONNX export, option input", o_.input);
    check_real();
    op_.model().input("pixels", Type::uint8, with_open_batch(net_.input_shape()), about_pixels);
    if (o_.fold_batch_norm)
      for (const FusedStep<float>& step : fuse(net_)) write(step);
    else
      for (at_ = 0; at_ <= net_.last(); ++at_) lower_layer();
    const std::string logits = op_.model().node("Identity", "logits", {values_[net_.last()].name});
    op_.model().output(logits, Type::float32, {batch, net_.classes()}, "the net's logits");
    if (o_.saliency) write_saliency();
    for (const OnnxLayer& layer : layers_)
      if (o_.intermediate)
        op_.model().output(layer.name, Type::float32,
                           with_open_batch(net_.nodes()[net_.find(layer.name)].shape), "");
    return {op_.model().bytes(info()), std::move(layers_), op_.model().opset()};
  }

private:
  /// What a value of the net is in the model, and what made it.
  struct Made {
    std::string name{};
    enum Kind { other_kind, rectifier, means, linear } kind = other_kind;
    nn::ValueId input = 0;
  };

  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         const std::string& hint = {}) const {
    throw value_error(describe("ONNX export, layer '" + node().name + "'", expected, got, hint));
  }

  const nn::Net<float>::Node& node() const { return net_.nodes()[at_]; }
  const std::string& in(std::size_t j = 0) const { return values_[node().inputs[j]].name; }
  const Shape& shape_in() const { return net_.nodes()[node().inputs[0]].shape; }

  void check_real() {
    for (at_ = 0; at_ <= net_.last(); ++at_)
      if (!node().layer->precision().empty())
        fail("real numbers", node().layer->precision(),
             "a quantised net has the forms exact and integer");
  }

  void lower_layer() {
    values_[at_] = {};
    node().layer->lower(*this);
    if (values_[at_].name.empty())
      fail("one operation", "none", "call a function of Lowering in lower()");
  }

  /// A step of the engine: a layer, or a convolution and what it took in.
  void write(const FusedStep<float>& step) {
    at_ = step.value;
    if (!step.conv) return lower_layer();
    const auto& named = node().name;
    std::vector<std::string> inputs = {values_[step.inputs[0]].name,
                                       tensor(named + "/weight", step.weight.view())};
    if (!step.bias.empty()) inputs.push_back(tensor(named + "/bias", step.bias.view()));
    const std::string sums = step.joins() || step.relu ? named + "/sums" : named;
    op_.model().node("Conv", sums, inputs, attributes(*step.conv));
    std::string y = sums;
    if (step.joins())
      y = op_.binary("Add", step.relu ? named + "/joined" : named, y, values_[step.inputs[1]].name);
    if (step.relu) op_.model().node("Relu", named, {y});
    made(step.relu ? Made::rectifier : Made::other_kind,
         std::string("Conv") + (step.joins() ? ", Add" : "") + (step.relu ? ", Relu" : ""),
         step.weight.size());
  }

  /// The layer's value has its name from now on.
  void made(Made::Kind kind, const std::string& operation, index_t weights = 0) {
    values_[at_] = {node().name, kind, node().inputs.empty() ? 0 : node().inputs[0]};
    layers_.push_back({node().name, operation, {}, 0, 4 * weights});
  }

  std::string tensor(const std::string& name, View<const float> values) {
    return op_.constant(name, io::extents_of(values.shape()),
                        std::span(values.data(), static_cast<std::size_t>(values.size())));
  }
  static Attributes attributes(const nn::Window& w) {
    return window(w.kernel_h, w.kernel_w, w.stride, w.pad);
  }

  // What layers call, for layer at_.

  void other() override {
    fail("a layer that lowers to an operation", std::string(node().layer->kind()));
  }
  void input(const QuantParams&) override {
    const Extents channels = net_.input_shape().rank() == 4 ? Extents{1, o_.input.channels(), 1, 1}
                                                            : Extents{1, o_.input.channels()};
    const std::vector<float> zero(o_.input.zero_point.begin(), o_.input.zero_point.end());
    std::string x = op_.cast("pixels/float", "pixels", Type::float32);
    x = op_.binary("Sub", "pixels/centred", x, op_.constant("pixels/zero point", channels, zero));
    op_.binary("Mul", node().name, x, op_.number(o_.input.scale));
    made(Made::other_kind, "Cast, Sub, Mul");
  }
  void convolve(const nn::Weights<float>& weights, const nn::Parameter<float>& bias,
                const nn::Window& w) override {
    std::vector<std::string> inputs = {
        in(), tensor(node().name + "/weight", weights.parameter().value())};
    if (!bias.empty()) inputs.push_back(tensor(node().name + "/bias", bias.value()));
    op_.model().node("Conv", node().name, inputs, attributes(w));
    made(Made::other_kind, "Conv", weights.parameter().size());
  }
  void fully_connect(const nn::Weights<float>& weights, const nn::Parameter<float>& bias) override {
    std::vector<std::string> inputs = {
        in(), tensor(node().name + "/weight", weights.parameter().value())};
    if (!bias.empty()) inputs.push_back(tensor(node().name + "/bias", bias.value()));
    op_.model().node("Gemm", node().name, inputs, {{"transB", index_t{1}}});
    made(Made::linear, "Gemm", weights.parameter().size());
    last_weights_ = weights.parameter().value();
  }
  void normalize(const nn::NormParams<float>& p) override {
    const std::string& name = node().name;
    op_.model().node("BatchNormalization", name,
                     {in(), tensor(name + "/gamma", p.gamma), tensor(name + "/beta", p.beta),
                      tensor(name + "/mean", p.mean), tensor(name + "/var", p.var)},
                     {{"epsilon", static_cast<float>(p.eps)}});
    made(Made::other_kind, "BatchNormalization");
  }
  void add() override {
    op_.binary("Add", node().name, in(0), in(1));
    made(Made::other_kind, "Add");
  }
  void relu() override {
    op_.model().node("Relu", node().name, {in()});
    made(Made::rectifier, "Relu");
  }
  void max_pool(const nn::Window& w) override {
    op_.model().node("MaxPool", node().name, {in()}, attributes(w));
    made(Made::other_kind, "MaxPool");
  }
  void average_pool(const nn::Window& w) override {
    op_.model().node("AveragePool", node().name, {in()}, attributes(w));
    made(Made::other_kind, "AveragePool");
  }
  void global_average_pool() override {
    const std::string means = op_.model().node("GlobalAveragePool", node().name + "/means", {in()});
    op_.flatten(node().name, means);
    made(Made::means, "GlobalAveragePool, Flatten");
  }
  void shortcut(index_t stride) override {
    op_.shortcut(node().name, in(), shape_in(), node().shape, stride, op_.number(0.0f));
    made(Made::other_kind, "Slice, Pad");
  }
  void pass() override {
    if (node().shape.rank() == shape_in().rank()) {
      values_[at_] = values_[node().inputs[0]];
      return;
    }
    op_.flatten(node().name, in());
    made(Made::other_kind, "Flatten");
  }

  /// Throws value_error unless the net ends in maps of a rectifier, their means, a linear layer.
  void write_saliency() {
    const Made& last = values_[net_.last()];
    const Made& means = values_[last.input];
    const Made& maps = values_[means.input];
    const Shape& shape = net_.nodes()[net_.find(maps.name)].shape;
    at_ = net_.last();
    if (last.kind != Made::linear || means.kind != Made::means || maps.kind != Made::rectifier ||
        shape.plane() == 1)
      fail("feature maps, global average pooling and a linear layer at the end", "another ending",
           "leave the saliency output out");
    std::vector<float> weights(last_weights_.begin(), last_weights_.end());
    for (float& w : weights) w /= static_cast<float>(shape.plane());
    add_grad_cam(op_, maps.name,
                 op_.constant("saliency/weights", {net_.classes(), shape[1]}, weights), 1.0f,
                 "logits", net_.input_shape());
  }

  ModelInfo info() const {
    ModelInfo info{.name = o_.name,
                   .doc = "A real-valued net: pixel codes in, logits out.",
                   .metadata = o_.metadata};
    info.metadata["form"] = sgq::infer::name(o_.form);
    info.metadata["policy"] = "fp32";
    info.metadata["batch_norm"] = o_.fold_batch_norm ? "folded" : "kept";
    return info;
  }

  const nn::Net<float>& net_;
  const OnnxOptions& o_;
  nn::ValueId at_ = 0; ///< the layer that is lowered
  Operators op_;
  std::vector<Made> values_;
  std::vector<OnnxLayer> layers_;
  View<const float> last_weights_; ///< of the latest linear layer
};

} // namespace sgq::infer::onnx
