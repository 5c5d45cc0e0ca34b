// sgq/infer/bound.hpp -- how large an accumulator can get, from the weights themselves.
//
// With inputs in 0..x, the extremes of  A = bias + sum c x  take every positive weight at x and
// every negative one at 0, or the other way round. So no input whatever leaves
//
//     bias + x (sum of the negative c)  <=  A  <=  bias + x (sum of the positive c)
//
// and sums on the way, in any order, stay within |bias| + x sum |c|, which is kept in 31 bits.
#pragma once

#include "sgq/infer/bit_packed_weights.hpp"

#include <algorithm>
#include <span>

namespace sgq::infer {

struct Bound {
  index_t largest = 0;  ///< max |A| over the outputs
  index_t underway = 0; ///< max |any partial sum|
};

/// Bounds over all outputs, for inputs in 0..max_code. bias may be empty.
inline Bound accumulator_bound(const BitPackedWeights& w, std::span<const std::int32_t> bias,
                               index_t max_code) {
  Bound bound;
  if (w.row() > 0 && max_code > (index_t{1} << 61) / 256 / w.row()) { // beyond what 64 bits hold
    bound.largest = bound.underway = index_t{1} << 61;
    return bound;
  }
  for (index_t o = 0; o < w.outputs(); ++o) {
    index_t up = 0, down = 0;
    for (index_t i = o * w.row(); i < (o + 1) * w.row(); ++i) {
      const int c = w.code(i);
      (c > 0 ? up : down) += c;
    }
    const index_t b = bias.empty() ? 0 : bias[static_cast<std::size_t>(o)];
    const auto magnitude = [](index_t x) { return x < 0 ? -x : x; };
    bound.largest =
        std::max({bound.largest, magnitude(b + max_code * up), magnitude(b + max_code * down)});
    bound.underway = std::max(bound.underway, magnitude(b) + max_code * (up - down));
  }
  return bound;
}

} // namespace sgq::infer
