// sgq/infer/onnx/quantized_net.hpp -- an integer graph as an ONNX model, exact or integer.
//
//     form      sums                      codes from them
//     exact     Conv of packed weights    Mul, Add, Clip, Round in double
//     integer   QLinearConv: sums and codes in one node;
//               else Conv of K c, in float, where a residual joins or pixels come in:
//                                         Add, QuantizeLinear in float;
//               else as in exact
//
// The integer form takes the first of the three for which every channel of the layer has a proof
// (onnx/multipliers.hpp), and says which (OnnxLayer). QLinearConv's weights are K times the codes:
// K max |c| <= 127, a byte, and 2 K max |c| max x <= 32767, since x86 without VNNI adds products of
// pairs in 16 bits. A float Conv has the largest K that keeps its sums below 2^24.
#pragma once

#include "sgq/infer/check.hpp"
#include "sgq/infer/onnx/grad_cam.hpp"
#include "sgq/infer/onnx/options.hpp"
#include "sgq/infer/onnx/requantize.hpp"
#include "sgq/infer/onnx/sums.hpp"

namespace sgq::infer::onnx {

class QuantizedNet {
public:
  /// The graph must outlive it.
  QuantizedNet(const Graph& graph, const OnnxOptions& options)
      : g_(graph), o_(options), sums_(graph, op_) {}

  /// Throws value_error.
  OnnxExport run() {
    check_graph(g_);
    op_.model().input("pixels", Type::uint8, with_open_batch(g_.image), about_pixels);
    for (Value v = 1; v <= g_.last(); ++v) write_step(v, g_.steps[v - 1]);
    if (o_.saliency) write_saliency();
    for (Value v = 1; v <= g_.last() && o_.intermediate; ++v)
      op_.model().output(name_of(g_, v), stored_type(v), with_open_batch(g_.shape(v)),
                         v == g_.last() ? "integer logits" : "codes");
    return {op_.model().bytes(info()), std::move(layers_), op_.model().opset()};
  }

private:
  [[noreturn]] void fail(const Step& s, const std::string& expected, const std::string& got,
                         const std::string& hint = {}) const {
    throw value_error(describe("ONNX export, layer '" + s.name + "'", expected, got, hint));
  }

  void report(const Step& s, const std::string& operation, const std::string& note = {},
              double margin = 0, bool packed = false) {
    const auto bytes = static_cast<index_t>(s.weights.bytes.size());
    layers_.push_back({s.name, operation, note, margin, packed ? bytes : s.weights.size()});
  }

  void write_step(Value v, const Step& s) {
    const std::string& x = name_of(g_, s.input);
    if (s.op == Op::shortcut) {
      const std::string zero =
          type_of(g_, s.input) == Type::uint8 ? op_.number(std::uint8_t{0}) : op_.number(0.0f);
      op_.shortcut(s.name, x, g_.shape(s.input), s.shape, s.stride, zero);
      report(s, s.stride > 1 ? "Slice, Pad" : "Pad");
    } else if (s.op == Op::max_pool) {
      op_.model().node("MaxPool", s.name, {x}, window(s.kernel_h, s.kernel_w, s.stride, 0));
      report(s, "MaxPool");
    } else if (s.op == Op::sum_pool) {
      write_sum_pool(s);
    } else if (v == g_.last()) {
      write_logits(s);
    } else if (o_.form == OnnxForm::exact || !write_in_integers(s)) {
      write_in_double(s);
    }
    if (v < g_.last()) op_.model().describe_value(s.name, stored_type(v), with_open_batch(s.shape));
  }

  /// Sums of windows, exact in float: over all positions, or by a convolution with ones.
  void write_sum_pool(const Step& s) {
    if (s.max_code > 1 << 24)
      fail(s, "sums of at most 2^24, which a float holds", to_text(s.max_code));
    const std::string x = sums_.as_float(s.input);
    const Shape& in = g_.shape(s.input);
    const std::string name = s.max_code <= 255 ? s.name + "/sums" : s.name;
    if (s.kernel_h == in[2] && s.kernel_w == in[3]) {
      op_.model().node("ReduceSum", name, {x, op_.integers(s.name + "/axes", {2, 3})},
                       {{"keepdims", index_t{1}}});
    } else {
      const std::vector<float> ones(static_cast<std::size_t>(in[1] * s.kernel_h * s.kernel_w), 1);
      Attributes attributes = window(s.kernel_h, s.kernel_w, s.stride, 0);
      attributes.push_back({"group", in[1]});
      const Extents extents{in[1], 1, s.kernel_h, s.kernel_w};
      op_.model().node("Conv", name, {x, op_.constant(s.name + "/ones", extents, ones)},
                       attributes);
    }
    if (name != s.name) op_.cast(s.name, name, Type::uint8);
    report(s, "sums in float");
  }

  /// The sums of a step, in float where they fit. Throws value_error where they fit nowhere.
  std::string sums_of(const Step& s, const std::string& name, bool* in_float) {
    *in_float = sums_.fit_float(s);
    if (*in_float) return sums_.in_float(s, name, identity(s));
    if (!sums_.fit_integers(s))
      fail(s, "sums of at most 2^24, which a float holds", "up to " + to_text(s.bound),
           "fewer inputs or bits");
    return sums_.in_integers(s, name);
  }

  void write_in_double(const Step& s) {
    const DoubleFormula formula = double_formula(s);
    bool in_float = true;
    const std::string sums = sums_of(s, s.name + "/sums", &in_float);
    requantize_in_double(op_, target(s), sums, residual_of(s), formula);
    finish(s);
    report(s, in_float ? "Conv, codes in double" : "ConvInteger, codes in double", note_, 0,
           in_float);
    note_.clear();
  }

  std::string residual_of(const Step& s) {
    if (!s.thresholds.joins()) return {};
    const std::string& r = name_of(g_, s.residual);
    return sums_.is_linear(s) ? sums_.columns(s.name + "/residual", r) : r;
  }

  /// Where the codes of a step go: of a linear layer the columns, which finish() turns into rows.
  std::string target(const Step& s) const {
    return sums_.is_linear(s) ? s.name + "/columns" : s.name;
  }
  void finish(const Step& s) {
    if (sums_.is_linear(s)) sums_.transposed(s.name, target(s));
  }

  /// True if every channel has a multiplier, of bytes or of floats.
  bool write_in_integers(const Step& s) {
    std::vector<detail::ChannelThresholds> channels;
    for (index_t c = 0; c < s.thresholds.channels(); ++c)
      channels.push_back(infer::detail::channel_thresholds(s.thresholds, c, s.bound));
    return write_qlinear(s, channels) || write_scaled(s, channels);
  }

  /// Why a layer has no QLinearConv of its own; empty where nothing speaks against it.
  std::string against_qlinear(const Step& s) const {
    if (s.thresholds.joins()) return "a residual joins";
    if (s.input == 0) return "8-bit pixels";
    if (type_of(g_, s.input) != Type::uint8) return "sums of codes as input";
    const int factor = factor_of(s);
    if (factor < 1) return "8-bit codes and weights";
    const Bound b = accumulator_bound(s.weights, s.bias, g_.max_code(s.input));
    if (b.underway >= (1 << 30) / factor) return "sums beyond 2^30";
    return {};
  }

  /// What the weights are multiplied with.
  int factor_of(const Step& s) const {
    const auto pairs = static_cast<int>(32767 / (2 * g_.max_code(s.input)));
    return std::min(127, pairs) / std::max(1, Sums::largest(s));
  }

  /// The multipliers of all channels, or none and a note.
  std::vector<Multiplier> multipliers_of(const std::vector<detail::ChannelThresholds>& channels,
                                         int factor, Scaling scaling) {
    std::vector<Multiplier> all;
    for (const auto& channel : channels) {
      const auto found = find_multiplier(channel, factor, scaling);
      if (!found) {
        note_ += std::string(note_.empty() ? "" : ", ") + "no multiplier for channel " +
                 to_text(all.size()) + (scaling == Scaling::divides ? " in float" : "");
        return {};
      }
      all.push_back(*found);
    }
    return all;
  }

  /// K, negative where a channel falls, and b.
  static Affine affine_of(const Step& s, const std::vector<Multiplier>& multipliers) {
    Affine k;
    for (const Multiplier& m : multipliers) {
      k.factor.push_back(s.thresholds.falling[k.factor.size()] ? -m.factor : m.factor);
      k.bias.push_back(m.bias);
    }
    return k;
  }

  static double least_margin(const std::vector<Multiplier>& multipliers) {
    return std::min_element(multipliers.begin(), multipliers.end(),
                            [](auto& a, auto& b) { return a.margin < b.margin; })
        ->margin;
  }

  bool write_qlinear(const Step& s, const std::vector<detail::ChannelThresholds>& channels) {
    note_ = against_qlinear(s);
    if (!note_.empty()) return false;
    const auto found = multipliers_of(channels, factor_of(s), Scaling::multiplies);
    if (found.empty()) return false;
    const Affine k = affine_of(s, found);
    std::vector<float> scales;
    for (const Multiplier& m : found) scales.push_back(m.scale);
    const Extents extents{s.shape[1]};
    const std::string one = op_.number(1.0f), zero = op_.number(std::uint8_t{0});
    const std::string name = target(s), codes = s.max_code == 255 ? name : s.name + "/unlimited";
    op_.model().node(
        "QLinearConv", codes,
        {sums_.input_of(s, s.name, name_of(g_, s.input)), one, zero,
         sums_.weight_bytes<std::int8_t>(s, k.factor, 0),
         op_.constant(s.name + "/m", extents, scales),
         op_.constant(s.name + "/zero points", extents, std::vector<std::int8_t>(found.size())),
         one, zero, op_.constant(s.name + "/b", extents, sums_.bias_of(s, k))},
        sums_.window_of(s), Sums::doc(s));
    if (s.max_code < 255) limit_codes(op_, name, codes, s.max_code);
    finish(s);
    report(s, "QLinearConv", {}, least_margin(found));
    return true;
  }

  /// The largest K with which K A + b + r u stays below 2^24, whatever the order of the sums.
  int float_factor(const Step& s, const std::vector<detail::ChannelThresholds>& channels) const {
    const Bound bound = accumulator_bound(s.weights, s.bias, g_.max_code(s.input));
    double added = 0;
    for (const auto& channel : channels)
      if (const auto line = detail::line_of(channel))
        added = std::max(added, std::abs(line->e) +
                                    std::abs(line->u) * static_cast<double>(channel.residuals));
    return static_cast<int>((0x1p24 - 1024) / (static_cast<double>(bound.underway) + added + 1));
  }

  bool write_scaled(const Step& s, const std::vector<detail::ChannelThresholds>& channels) {
    const int factor = float_factor(s, channels);
    if (factor < 1) {
      note_ += ", sums beyond 2^24";
      return false;
    }
    const auto found = multipliers_of(channels, factor, Scaling::divides);
    if (found.empty()) return false;
    const std::string sums = sums_.in_float(s, s.name + "/sums", affine_of(s, found));
    requantize_in_float(op_, target(s), sums, residual_of(s), found, s.max_code);
    finish(s);
    report(s, "Conv, codes in float", note_, least_margin(found));
    return true;
  }

  /// Integer logits, and the float logits: one scale times them, rounded once. The Flatten keeps
  /// runtimes from moving the scale into the weights.
  void write_logits(const Step& s) {
    bool in_float = true;
    sums_of(s, target(s), &in_float);
    finish(s);
    if (!in_float) integer_logits_ = Type::int32;
    std::string z = op_.flatten("logits/flat", s.name);
    z = op_.cast("logits/integers", z, Type::float64);
    z = op_.binary("Mul", "logits/double", z, op_.number(static_cast<double>(g_.logit_scale)));
    op_.model().output(op_.cast("logits", z, Type::float32), Type::float32, {batch, g_.classes()},
                       "the trained net's logits");
    report(s, in_float ? "Conv, logits" : "ConvInteger, logits", {}, 0, in_float);
  }

  /// Grad-CAM of what the net ends in. Throws value_error on another ending.
  void write_saliency() {
    const Step& last = g_.steps.back();
    const Value means = last.input, maps = means ? g_.steps[means - 1].input : 0;
    if (means == 0 || g_.steps[means - 1].op != Op::sum_pool || g_.shape(means).plane() != 1 ||
        maps == 0 || g_.steps[maps - 1].op != Op::convolve || g_.shape(maps).plane() == 1)
      fail(last, "feature maps, global average pooling and a linear layer at the end",
           "another ending", "leave the saliency output out");
    std::vector<float> weights;
    for (index_t i = 0; i < last.weights.size(); ++i)
      weights.push_back(static_cast<float>(last.weights.code(i)));
    add_grad_cam(op_, sums_.as_float(maps),
                 op_.constant("saliency/weights", {g_.classes(), g_.shape(maps)[1]}, weights),
                 g_.logit_scale, "logits", g_.image);
  }

  Type stored_type(Value v) const { return v == g_.last() ? integer_logits_ : type_of(g_, v); }

  ModelInfo info() const {
    ModelInfo info{.name = o_.name,
                   .doc = "A quantised net: pixel codes in, logits out. Every layer's codes are "
                          "those of the trained net.",
                   .metadata = o_.metadata};
    std::string policy, zero;
    for (const Step& s : g_.steps)
      if (s.op == Op::convolve)
        policy += (policy.empty() ? "" : ", ") + s.weights_name + " w" + to_text(s.weights.bits) +
                  (s.thresholds.bits ? "a" + to_text(s.thresholds.bits) : "");
    for (std::int32_t z : g_.grid.zero_point) zero += " " + to_text(z);
    info.metadata["form"] = sgq::infer::name(o_.form);
    info.metadata["policy"] = policy;
    info.metadata["input"] =
        "x = scale (p - zero), scale " + to_text(g_.grid.scale) + ", zero" + zero;
    return info;
  }

  const Graph& g_;
  const OnnxOptions& o_;
  Operators op_;
  Sums sums_;
  std::vector<OnnxLayer> layers_;
  std::string note_; ///< why the layer at hand has not the form before
  Type integer_logits_ = Type::float32;
};

} // namespace sgq::infer::onnx
