// sgq/infer/onnx/requantize.hpp -- from sums to codes, as nodes in double or in float.
//
// In double it is the function of quant/requantize.hpp: Round of ONNX takes ties to even, and
// double is IEEE, so its codes are those of the trained net for any input.
//
//     Cast, Mul m, Add t, (Cast r, Mul s_r, Add), Clip 0 .. alpha, Mul n / alpha, Round, Cast
//
// A graph that was read from a file has thresholds only; the line that passes through them does
// the same, where it is proved (infer/estimate.hpp).
//
// In float it is the scaled sum of onnx/multipliers.hpp. Its terms are whole numbers below 2^24, so
// a runtime may add them in any order, or move them into the convolution. QuantizeLinear divides,
// rounds to even and saturates in one sweep:
//
//     (Cast r, Mul u, Add), QuantizeLinear 1 / m, Clip
#pragma once

#include "sgq/infer/graph.hpp"
#include "sgq/infer/onnx/multipliers.hpp"
#include "sgq/infer/onnx/operators.hpp"

namespace sgq::infer::onnx {

/// code = rint(clip(A scale + offset + r worth, 0, high) codes_per_unit), per channel.
struct DoubleFormula {
  std::vector<double> scale{}, offset{};
  std::vector<double> worth{}; ///< one for all channels, or one per channel
  double high = 0, codes_per_unit = 1;
};

/// Throws value_error where the graph is from a file and a channel has no line.
inline DoubleFormula double_formula(const Step& s) {
  DoubleFormula f;
  if (!s.requantizer.channels.empty()) {
    for (const quant::ChannelAffine& c : s.requantizer.channels) {
      f.scale.push_back(static_cast<double>(c.m));
      f.offset.push_back(static_cast<double>(c.t));
    }
    f.worth.assign(1, static_cast<double>(s.requantizer.residual_scale));
    f.high = s.requantizer.alpha;
    f.codes_per_unit = quant::inverse_step(s.requantizer.alpha, s.thresholds.bits);
    return f;
  }
  f.high = static_cast<double>(s.max_code);
  for (index_t c = 0; c < s.thresholds.channels(); ++c) {
    const auto line = estimate_codes(s.thresholds, c, s.bound);
    if (!line)
      throw value_error(
          describe("ONNX export, layer '" + s.name + "'", "thresholds that a line passes through",
                   "others in channel " + to_text(c), "export the trained net, not a file of it"));
    f.scale.push_back(line->scale);
    f.offset.push_back(line->offset);
    f.worth.push_back(line->worth);
  }
  return f;
}

/// The codes of sums [N, C, H, W] of any type; residual: codes of that shape, or "". The result has
/// the given name.
inline void requantize_in_double(Operators& op, const std::string& name, const std::string& sums,
                                 const std::string& residual, const DoubleFormula& f) {
  std::string v = op.cast(name + "/sums in double", sums, Type::float64);
  v = op.binary("Mul", name + "/A m", v, op.per_channel(name + "/m", f.scale));
  v = op.binary("Add", name + "/A m + t", v, op.per_channel(name + "/t", f.offset));
  if (!residual.empty()) {
    const std::string r = op.cast(name + "/r", residual, Type::float64);
    const std::string worth =
        f.worth.size() == 1 ? op.number(f.worth[0]) : op.per_channel(name + "/s", f.worth);
    v = op.binary("Add", name + "/v", v, op.binary("Mul", name + "/s r", r, worth));
  }
  v = op.clip(name + "/clip", v, op.number(0.0), op.number(f.high));
  if (f.codes_per_unit != 1) v = op.binary("Mul", name + "/scaled", v, op.number(f.codes_per_unit));
  op.cast(name, op.model().node("Round", name + "/round", {v}), Type::uint8);
}

/// Codes of at most 8 bits, limited to the layer's largest.
inline void limit_codes(Operators& op, const std::string& name, const std::string& codes,
                        index_t max_code) {
  op.clip(name, codes, op.number(std::uint8_t{0}), op.number(static_cast<std::uint8_t>(max_code)));
}

/// The same from scaled sums K A + b of float type.
inline void requantize_in_float(Operators& op, const std::string& name, const std::string& sums,
                                const std::string& residual,
                                const std::vector<Multiplier>& multipliers, index_t max_code) {
  std::vector<float> divisor, worth;
  for (const Multiplier& m : multipliers) {
    divisor.push_back(m.scale);
    worth.push_back(static_cast<float>(m.worth));
  }
  std::string v = sums;
  if (!residual.empty()) {
    const std::string r = op.cast(name + "/r", residual, Type::float32);
    v = op.binary("Add", name + "/v", v,
                  op.binary("Mul", name + "/r u", r, op.per_channel(name + "/u", worth)));
  }
  const auto channels = static_cast<index_t>(multipliers.size());
  const std::string d = op.constant(name + "/d", {channels}, divisor);
  const std::string zero =
      op.constant(name + "/zero point", {channels}, std::vector<std::uint8_t>(multipliers.size()));
  const std::string codes = max_code == 255 ? name : name + "/unlimited";
  op.model().node("QuantizeLinear", codes, {v, d, zero}, {{"axis", index_t{1}}});
  if (max_code < 255) limit_codes(op, name, codes, max_code);
}

} // namespace sgq::infer::onnx
