// sgq/kernels/int8/u8s8_dot.hpp -- sums of products of bytes: the inner loop of the integer engine.
//
//     sums[p][o] = start[o] + sum over a, k of  x[p * x_step + a * x_row + k] * w[o][a][k]
//
// x are unsigned codes, w signed ones. Position p is a pixel of an output row, a runs through the
// rows of the kernel and k through the 4 * groups bytes of such a row: in channels-last order the
// pixels that a kernel row covers lie side by side, so no column matrix is needed. A fully
// connected layer is the same with one kernel row and images for positions.
//
// Weights come in panels of 16 outputs, [rows][groups][16][4]: one AVX-512 register holds four
// bytes of each. Where the bytes of a kernel row are not a multiple of four, its last weights are
// 0: up to three bytes past the row are read and multiplied by 0.
//
// Every path sums the same integers, so all give the same bits; `pair_bound` says whether 16 bits
// hold the sum of two products.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/shape.hpp"

#include <cstdint>

namespace sgq::kernels {

inline constexpr index_t byte_panel = 16; ///< outputs of a panel

struct U8s8Dot {
  index_t positions;
  const std::uint8_t* x;
  index_t x_step, x_row;
  index_t rows, groups;
  index_t panels;
  const std::int8_t* w;               ///< [panels][rows][groups][16][4]
  const std::int32_t* start;          ///< [16 panels]
  std::int32_t* sums;                 ///< [positions][16 panels]
  std::int32_t pair_bound;            ///< at least the largest |x w + x' w'|
  index_t used = panels * byte_panel; ///< outputs that are read; sums of others are unspecified

  constexpr index_t panel_size() const { return rows * groups * byte_panel * 4; }
  constexpr index_t outputs() const { return panels * byte_panel; }
};

/// The plain loops.
inline void u8s8_dot_generic(const U8s8Dot& d) {
  for (index_t p = 0; p < d.positions; ++p)
    for (index_t v = 0; v < d.panels; ++v) {
      std::int32_t sum[byte_panel];
      for (index_t o = 0; o < byte_panel; ++o) sum[o] = d.start[v * byte_panel + o];
      const std::int8_t* w = d.w + v * d.panel_size();
      for (index_t a = 0; a < d.rows; ++a) {
        const std::uint8_t* x = d.x + p * d.x_step + a * d.x_row;
        for (index_t g = 0; g < d.groups; ++g, x += 4)
          for (index_t o = 0; o < byte_panel; ++o, w += 4)
            sum[o] += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
      }
      for (index_t o = 0; o < byte_panel; ++o)
        d.sums[p * d.outputs() + v * byte_panel + o] = sum[o];
    }
}

} // namespace sgq::kernels
