// sgq/infer/stairs.hpp -- a staircase laid out for kernels/int8/stairs.hpp.
//
// Minus A is ~A + 1; the 1 goes into the thresholds, so that a falling channel costs one exclusive
// or. Everything must fit 32 bits; where an 8-bit residual joins large sums it does not, and the
// engine climbs the exact staircase instead.
#pragma once

#include "sgq/infer/staircase.hpp"
#include "sgq/kernels/int8/u8s8_dot.hpp"

namespace sgq::infer {

using kernels::byte_panel;

struct Stairs {
  int bits = 0;
  index_t panels = 0;
  Tensor<std::int32_t> flip{};       ///< [16 panels], -1 where A counts negative, else 0
  Tensor<std::int32_t> thresholds{}; ///< [panels, n, 16]
  int shift = 0;
  int residual_bits = 0;
  Tensor<std::int32_t> worth{}; ///< [panels, 2^residual_bits, 16]
  bool narrow = true;           ///< everything fits 32 bits; else use Staircase::code
};

/// Lays out a staircase for sums of at most `bound`.
inline Stairs make_stairs(const Staircase& s, index_t bound) {
  const index_t c = s.channels(), n = s.thresholds.shape()[1];
  Stairs out{.bits = s.bits, .panels = (c + byte_panel - 1) / byte_panel, .shift = s.shift};
  out.flip = Tensor<std::int32_t>({out.panels * byte_panel});
  out.thresholds = Tensor<std::int32_t>({out.panels, n, byte_panel}, 0x7fffffff);
  const std::int64_t unit = std::int64_t{1} << s.shift;
  std::int64_t largest = 0; // of T and Y
  for (std::int64_t t : s.thresholds) largest = std::max(largest, t < 0 ? -t : t);
  for (std::int64_t y : s.residual) largest = std::max(largest, y < 0 ? -y : y);
  out.narrow = largest + (bound + 2) * unit < std::int64_t{1} << 31;
  if (!out.narrow) return out;
  for (index_t k = 0; k < c; ++k) {
    const bool falls = s.falling[static_cast<std::size_t>(k)] != 0;
    out.flip[k] = falls ? -1 : 0;
    for (index_t j = 0; j < n; ++j)
      out.thresholds[(k / byte_panel * n + j) * byte_panel + k % byte_panel] =
          static_cast<std::int32_t>(s.thresholds(k, j) - (falls ? unit : 0));
  }
  if (!s.joins()) return out;
  while (index_t{1} << out.residual_bits < s.residual.shape()[1]) ++out.residual_bits;
  const index_t rows = index_t{1} << out.residual_bits;
  out.worth = Tensor<std::int32_t>({out.panels, rows, byte_panel});
  for (index_t k = 0; k < c; ++k)
    for (index_t r = 0; r < s.residual.shape()[1]; ++r)
      out.worth[(k / byte_panel * rows + r) * byte_panel + k % byte_panel] =
          static_cast<std::int32_t>(s.residual(k, r));
  return out;
}

} // namespace sgq::infer
