// sgq/kernels/int8/stairs.hpp -- from integer sums to codes: how many thresholds has each sum
// reached?
//
//     z = sum ^ flip                              flip is -1 where the function falls: ~A = -A - 1
//     z = (z << shift) + worth[r]                 where a residual code r joins
//     code = how many of the ascending t[j], j = 1..n, have  z >= t[j]
//
// Sums come as kernels/int8/u8s8_dot.hpp leaves them, 16 outputs of a position side by side, and
// all tables have their 16 outputs side by side too, [panel][j][16].
#pragma once

#include "sgq/config.hpp"
#include "sgq/kernels/int8/u8s8_dot.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

namespace sgq::kernels {

/// A row of positions.
struct StairsRow {
  index_t positions, panels, channels; ///< channels: codes stored of a position
  const std::int32_t* sums;            ///< [positions][sums_step]
  index_t sums_step;
  const std::int32_t* flip;       ///< [16 panels]
  const std::int32_t* thresholds; ///< [panels][2^bits - 1][16]
  int bits;
  int residual_bits; ///< 0: none joins; else the next four
  int shift;
  const std::int32_t* worth; ///< [panels][2^residual_bits][16]
  const std::uint8_t* r;     ///< r_step from position to position; 16 panels can be read
  index_t r_step;
  std::uint8_t* out;
  index_t out_step;

  constexpr index_t steps() const { return (index_t{1} << bits) - 1; }
};

/// Codes of the 16 outputs of panel v at position p.
SGQ_INLINE void stairs_16(const StairsRow& s, index_t p, index_t v, std::int32_t* q) {
  const std::int32_t* sums = s.sums + p * s.sums_step + v * byte_panel;
  const std::int32_t* t = s.thresholds + v * s.steps() * byte_panel;
  for (std::int32_t l = 0; l < byte_panel; ++l) {
    std::int32_t z = sums[l] ^ s.flip[v * byte_panel + l];
    if (s.residual_bits > 0) {
      const int r = s.r[p * s.r_step + v * byte_panel + l] & ((1 << s.residual_bits) - 1);
      z = (z << s.shift) + s.worth[((v << s.residual_bits) + r) * byte_panel + l];
    }
    std::int32_t passed = 0; // a binary search, whose result is found bit by bit
    for (int rest = s.bits - 1; rest >= 0; --rest)
      passed = 2 * passed + (z >= t[(((2 * passed + 1) << rest) - 1) * byte_panel + l]);
    q[l] = passed;
  }
}

/// The plain loops, for any number of bits.
SGQ_INLINE void stairs_row_generic(const StairsRow* s) {
  std::int32_t q[byte_panel];
  for (index_t v = 0; v < s->panels; ++v)
    for (index_t p = 0; p < s->positions; ++p) {
      stairs_16(*s, p, v, q);
      std::uint8_t* out = s->out + p * s->out_step + v * byte_panel;
      for (index_t l = 0; l < byte_panel && v * byte_panel + l < s->channels; ++l)
        out[l] = static_cast<std::uint8_t>(q[l]);
    }
}

/// Max pooling before the stairs: the highest sum ^ flip of windows of k x k, sums [k][width][step]
/// to the first width / k positions of `out`, which may be sums. Of a position's sums the first
/// 16 x panels count. A staircase is monotone, so it does not matter which comes first, and this
/// way there is less climbing to do.
SGQ_INLINE void pool_sums(const std::int32_t* sums, index_t width, index_t panels, index_t step,
                          index_t k, const std::int32_t* flip, std::int32_t* out) {
  for (index_t p = 0; p < width / k; ++p)
    for (index_t o = 0; o < panels * byte_panel; o += byte_panel) {
      const std::int32_t* window = sums + p * k * step + o;
      std::int32_t best[byte_panel];
      SGQ_SIMD
      for (index_t l = 0; l < byte_panel; ++l) best[l] = window[l] ^ flip[o + l];
      for (index_t i = 1; i < k * k; ++i) {
        const std::int32_t* other = window + (i / k * width + i % k) * step;
        SGQ_SIMD
        for (index_t l = 0; l < byte_panel; ++l) {
          const std::int32_t z = other[l] ^ flip[o + l];
          best[l] = z > best[l] ? z : best[l];
        }
      }
      SGQ_SIMD
      for (index_t l = 0; l < byte_panel; ++l) out[p * step + o + l] = best[l];
    }
}

} // namespace sgq::kernels
