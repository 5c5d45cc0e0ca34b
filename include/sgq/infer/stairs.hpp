// sgq/infer/stairs.hpp -- staircases laid out for vectors, and the loops that climb them.
//
// Sums of one position lie side by side, 16 outputs to a panel, so thresholds do too:
// [panel][j][16]. Minus A is ~A + 1; the 1 goes into the thresholds, so that a falling channel
// costs one exclusive or. Up to 4 bits every step is compared; above, a code is searched for.
#pragma once

#include "sgq/infer/staircase.hpp"
#include "sgq/kernels/byte_dot.hpp"
#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/microkernel.hpp"

namespace sgq::infer {

using kernels::byte_panel;

struct Stairs {
  int bits = 0;
  index_t panels = 0;
  Tensor<std::int32_t> flip{};       ///< [16 panels], -1 where A counts negative, else 0
  Tensor<std::int32_t> thresholds{}; ///< [panels, n, 16]
  int shift = 0;
  Tensor<std::int32_t> worth{}; ///< [16 panels, rows] of the residual codes; empty: none joins
  std::int32_t code_mask = 0;   ///< rows - 1, rows a power of two
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
  index_t rows = 1;
  while (rows < s.residual.shape()[1]) rows *= 2;
  out.code_mask = static_cast<std::int32_t>(rows - 1);
  out.worth = Tensor<std::int32_t>({out.panels * byte_panel, rows});
  for (index_t k = 0; k < c; ++k)
    for (index_t r = 0; r < s.residual.shape()[1]; ++r)
      out.worth(k, r) = static_cast<std::int32_t>(s.residual(k, r));
  return out;
}

/// What a row of positions needs: plain pointers, so that it can be compiled for each instruction
/// set.
struct StairsRow {
  index_t positions, panels, channels;
  const std::int32_t* sums; ///< [positions][sums_step], 16 panels of which are used
  index_t sums_step;
  const std::int32_t *flip, *thresholds;
  int bits, shift;
  const std::int32_t* worth;
  std::int32_t code_mask;
  const std::uint8_t* r; ///< residual codes of a position, r_step apart; readable for 16 panels
  index_t r_step;
  std::uint8_t* out;
  index_t out_step;
};

/// z = +-A, in units of 2^-F with the residual's worth, of 16 outputs of one position.
SGQ_INLINE void stairs_heights(const StairsRow& s, index_t p, index_t v, std::int32_t* z) {
  const std::int32_t* sums = s.sums + p * s.sums_step + v * byte_panel;
  const std::int32_t* flip = s.flip + v * byte_panel;
  SGQ_SIMD
  for (index_t l = 0; l < byte_panel; ++l) z[l] = sums[l] ^ flip[l];
  if (!s.worth) return;
  const std::uint8_t* r = s.r + p * s.r_step + v * byte_panel;
  const std::int32_t rows = s.code_mask + 1;
  const std::int32_t* worth = s.worth + v * byte_panel * rows;
  SGQ_SIMD
  for (std::int32_t l = 0; l < byte_panel; ++l)
    z[l] = (z[l] << s.shift) + worth[l * rows + (r[l] & s.code_mask)];
}

/// Codes of up to 4 bits: counts the thresholds t [n][16] that each z has reached.
template <int bits>
SGQ_INLINE void stairs_count(const std::int32_t* z, const std::int32_t* t, std::int32_t* q) {
  using V = kernels::Simd<std::int32_t, 64>::type;
  using Loose = kernels::Simd<std::int32_t, 64>::loose;
  const V height = *reinterpret_cast<const Loose*>(z);
  V passed = {};
  SGQ_UNROLL
  for (int j = 0; j < (1 << bits) - 1; ++j)
    passed -= height >= *reinterpret_cast<const Loose*>(t + j * byte_panel);
  *reinterpret_cast<Loose*>(q) = passed;
}

/// Codes of more bits, by binary search.
SGQ_INLINE void stairs_search(const std::int32_t* z, const std::int32_t* t, int bits,
                              std::int32_t* q) {
  for (std::int32_t l = 0; l < byte_panel; ++l) {
    std::int32_t passed = 0;
    for (int rest = bits - 1; rest >= 0; --rest)
      passed = 2 * passed + (z[l] >= t[(((2 * passed + 1) << rest) - 1) * byte_panel + l]);
    q[l] = passed;
  }
}

template <int bits>
SGQ_INLINE void stairs_row_of(const StairsRow& s) {
  const index_t n = (index_t{1} << s.bits) - 1;
  for (index_t v = 0; v < s.panels; ++v) {
    const std::int32_t* t = s.thresholds + v * n * byte_panel;
    const index_t left = s.channels - v * byte_panel, count = left < byte_panel ? left : byte_panel;
    for (index_t p = 0; p < s.positions; ++p) {
      alignas(64) std::int32_t z[byte_panel], q[byte_panel];
      stairs_heights(s, p, v, z);
      if constexpr (bits > 4)
        stairs_search(z, t, s.bits, q);
      else
        stairs_count<bits>(z, t, q);
      std::uint8_t* out = s.out + p * s.out_step + v * byte_panel;
      if (count == byte_panel) {
        SGQ_SIMD
        for (index_t l = 0; l < byte_panel; ++l) out[l] = static_cast<std::uint8_t>(q[l]);
      } else {
        for (index_t l = 0; l < count; ++l) out[l] = static_cast<std::uint8_t>(q[l]);
      }
    }
  }
}

/// Codes of a row of positions.
SGQ_INLINE void stairs_row(const StairsRow* s) {
  switch (s->bits) {
  case 1:
    return stairs_row_of<1>(*s);
  case 2:
    return stairs_row_of<2>(*s);
  case 3:
    return stairs_row_of<3>(*s);
  case 4:
    return stairs_row_of<4>(*s);
  default:
    return stairs_row_of<8>(*s);
  }
}

/// Max pooling before the stairs: the highest +-A of windows of k x k, sums [k][width][outputs] to
/// the first width / k positions of `out`. A staircase is monotone, so it does not matter which
/// comes first, and this way there is a quarter of the climbing to do.
SGQ_INLINE void pool_sums(const std::int32_t* sums, index_t width, index_t outputs, index_t k,
                          const std::int32_t* flip, std::int32_t* out) {
  for (index_t p = 0; p < width / k; ++p)
    for (index_t o = 0; o < outputs; o += byte_panel) {
      const std::int32_t* window = sums + p * k * outputs + o;
      std::int32_t best[byte_panel];
      SGQ_SIMD
      for (index_t l = 0; l < byte_panel; ++l) best[l] = window[l] ^ flip[o + l];
      for (index_t i = 1; i < k * k; ++i) {
        const std::int32_t* other = window + (i / k * width + i % k) * outputs;
        SGQ_SIMD
        for (index_t l = 0; l < byte_panel; ++l) {
          const std::int32_t z = other[l] ^ flip[o + l];
          best[l] = z > best[l] ? z : best[l];
        }
      }
      SGQ_SIMD
      for (index_t l = 0; l < byte_panel; ++l) out[p * outputs + o + l] = best[l];
    }
}

} // namespace sgq::infer
