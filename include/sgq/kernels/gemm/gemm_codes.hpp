// sgq/kernels/gemm/gemm_codes.hpp -- the product of codes with small integer weights, by products
// of bytes:
//
//     Y[i][o] = start[o] + sum over p < k of  X[i][p] W[o][p]
//
// Both operands are summed along their rows, so four neighbours in a row are what one instruction
// adds up, and kernels/int8/u8s8_dot.hpp does it: outputs along the lanes. A task packs one panel
// of 16 outputs and multiplies it by every row of X.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/gemm/pack.hpp"
#include "sgq/kernels/int8/int8.hpp"

namespace sgq::kernels {

/// x: [m][k] codes, w: [n][k] integers within a byte, start: n integers or null, y: [m][n]. Y,
/// float or int32_t, must hold every sum.
template <class Y>
struct GemmCodes {
  index_t m, n, k;
  const std::uint8_t* x;
  const float* w;
  const float* start;
  std::int32_t pair_bound; ///< at least the largest |x w + x' w'|
  Y* y;
};

namespace detail {

/// bytes[p] = row[p], a small integer.
SGQ_INLINE void to_bytes(const float* row, index_t k, std::int8_t* bytes) {
  SGQ_SIMD
  for (index_t p = 0; p < k; ++p) bytes[p] = static_cast<std::int8_t>(row[p]);
}

/// A panel of the outputs from o on: [groups][16] words of four bytes.
inline const std::int8_t* pack_panel(const float* w, index_t outputs, index_t k, index_t groups) {
  std::uint32_t* const panel = scratch().take<std::uint32_t>(groups * byte_panel);
  Arena::Scope scope(scratch());
  std::uint32_t* const words = scratch().take<std::uint32_t>(groups * outputs);
  for (index_t o = 0; o < outputs; ++o) {
    std::int8_t* const bytes = reinterpret_cast<std::int8_t*>(words + o * groups);
    for_isa<to_bytes>(w + o * k, k, bytes);
    std::fill(bytes + k, bytes + 4 * groups, std::int8_t{0});
  }
  Operand<std::uint32_t>{words, groups, 1}.pack(0, outputs, 0, groups, byte_panel, panel);
  return reinterpret_cast<const std::int8_t*>(panel);
}

template <class Y>
void multiply_panel(const GemmCodes<Y>& g, const std::uint8_t* x, index_t o) {
  Arena::Scope scope(scratch());
  const index_t outputs = std::min(byte_panel, g.n - o), groups = blocks_of(g.k, 4);
  std::int32_t start[byte_panel] = {};
  for (index_t i = 0; i < outputs && g.start; ++i)
    start[i] = static_cast<std::int32_t>(g.start[o + i]);
  std::int32_t* const sums = scratch().take<std::int32_t>(g.m * byte_panel);
  u8s8_dot({.positions = g.m,
            .x = x,
            .x_step = g.k,
            .x_row = 0,
            .rows = 1,
            .groups = groups,
            .panels = 1,
            .w = pack_panel(g.w + o * g.k, outputs, g.k, groups),
            .start = start,
            .sums = sums,
            .pair_bound = g.pair_bound,
            .used = outputs});
  for (index_t i = 0; i < g.m; ++i)
    for (index_t j = 0; j < outputs; ++j)
      g.y[i * g.n + o + j] = static_cast<Y>(sums[i * byte_panel + j]);
}

} // namespace detail

/// Returns false, with y untouched, where gemm() is better: without products of bytes, where pairs
/// overflow AVX2's 16 bits, and for fewer than 8 rows, where packing W costs more than it saves.
template <class Y>
bool gemm_codes(const GemmCodes<Y>& g) {
  if (!u8s8_dot_pays(g.pair_bound) || g.m < 8) return false;
  Arena::Scope scope(scratch());
  const std::uint8_t* x = g.x;
  if (g.k % 4 != 0) { // the last row is read beyond its end
    std::uint8_t* const copy = scratch().take<std::uint8_t>(g.m * g.k + 3);
    std::copy_n(g.x, g.m * g.k, copy);
    std::fill_n(copy + g.m * g.k, 3, std::uint8_t{0});
    x = copy;
  }
  parallel_for(blocks_of(g.n, byte_panel),
               [&](index_t panel) { detail::multiply_panel(g, x, panel * byte_panel); });
  return true;
}

} // namespace sgq::kernels
