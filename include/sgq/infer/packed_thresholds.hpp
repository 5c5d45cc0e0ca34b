// sgq/infer/packed_thresholds.hpp -- thresholds laid out for kernels/int8/thresholds.hpp.
//
// Minus A is ~A + 1. The 1 goes into the thresholds, so that a falling channel costs one exclusive
// or. Codes of more than 4 bits are estimated instead of searched, and so are those whose numbers
// do not fit 32 bits, where an 8-bit residual joins.
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/infer/estimate.hpp"
#include "sgq/kernels/int8/thresholds.hpp"

namespace sgq::infer {

using kernels::byte_panel;
using kernels::PackedThresholds;

namespace detail {

/// rows[c][k], plus what add(c) gives, to [panels, at_least, 16]; `fill` where there are no rows.
template <class Add>
Tensor<std::int32_t> side_by_side(const Tensor<std::int64_t>& rows, index_t panels,
                                  index_t at_least, std::int32_t fill, Add add) {
  Tensor<std::int32_t> out({panels, at_least, byte_panel}, fill);
  for (index_t c = 0; c < rows.shape()[0]; ++c)
    for (index_t k = 0; k < rows.shape()[1]; ++k)
      out[(c / byte_panel * at_least + k) * byte_panel + c % byte_panel] =
          static_cast<std::int32_t>(rows(c, k) + add(c));
  return out;
}

inline void pack_estimates(const Thresholds& t, index_t bound, PackedThresholds& out) {
  std::vector<std::optional<CodeEstimate>> estimates(t.falling.size());
  parallel_for(t.channels(), [&](index_t c) {
    estimates[static_cast<std::size_t>(c)] = estimate_codes(t, c, bound);
  });
  for (Tensor<double>* table : {&out.scale, &out.offset, &out.worth})
    *table = Tensor<double>({out.panels * byte_panel});
  for (index_t c = 0; c < t.channels(); ++c)
    if (const auto& e = estimates[static_cast<std::size_t>(c)])
      out.scale[c] = e->scale, out.offset[c] = e->offset, out.worth[c] = e->worth;
    else
      out.searched.push_back(c);
}

} // namespace detail

/// Packs the thresholds of a layer whose sums are at most `bound`.
inline PackedThresholds pack_thresholds(const Thresholds& t, index_t bound) {
  PackedThresholds out{.bits = t.bits, .panels = blocks_of(t.channels(), byte_panel)};
  out.shift = t.shift;
  const std::int64_t unit = std::int64_t{1} << t.shift;
  std::int64_t largest = 0; // of T and Y
  for (std::int64_t x : t.values) largest = std::max(largest, x < 0 ? -x : x);
  for (std::int64_t y : t.residual) largest = std::max(largest, y < 0 ? -y : y);
  const auto falls = [&](index_t c) { return t.falling[static_cast<std::size_t>(c)] != 0; };
  out.flip = Tensor<std::int32_t>({out.panels * byte_panel});
  for (index_t c = 0; c < t.channels(); ++c) out.flip[c] = falls(c) ? -1 : 0;
  while (t.joins() && index_t{1} << out.residual_bits < t.residual.shape()[1]) ++out.residual_bits;
  if (t.bits > 4 || largest + (bound + 2) * unit >= std::int64_t{1} << 31) {
    detail::pack_estimates(t, bound, out);
    return out;
  }
  out.values = detail::side_by_side(t.values, out.panels, out.count(), 0x7fffffff,
                                    [&](index_t c) { return falls(c) ? -unit : 0; });
  if (!t.joins()) return out;
  out.residual = detail::side_by_side(t.residual, out.panels, index_t{1} << out.residual_bits, 0,
                                      [](index_t) { return 0; });
  return out;
}

} // namespace sgq::infer
