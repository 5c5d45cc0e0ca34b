// sgq/quant/thresholds.hpp -- the requantiser as n integers a channel.
//
// q_out(A) of quant/requantize.hpp is monotone in the accumulator A: rising where m > 0, falling
// where m < 0. So the code is the number of thresholds that A has passed, and an integer engine
// needs no arithmetic but comparisons. They are found by bisection of the function itself,
//
//     q_out(A) >= j,  j = 1..n        over A in [-B, B], B = the layer's accumulator bound
//
// rounding included, hence they agree with it for every A. (Comparing v with j - 1/2 instead would
// be wrong for odd j: ties go to the even code.)
//
//                    T                            test       never true    always true
//     m > 0, m = 0   smallest A where it holds    A >= T     B + 1         -B
//     m < 0          largest A where it holds     A <= T     -B - 1        B
//
// Where a residual code r joins the accumulator, each r has thresholds of its own: T[c][r][j], 16 x
// 15 integers a channel at 4 bits.
#pragma once

#include "sgq/quant/bucketize.hpp"
#include "sgq/quant/requantize.hpp"

#include <vector>

namespace sgq::quant {

/// The codes that may join an accumulator: r in 0..max_code, of value scale * r.
struct ResidualGrid {
  float scale = 0;
  int max_code = 0; ///< 0: none
};

struct Thresholds {
  int bits = 0;                      ///< of the codes, n = 2^bits - 1
  Tensor<std::int32_t> values;       ///< [channels, residual codes, n]
  std::vector<std::uint8_t> falling; ///< per channel: 1 where m < 0
};

/// The threshold of code j, for |A| <= bound and the residual code r.
inline std::int32_t find_threshold(const ChannelAffine& f, const ResidualGrid& residual, int r,
                                   double alpha, double inverse_step, int j, std::int32_t bound) {
  const std::int32_t sign = f.m < 0 ? -1 : 1; // a falling function rises in -A
  std::int32_t low = -bound, high = bound + 1;
  while (low < high) {
    const std::int32_t middle = low + (high - low) / 2;
    const double q = requantize(sign * middle, f.m, f.t, residual.scale, r, alpha, inverse_step);
    if (q >= j)
      high = middle;
    else
      low = middle + 1;
  }
  return sign * low;
}

/// Thresholds of a layer. Throws value_error on bad bits or alpha, on m or t that is not finite,
/// and on a bound outside [0, 2^29).
inline Thresholds make_thresholds(std::span<const ChannelAffine> channels, double alpha, int bits,
                                  index_t bound, const ResidualGrid& residual = {}) {
  check_bits("thresholds", bits);
  check_alpha(alpha);
  if (bound < 0 || bound >= accumulator_limit)
    throw value_error(describe("thresholds: accumulator bound", "0 to 2^29", to_text(bound)));
  const index_t c = static_cast<index_t>(channels.size()), n = max_code(bits);
  const index_t codes = residual.max_code + 1;
  const double inverse = inverse_step(alpha, bits);
  Thresholds table{bits, Tensor<std::int32_t>({c, codes, n}),
                   std::vector<std::uint8_t>(channels.size())};
  parallel_for(c, [&](index_t k) {
    const ChannelAffine& f = channels[static_cast<std::size_t>(k)];
    check_affine(f);
    table.falling[static_cast<std::size_t>(k)] = f.m < 0;
    std::int32_t* t = table.values.data() + k * codes * n;
    for (int r = 0; r < codes; ++r)
      for (int j = 1; j <= n; ++j)
        *t++ = find_threshold(f, residual, r, alpha, inverse, j, static_cast<std::int32_t>(bound));
  });
  return table;
}

/// n accumulators of one channel to codes; t points at the channel's thresholds. Where residual
/// codes r are given (not null), each chooses the row of its own thresholds.
SGQ_INLINE void apply_thresholds_row(const std::int32_t* a, const std::uint8_t* r, index_t n,
                                     const std::int32_t* t, int bits, bool falling,
                                     std::uint8_t* q) {
  std::int32_t passed[count_block];
  for (index_t start = 0; start < n; start += count_block) {
    const index_t count = n - start < count_block ? n - start : count_block;
    const std::int32_t* from = a + start;
    if (!r && falling) bucketize<true>(from, count, t, bits, passed);
    if (!r && !falling) bucketize<false>(from, count, t, bits, passed);
    for (index_t i = 0; r && i < count; ++i) {
      const std::int32_t* row = t + r[start + i] * max_code(bits);
      passed[i] = falling ? search_passed<true>(from[i], row, bits)
                          : search_passed<false>(from[i], row, bits);
    }
    SGQ_SIMD
    for (index_t i = 0; i < count; ++i) q[start + i] = static_cast<std::uint8_t>(passed[i]);
  }
}

/// Accumulators [N, C, H, W] or [N, C] to codes of the same shape; r are the residual codes, where
/// the table was made for them. Throws shape_error on sizes that do not match.
inline void apply_thresholds(const Thresholds& table, View<const std::int32_t> a,
                             View<std::uint8_t> q, View<const std::uint8_t> r = {}) {
  const index_t c = table.values.shape()[0], plane = a.shape().plane();
  const bool joins = table.values.shape()[1] > 1;
  check_shape("thresholds: codes", a.shape(), q.shape());
  if (joins) check_shape("thresholds: residual", a.shape(), r.shape());
  if (a.shape().rank() < 2 || a.shape()[1] != c)
    throw shape_error(describe("thresholds", to_text(c) + " channels", a.shape().str()));
  const index_t rows = std::max<index_t>(1, 4096 / std::max<index_t>(1, plane));
  parallel_blocks(a.shape()[0] * c, rows, [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) {
      const index_t k = row % c, at = row * plane;
      kernels::for_isa<apply_thresholds_row>(
          a.data() + at, joins ? r.data() + at : nullptr, plane,
          table.values.data() + k * table.values.shape().stride(), table.bits,
          table.falling[static_cast<std::size_t>(k)] != 0, q.data() + at);
    }
  });
}

} // namespace sgq::quant
