// sgq/infer/onnx/sums.hpp -- the exact sums A = bias + sum c x of a step, as nodes.
//
// In float, with packed weights: DequantizeLinear of int2, int4 or int8 gives the codes themselves
// (odd codes are 2 s + 1), and a float holds every whole number below 2^24, so any order of
// summation gives the same A. A fully connected layer is a convolution too, because ONNX Runtime
// computes DequantizeLinear of int2 before a MatMul wrongly (docs/onnx.md). It is a 1x1 convolution
// of one image [1, F, 1, N] whose columns are the images of the batch: one matrix product.
//
// In integers: ConvInteger, int32 sums of bytes. Weights are uint8 around 128 where products of
// signed ones could saturate in pairs, as on x86 without VNNI.
#pragma once

#include "sgq/infer/bound.hpp"
#include "sgq/infer/graph.hpp"
#include "sgq/infer/onnx/operators.hpp"

#include <algorithm>

namespace sgq::infer::onnx {

/// What one of the values of a graph is called in the model.
inline const std::string& name_of(const Graph& g, Value v) {
  static const std::string pixels = "pixels";
  return v == 0 ? pixels : g.steps[v - 1].name;
}

/// Codes of up to 8 bits are bytes; larger sums of codes and the logits are floats.
inline Type type_of(const Graph& g, Value v) {
  return g.max_code(v) > 0 && g.max_code(v) <= 255 ? Type::uint8 : Type::float32;
}

/// K and b of every channel.
struct Affine {
  std::vector<std::int32_t> factor, bias;
};

inline Affine identity(const Step& s) {
  return {std::vector<std::int32_t>(s.bias.size(), 1), std::vector<std::int32_t>(s.bias.size(), 0)};
}

class Sums {
public:
  Sums(const Graph& graph, Operators& operators) : g_(graph), op_(operators) {}

  /// Sums that a float holds, whatever their order.
  bool fit_float(const Step& s) const {
    return accumulator_bound(s.weights, s.bias, g_.max_code(s.input)).underway <= 1 << 24;
  }

  /// Byte products can make them: codes as input, weights that fit, one zero point.
  bool fit_integers(const Step& s) const {
    return type_of(g_, s.input) == Type::uint8 && !(s.weights.odd && s.weights.bits == 8) &&
           (s.input != 0 || one_zero_point());
  }

  /// A value as float numbers: codes, or pixels without their zero points.
  std::string as_float(Value v) {
    std::string& name = floats_[v];
    if (!name.empty()) return name;
    const std::string& codes = name_of(g_, v);
    if (type_of(g_, v) != Type::uint8) return name = codes;
    name = op_.cast(codes + "/float", codes, Type::float32);
    if (v != 0) return name;
    const std::vector<float> zero(g_.grid.zero_point.begin(), g_.grid.zero_point.end());
    if (!all(zero, 0))
      name = op_.binary("Sub", "pixels/centred", name, op_.per_channel("pixels/zero point", zero));
    return name;
  }

  /// A fully connected layer: its kernel is the whole image.
  bool is_linear(const Step& s) const {
    const Shape& in = g_.shape(s.input);
    return s.pad == 0 && s.kernel_h == in[2] && s.kernel_w == in[3];
  }
  /// [N, C, H, W] -> [1, C H W, 1, N], and back where H = W = 1.
  std::string columns(const std::string& name, const std::string& x) {
    const std::string rows = op_.model().node("Reshape", name + "/rows",
                                              {x, op_.integers(name + "/shape", {0, -1, 1, 1})});
    return transposed(name, rows);
  }
  std::string transposed(const std::string& name, const std::string& x) {
    return op_.model().node("Transpose", name, {x}, {{"perm", Extents{3, 1, 2, 0}}});
  }

  /// K A + b as float [N, O, H, W]; A from packed weights. Of a linear layer [1, O, 1, N].
  std::string in_float(const Step& s, const std::string& name, const Affine& k) {
    std::vector<std::string> inputs = {input_of(s, name, as_float(s.input)),
                                       all(k.factor, 1) ? packed_weights(s)
                                                        : scaled_weights(s, k.factor)};
    const std::vector<std::int32_t> bias = bias_of(s, k);
    if (!all(bias, 0))
      inputs.push_back(op_.constant(name + "/bias", {s.weights.outputs()},
                                    std::vector<float>(bias.begin(), bias.end())));
    return op_.model().node("Conv", name, inputs, window_of(s), doc(s));
  }

  /// A as int32, from weights of a byte.
  std::string in_integers(const Step& s, const std::string& name) {
    const Affine plain = identity(s);
    const bool pairs_fit = g_.max_code(s.input) * largest(s) * 2 <= 32767;
    const std::string w = pairs_fit ? weight_bytes<std::int8_t>(s, plain.factor, 0)
                                    : weight_bytes<std::uint8_t>(s, plain.factor, 128);
    const std::string zero_of_w =
        pairs_fit ? op_.number(std::int8_t{0}) : op_.number(std::uint8_t{128});
    const auto zero_of_x = static_cast<std::uint8_t>(padding(g_, s.input, 0));
    const std::vector<std::int32_t> bias = bias_of(s, plain);
    const bool unbiased = all(bias, 0);
    const std::string products = op_.model().node(
        "ConvInteger", unbiased ? name : name + "/products",
        {input_of(s, name, name_of(g_, s.input)), w, op_.number(zero_of_x), zero_of_w},
        window_of(s), doc(s));
    return unbiased ? products
                    : op_.binary("Add", name, products, op_.per_channel(name + "/bias", bias));
  }

  /// What is added to the sums of K c x, so that K A + b comes out.
  std::vector<std::int32_t> bias_of(const Step& s, const Affine& k) const {
    std::vector<std::int32_t> bias = bias_without_zero_points(g_, s);
    for (std::size_t o = 0; o < bias.size(); ++o) bias[o] = k.factor[o] * bias[o] + k.bias[o];
    return bias;
  }

  /// The weights times K as bytes.
  template <class T>
  std::string weight_bytes(const Step& s, const std::vector<std::int32_t>& factor, int zero_point) {
    std::vector<T> bytes;
    for (index_t i = 0; i < s.weights.size(); ++i)
      bytes.push_back(static_cast<T>(
          factor[static_cast<std::size_t>(i / s.weights.row())] * s.weights.code(i) + zero_point));
    return op_.constant(s.weights_name + "/weight", weight_extents(s), bytes);
  }

  /// What the convolution of a step reads, and how.
  std::string input_of(const Step& s, const std::string& name, const std::string& x) {
    return is_linear(s) ? columns(name + "/x", x) : x;
  }
  Attributes window_of(const Step& s) const {
    return is_linear(s) ? window(1, 1, 1, 0) : window(s.kernel_h, s.kernel_w, s.stride, s.pad);
  }

  /// The largest |c|.
  static int largest(const Step& s) {
    int most = 0;
    for (index_t i = 0; i < s.weights.size(); ++i)
      most = std::max(most, std::abs(s.weights.code(i)));
    return most;
  }

  static std::string doc(const Step& s) {
    return s.weights_name + ": " + to_text(s.weights.bits) +
           "-bit weights, |A| <= " + to_text(s.bound);
  }

private:
  template <class Numbers>
  static bool all(const Numbers& numbers, int value) {
    return std::all_of(numbers.begin(), numbers.end(),
                       [&](auto x) { return x == static_cast<decltype(x)>(value); });
  }

  bool one_zero_point() const {
    const auto& z = g_.grid.zero_point;
    return std::all_of(z.begin(), z.end(), [&](std::int32_t other) { return other == z[0]; });
  }

  Extents weight_extents(const Step& s) const {
    return is_linear(s) ? Extents{s.weights.outputs(), s.weights.row(), 1, 1}
                        : io::extents_of(s.weights.shape);
  }

  /// Float codes of weights that lie in the file as they do in the integer file.
  std::string packed_weights(const Step& s) {
    const Type type = s.weights.bits == 2   ? Type::int2
                      : s.weights.bits == 4 ? Type::int4
                                            : Type::int8;
    const std::string& name = s.weights_name;
    const auto* bytes = reinterpret_cast<const char*>(s.weights.bytes.data());
    const std::string packed = op_.model().constant(
        name + "/weight", type, weight_extents(s), std::string_view(bytes, s.weights.bytes.size()));
    std::string codes = op_.model().node("DequantizeLinear", name + "/codes",
                                         {packed, op_.number(s.weights.odd ? 2.0f : 1.0f)});
    if (s.weights.odd) codes = op_.binary("Add", name + "/odd codes", codes, op_.number(1.0f));
    return codes;
  }

  /// K c as floats. ONNX Runtime computes Cast and Mul of constants when it loads the file, and
  /// DequantizeLinear in every run; its fast convolutions want constants.
  std::string scaled_weights(const Step& s, const std::vector<std::int32_t>& factor) {
    const bool bytes = !(s.weights.odd && s.weights.bits == 8);
    const std::string& name = s.weights_name;
    const std::string codes =
        bytes ? op_.cast(name + "/codes", weight_bytes<std::int8_t>(s, identity(s).factor, 0),
                         Type::float32)
              : packed_weights(s);
    return op_.binary("Mul", name + "/K codes", codes,
                      op_.constant(name + "/K", {s.weights.outputs(), 1, 1, 1},
                                   std::vector<float>(factor.begin(), factor.end())));
  }

  const Graph& g_;
  Operators& op_;
  std::map<Value, std::string> floats_;
};

} // namespace sgq::infer::onnx
