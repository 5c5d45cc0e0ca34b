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
// "w4a4,conv3=w2a8" gives the layer conv3 other bits. First and last layer follow FirstLast.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/quant/bits.hpp"

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

/// What happens to the first and the last layer of a quantised net.
enum class FirstLast {
  fp32,      ///< weights and the net's input stay float; such a net trains, but does not export
  eight_bit, ///< 8-bit symmetric weights; the first layer's input is the 8-bit pixel code
  same,      ///< weights as in the body; the first layer's input is the 8-bit pixel code
};

struct BitPolicy {
  Bits front, back;           ///< first ceil(L/2) of the body's L layers, and the rest
  FirstLast first_last = FirstLast::eight_bit;
  std::map<std::string, Bits, std::less<>> layers; ///< exceptions, by layer name
  bool operator==(const BitPolicy&) const = default;
};

/// What a policy means for one layer.
struct LayerPolicy {
  int weight_bits = fp32_bits;
  int activation_bits = fp32_bits; ///< of the PACT behind the layer
  bool symmetric = false;          ///< weights by the symmetric quantiser, whatever the scheme
  bool pixel_input = false;        ///< the layer turns its input into 8-bit pixel codes
  bool operator==(const LayerPolicy&) const = default;
};

/// "fp32" | "8bit" | "same"
std::string name(FirstLast first_last);
FirstLast parse_first_last(std::string_view text);

/// The long name: "fp32", "w4a2", "layerwise-4-2", "w4a4,conv3=w2a8". first_last is not part of it.
std::string name(const BitPolicy& policy);

/// Reads every form of the table above. Throws value_error on anything else, bits 0 or 9 included.
BitPolicy parse_bit_policy(std::string_view text, FirstLast first_last = FirstLast::eight_bit);

/// The policy of each layer, given the net's layer names in forward order. Throws value_error where
/// the policy names a layer that does not exist, or bits outside 1..8 and 32.
std::vector<LayerPolicy> resolve(const BitPolicy& policy, std::span<const std::string> names);

} // namespace sgq::quant
