// sgq/kernels/int8/thresholds.hpp -- from integer sums to codes: how many thresholds has each sum
// reached?
//
//     z = sum ^ flip                              flip is -1 where the function falls: ~A = -A - 1
//     z = (z << shift) + residual[r]              where a residual code r joins
//     code = how many of the ascending t[j], j = 1..n, have  z >= t[j]
//
// Sums come as kernels/int8/u8s8_dot.hpp leaves them, 16 outputs of a position side by side, and
// all tables have their 16 outputs side by side too. infer/packed_thresholds.hpp fills them.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/kernels/int8/u8s8_dot.hpp"
#include "sgq/kernels/simd/bucketize.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

#include <cstring>
#include <vector>

namespace sgq::kernels {

/// The tables of a layer.
struct PackedThresholds {
  int bits = 0; ///< of the codes; n = 2^bits - 1
  index_t panels = 0;
  Tensor<std::int32_t> flip{};   ///< [16 panels], -1 or 0
  Tensor<std::int32_t> values{}; ///< [panels, n, 16]
  int shift = 0;
  int residual_bits = 0;           ///< 0: no residual joins
  Tensor<std::int32_t> residual{}; ///< [panels, 2^residual_bits, 16]

  /// Where codes are estimated (kernels/int8/estimates.hpp), only these and flip are filled. Each
  /// is [16 panels].
  Tensor<double> scale{}, offset{}, worth{};
  std::vector<index_t> searched{}; ///< channels whose codes the estimate does not find

  index_t count() const { return (index_t{1} << bits) - 1; }
  bool estimated() const { return !scale.empty(); }
};

/// The sums of a row of positions, and where their codes go.
struct ThresholdRow {
  const PackedThresholds& table;
  index_t positions, channels; ///< channels: codes stored of a position
  const std::int32_t* sums;    ///< [positions][sums_step]
  index_t sums_step;
  const std::uint8_t*
      r; ///< residual codes, r_step from position to position; 16 panels can be read
  index_t r_step;
  std::uint8_t* out;
  index_t out_step;
};

namespace detail {

/// Codes of the 16 outputs of panel v at position p. Vectors of 16 bytes serve any machine; up to 4
/// bits each threshold is compared.
SGQ_INLINE void threshold_16(const ThresholdRow& s, index_t p, index_t v, std::uint8_t* codes) {
  using V = Simd<std::int32_t, 16>;
  constexpr index_t vectors = byte_panel / V::lanes;
  const PackedThresholds& table = s.table;
  const auto sums = reinterpret_cast<const V::loose*>(s.sums + p * s.sums_step + v * byte_panel);
  const auto flip = reinterpret_cast<const V::loose*>(table.flip.data() + v * byte_panel);
  const std::int32_t* t = table.values.data() + v * table.count() * byte_panel;
  V::type z[vectors];
  SGQ_UNROLL
  for (index_t q = 0; q < vectors; ++q) z[q] = sums[q] ^ flip[q];
  if (table.residual_bits > 0) {
    const std::int32_t* added = // of residual code 0
        table.residual.data() + (v * byte_panel << table.residual_bits);
    const int highest = (1 << table.residual_bits) - 1;
    std::int32_t by_code[byte_panel];
    for (index_t l = 0; l < byte_panel; ++l)
      by_code[l] = added[(s.r[p * s.r_step + v * byte_panel + l] & highest) * byte_panel + l];
    SGQ_UNROLL
    for (index_t q = 0; q < vectors; ++q)
      z[q] = (z[q] << table.shift) + reinterpret_cast<const V::loose*>(by_code)[q];
  }
  std::int32_t all[byte_panel];
  if (table.bits <= 4) {
    V::type count[vectors] = {};
    for (index_t j = 0; j < table.count(); ++j, t += byte_panel) {
      SGQ_UNROLL
      for (index_t q = 0; q < vectors; ++q) // a comparison gives -1
        count[q] -= z[q] >= reinterpret_cast<const V::loose*>(t)[q];
    }
    std::memcpy(all, count, sizeof all);
  } else {
    std::memcpy(all, z, sizeof all);
    for (index_t l = 0; l < byte_panel; ++l)
      all[l] = bucket_of(all[l], t + l, table.bits, byte_panel);
  }
  SGQ_SIMD
  for (index_t l = 0; l < byte_panel; ++l) codes[l] = static_cast<std::uint8_t>(all[l]);
}

} // namespace detail

/// The plain loops, for any number of bits.
SGQ_INLINE void threshold_row_generic(const ThresholdRow* s) {
  std::uint8_t codes[byte_panel];
  for (index_t v = 0; v < s->table.panels; ++v)
    for (index_t p = 0; p < s->positions; ++p) {
      detail::threshold_16(*s, p, v, codes);
      std::uint8_t* out = s->out + p * s->out_step + v * byte_panel;
      for (index_t l = 0; l < byte_panel && v * byte_panel + l < s->channels; ++l)
        out[l] = codes[l];
    }
}

/// Max pooling before the thresholds: of windows of k x k sums, the one with the largest code. That
/// is the largest sum, or the smallest where the function falls. sums [k][width][step] become the
/// first width / k positions of `out`, which may be sums; of a position's sums, the first
/// 16 x panels count. Codes are monotone in sums, so either may come first, and this way fewer sums
/// meet the thresholds.
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
      for (index_t l = 0; l < byte_panel; ++l) out[p * step + o + l] = best[l] ^ flip[o + l];
    }
}

} // namespace sgq::kernels
