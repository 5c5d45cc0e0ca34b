// sgq/infer/bit_packed_weights.hpp -- integer weights at 2, 4 or 8 bits each.
//
// Four, two or one to a byte, the first in the lowest bits, row-major [O, I, KH, KW] without gaps.
// What is packed is a two's complement number s of that many bits:
//
//     c = s              grids with a zero
//     c = 2 s + 1        grids of odd codes, -n .. n in steps of two, which do not fit themselves
//
// A fully connected layer is a convolution whose kernel is the whole image.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/quant/weight_quantizer.hpp"

#include <cstdint>
#include <vector>

namespace sgq::infer {

struct BitPackedWeights {
  Shape shape{0}; ///< [O, I, KH, KW]
  int bits = 8;   ///< 2, 4 or 8
  bool odd = false;
  std::vector<std::uint8_t> bytes;

  index_t size() const { return shape.size(); }
  index_t outputs() const { return shape[0]; }
  index_t row() const { return shape.stride(); } ///< weights of one output

  /// The stored number s of weight i.
  int stored(index_t i) const {
    const index_t at = i * bits;
    const int shifted = bytes[static_cast<std::size_t>(at / 8)] >> (at % 8);
    const int sign = 1 << (bits - 1);
    return ((shifted & (2 * sign - 1)) ^ sign) - sign; // sign extension
  }
  /// The code c of weight i.
  int code(index_t i) const { return odd ? 2 * stored(i) + 1 : stored(i); }
};

/// Bytes that `count` weights of `bits` bits take.
constexpr index_t packed_bytes(index_t count, int bits) {
  return (count * bits + 7) / 8;
}

/// Packs the codes of a grid; shape has four extents. The bits are the fewest of 2, 4 and 8 that
/// hold them. Throws value_error on a code beyond the grid's range.
inline BitPackedWeights bit_pack(View<const float> codes, const quant::QuantRange& grid,
                                 const Shape& shape) {
  BitPackedWeights packed{.shape = shape, .odd = !grid.has_zero, .bytes = {}};
  const int low = packed.odd ? (grid.quant_min - 1) / 2 : grid.quant_min;
  const int high = packed.odd ? (grid.quant_max - 1) / 2 : grid.quant_max;
  if (low < -128 || high > 127)
    throw value_error(describe("weight codes", "a grid that 8 bits hold",
                               to_text(grid.quant_min) + " to " + to_text(grid.quant_max)));
  packed.bits = 2;
  while (low < -(1 << (packed.bits - 1)) || high >= 1 << (packed.bits - 1)) packed.bits *= 2;
  packed.bytes.resize(static_cast<std::size_t>(packed_bytes(codes.size(), packed.bits)));
  for (index_t i = 0; i < codes.size(); ++i) {
    if (!(codes[i] >= static_cast<float>(grid.quant_min) &&
          codes[i] <= static_cast<float>(grid.quant_max)))
      throw value_error(describe("weight codes",
                                 to_text(grid.quant_min) + " to " + to_text(grid.quant_max),
                                 to_text(codes[i])));
    const int c = static_cast<int>(codes[i]), s = packed.odd ? (c - 1) / 2 : c;
    const index_t at = i * packed.bits;
    const int field = (s & ((1 << packed.bits) - 1)) << (at % 8);
    auto& byte = packed.bytes[static_cast<std::size_t>(at / 8)];
    byte = static_cast<std::uint8_t>(byte | field);
  }
  return packed;
}

} // namespace sgq::infer
