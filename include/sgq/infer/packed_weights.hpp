// sgq/infer/packed_weights.hpp -- packed weights, unpacked once into the panels of
// kernels/int8/u8s8_dot.hpp.
//
// A byte holds every code but the odd ones of eight bits, |c| <= 255. Of these the panels keep s,
// c = 2 s + 1, and one more output whose weights are all 1:
//
//     sum c x = 2 sum s x + sum x
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/infer/bit_packed_weights.hpp"
#include "sgq/kernels/int8/u8s8_dot.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace sgq::infer {

struct PackedWeights {
  index_t outputs = 0;            ///< of the layer
  index_t panels = 0;             ///< of 16, the output of ones included
  index_t rows = 0, groups = 0;   ///< of the kernel; four bytes per group
  bool halved = false;            ///< s and ones instead of c
  std::int32_t pair_bound = 0;    ///< see U8s8Dot
  Buffer<std::int8_t> weights{};  ///< [panels][rows][groups][16][4]
  Tensor<std::int32_t> start{};   ///< [16 panels]; 0 where halved
  std::vector<std::int32_t> bias; ///< added last where halved

  index_t stride() const { return panels * kernels::byte_panel; } ///< sums of a position
};

/// PackedWeights for channels-last input. Where `whole_image`, the kernel covers an image without
/// padding and its rows are one. Inputs are codes 0..max_code.
inline PackedWeights pack_weights(const BitPackedWeights& w, std::span<const std::int32_t> bias,
                                  index_t max_code, bool whole_image) {
  const index_t channels = w.shape[1], kh = w.shape[2], kw = w.shape[3];
  PackedWeights p{.outputs = w.outputs(), .bias = {bias.begin(), bias.end()}};
  p.halved = w.odd && w.bits == 8;
  p.panels = blocks_of(p.outputs + p.halved, kernels::byte_panel);
  p.rows = whole_image ? 1 : kh;
  p.groups = blocks_of((whole_image ? kh : 1) * kw * channels, 4);
  const index_t panel = p.rows * p.groups * kernels::byte_panel * 4;
  p.weights.resize(p.panels * panel);
  std::memset(p.weights.data(), 0, static_cast<std::size_t>(p.panels * panel));
  const auto place = [&](index_t o, index_t c, index_t a, index_t b) -> std::int8_t& {
    const index_t row = whole_image ? 0 : a, at = (whole_image ? a * kw + b : b) * channels + c;
    return p.weights
        .data()[o / kernels::byte_panel * panel +
                ((row * p.groups + at / 4) * kernels::byte_panel + o % kernels::byte_panel) * 4 +
                at % 4];
  };
  int largest = p.halved ? 1 : 0;
  for (index_t i = 0; i < w.size(); ++i) {
    const index_t o = i / w.row(), c = i % w.row() / (kh * kw), a = i / kw % kh, b = i % kw;
    const int byte = p.halved ? w.stored(i) : w.code(i);
    largest = std::max(largest, byte < 0 ? -byte : byte);
    place(o, c, a, b) = static_cast<std::int8_t>(byte);
    if (p.halved && o == 0) place(p.outputs, c, a, b) = 1;
  }
  p.pair_bound = static_cast<std::int32_t>(2 * max_code * largest);
  p.start = Tensor<std::int32_t>({p.panels * kernels::byte_panel});
  if (!p.halved) std::copy(bias.begin(), bias.end(), p.start.begin());
  return p;
}

/// Sums of s and of x [positions][16 panels] become the layer's own.
SGQ_INLINE void join_halves(std::int32_t* sums, index_t positions, index_t stride,
                            const std::int32_t* bias, index_t outputs) {
  for (index_t p = 0; p < positions; ++p, sums += stride) {
    const std::int32_t ones = sums[outputs];
    SGQ_SIMD
    for (index_t o = 0; o < outputs; ++o) sums[o] = 2 * sums[o] + ones + bias[o];
  }
}

} // namespace sgq::infer
