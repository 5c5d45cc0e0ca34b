// sgq/saliency/metrics/ranking.hpp -- positions of a map from the most to the least important.
//
// A ranking is stable: of equal values, the lower index comes first. (The first k of it are what
// ops/select.hpp finds without sorting.)
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/ops/select.hpp"
#include "sgq/saliency/metrics/per_image.hpp"

#include <algorithm>
#include <numeric>

namespace sgq::saliency {

using ops::Values;

/// maps [N, ...] -> order [N, d]: each row holds 0..d-1, by falling value or magnitude.
inline Tensor<std::int32_t> ranking(View<const float> maps, Values rank_by) {
  check_maps("ranking", maps);
  const index_t images = maps.shape()[0], d = maps.shape().stride();
  Tensor<std::int32_t> order({images, d});
  parallel_for(images, [&](index_t n) {
    const float* map = maps.data() + n * d;
    std::int32_t* row = order.data() + n * d;
    std::iota(row, row + d, 0);
    const auto value = [&](std::int32_t i) {
      return rank_by == Values::magnitude ? std::abs(map[i]) : map[i];
    };
    std::sort(row, row + d, [&](std::int32_t a, std::int32_t b) {
      return value(a) != value(b) ? value(a) > value(b) : a < b;
    });
  });
  return order;
}

/// A map of noise, [N, d]: its ranking is a random one, the yardstick beside any other.
inline Tensor<float> random_maps(index_t images, index_t d, const Random& random) {
  Tensor<float> maps({images, d});
  parallel_for(images, [&](index_t n) {
    const Random own = random.split(static_cast<std::uint64_t>(n));
    for (index_t i = 0; i < d; ++i) maps[n * d + i] = own.uniform(i);
  });
  return maps;
}

} // namespace sgq::saliency
