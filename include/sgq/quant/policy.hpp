// sgq/quant/policy.hpp -- how many bits each layer gets, and the names under which that is printed.
//
// The layers are the net's convolution and linear layers in forward order: the first, the last, and
// the body between them. A PACT belongs to the weight layer before it and has that layer's
// activation bits.
//
//   policy              weights and activations of the body     short forms
//   fp32                not quantised, first and last too       32
//   w8a8, w4a4, w2a2    the same everywhere                     8, 4, 2
//   w4a2, w2a4          any two widths 1..8, or 32
//   layerwise-4-2       the first ceil(L/2) of the L body       4/2
//                       layers at 4 bits, the rest at 2
//
// "w4a4,conv3=w2a8" gives the layer conv3 other bits. First and last
// layer follow FirstLast unless named.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/quant/bits.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sgq::quant {

/// Weights and activations of one layer; fp32_bits where not quantised.
struct Bits {
  int weights = fp32_bits, activations = fp32_bits;
  bool operator==(const Bits&) const = default;
};

/// What happens to the first and the last layer of a net whose body has quantised weights.
enum class FirstLast {
  fp32,      ///< weights and the net's input stay float; such a net trains, but does not export
  eight_bit, ///< 8-bit symmetric weights; the first layer's input is the 8-bit pixel code
  same,      ///< weights as in the body; the first layer's input is the 8-bit pixel code
};

struct BitPolicy {
  Bits front{}, back{}; ///< first ceil(L/2) of the body's L layers, and the rest
  FirstLast first_last = FirstLast::eight_bit;
  std::map<std::string, Bits, std::less<>> layers{}; ///< exceptions, by layer name
  bool operator==(const BitPolicy&) const = default;
};

/// What a policy means for one layer.
struct LayerPolicy {
  int weight_bits = fp32_bits;
  int activation_bits = fp32_bits; ///< of the PACT after the layer
  bool symmetric = false;          ///< weights by the symmetric quantiser, whatever the scheme
  bool pixel_input = false;        ///< the layer turns its input into 8-bit pixel codes
  bool operator==(const LayerPolicy&) const = default;
};

/// "fp32" | "8bit" | "same"
constexpr std::string_view name(FirstLast first_last) {
  return first_last == FirstLast::fp32 ? "fp32" : first_last == FirstLast::same ? "same" : "8bit";
}

/// The inverse. Throws value_error on any other text.
inline FirstLast parse_first_last(std::string_view text) {
  for (FirstLast f : {FirstLast::fp32, FirstLast::eight_bit, FirstLast::same})
    if (text == name(f)) return f;
  throw value_error(
      describe("first and last layer", "fp32, 8bit or same", "'" + std::string(text) + "'"));
}

/// "fp32", or "w4a2".
inline std::string name(const Bits& bits) {
  if (bits == Bits{}) return "fp32";
  return "w" + to_text(bits.weights) + "a" + to_text(bits.activations);
}

/// The long name: "fp32", "w4a2", "layerwise-4-2", "w4a4,conv3=w2a8". first_last is not part of it.
inline std::string name(const BitPolicy& policy) {
  const auto half = [](const Bits& b) {
    return b.weights == b.activations ? to_text(b.weights) : name(b);
  };
  std::string text = policy.front == policy.back
                         ? name(policy.front)
                         : "layerwise-" + half(policy.front) + "-" + half(policy.back);
  for (const auto& [layer, bits] : policy.layers) text += "," + layer + "=" + name(bits);
  return text;
}

namespace detail {

[[noreturn]] inline void throw_bad_policy(std::string_view text) {
  throw value_error(describe("bits", "fp32, w4a4, w4a2, layerwise-4-2 or the like, 1 to 8 or 32",
                             "'" + std::string(text) + "'"));
}

/// One number at the front of `rest`, which it is cut from; `all` is for the error.
inline int parse_width(std::string_view& rest, std::string_view all) {
  int value = 0;
  std::size_t digits = 0;
  for (; digits < rest.size() && digits < 3 && rest[digits] >= '0' && rest[digits] <= '9'; ++digits)
    value = 10 * value + (rest[digits] - '0');
  const bool padded = digits > 1 && rest[0] == '0'; // "04"
  if (digits == 0 || padded || ((value < 1 || value > 8) && value != fp32_bits))
    throw_bad_policy(all);
  rest.remove_prefix(digits);
  return value;
}

/// "4", "w4a2", "32" or "fp32".
inline Bits parse_bits(std::string_view text, std::string_view all) {
  if (text == "fp32") return {};
  Bits bits;
  if (!text.empty() && text[0] == 'w') {
    text.remove_prefix(1);
    bits.weights = parse_width(text, all);
    if (text.empty() || text[0] != 'a') throw_bad_policy(all);
    text.remove_prefix(1);
    bits.activations = parse_width(text, all);
  } else {
    bits.weights = bits.activations = parse_width(text, all);
  }
  if (!text.empty()) throw_bad_policy(all);
  return bits;
}

} // namespace detail

/// Reads every form of the table above. Throws value_error on anything else, bits 0 or 9 included.
SGQ_COMPILE_ONCE BitPolicy parse_bit_policy(std::string_view text,
                                            FirstLast first_last = FirstLast::eight_bit) {
  BitPolicy policy{.first_last = first_last};
  std::string_view rest = text, body = rest.substr(0, rest.find(','));
  rest.remove_prefix(std::min(rest.size(), body.size() + 1));

  constexpr std::string_view layerwise = "layerwise-";
  const bool is_long = body.substr(0, layerwise.size()) == layerwise;
  if (is_long) body.remove_prefix(layerwise.size());
  const std::size_t cut = body.find(is_long ? '-' : '/');
  policy.front = detail::parse_bits(body.substr(0, cut), text);
  policy.back = policy.front;
  if (cut != body.npos)
    policy.back = detail::parse_bits(body.substr(cut + 1), text);
  else if (is_long)
    detail::throw_bad_policy(text);

  if (text.ends_with(',')) detail::throw_bad_policy(text);
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (equals == item.npos || equals == 0) detail::throw_bad_policy(text);
    const Bits bits = detail::parse_bits(item.substr(equals + 1), text);
    const std::string layer(item.substr(0, equals));
    if (!policy.layers.emplace(layer, bits).second)
      throw value_error(describe("bit policy", "each layer once", "'" + layer + "' twice"));
  }
  return policy;
}

namespace detail {

/// Checks that names in `policy.layers` exist and that all bits are valid.
inline void check_policy(const BitPolicy& policy, std::span<const std::string> names) {
  const auto check = [&](const Bits& bits) {
    for (int b : {bits.weights, bits.activations})
      if (b != fp32_bits) check_bits("bit policy " + name(policy), b);
  };
  check(policy.front);
  check(policy.back);
  for (const auto& [layer, bits] : policy.layers) {
    check(bits);
    if (std::find(names.begin(), names.end(), layer) != names.end()) continue;
    std::string known;
    for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
    throw value_error(describe("bit policy", "one of the layers " + known, "'" + layer + "'"));
  }
}

} // namespace detail

/// The policy of each layer, given the net's layer names in forward order. Throws value_error where
/// the policy names a layer that does not exist, or bits outside 1..8 and 32.
SGQ_COMPILE_ONCE std::vector<LayerPolicy> resolve(const BitPolicy& policy,
                                                  std::span<const std::string> names) {
  detail::check_policy(policy, names);
  const std::size_t count = names.size(), body = count > 2 ? count - 2 : 0;
  std::vector<LayerPolicy> layers(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool first = i == 0, last = i + 1 == count;
    // Body layers are 1..body: the first ceil(body/2) are the front. The first layer goes with the
    // front and the last with the back, where they follow the body at all.
    const Bits bits = i <= (body + 1) / 2 ? policy.front : policy.back;
    LayerPolicy& layer = layers[i];
    layer.weight_bits = bits.weights;
    layer.activation_bits = bits.activations;
    const bool special = (first || last) && policy.first_last != FirstLast::same;
    if (special && bits.weights != fp32_bits) {
      layer.symmetric = policy.first_last == FirstLast::eight_bit;
      layer.weight_bits = layer.symmetric ? 8 : fp32_bits;
    }
    if (const auto own = policy.layers.find(names[i]); own != policy.layers.end()) {
      layer.weight_bits = own->second.weights;
      layer.activation_bits = own->second.activations;
      layer.symmetric = false;
    }
    layer.pixel_input = first && layer.weight_bits != fp32_bits;
  }
  return layers;
}

} // namespace sgq::quant
