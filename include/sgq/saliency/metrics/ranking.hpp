// sgq/saliency/metrics/ranking.hpp -- positions of a map from the most to the least important.
//
// Equal values follow in a random order: by falling value, then by the rising word
// ties(image).bits(position), then by index. (The first k of a ranking are what ops/select.hpp
// finds without sorting.) So a constant map ranks its positions at random, and scores like chance
// where a measure reads rankings; by index it would point at the top rows.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/ops/select.hpp"
#include "sgq/saliency/metrics/per_image.hpp"

#include <algorithm>
#include <numeric>

namespace sgq::saliency {

using ops::Values;

/// What breaks the ties of a measure: a word for each position of each image of the evaluated set.
/// Two maps that are compared with each other take different purposes, else ties that they share
/// would look like agreement.
inline Random tie_breaker(std::uint64_t seed, std::uint64_t purpose = 0) {
  return Random(seed, 0x74696573u).split(purpose); // "ties"
}

/// maps [N, ...] -> order [N, d]: each row holds 0..d-1, by falling value or magnitude.
inline Tensor<std::int32_t> ranking(View<const float> maps, Values rank_by,
                                    const ImageRandom& ties) {
  check_maps("ranking", maps);
  struct Place {
    std::uint64_t key; // value, highest first, and word
    std::int32_t position;
  };
  const index_t images = maps.shape()[0], d = maps.shape().stride();
  Tensor<std::int32_t> order({images, d});
  parallel_for(images, [&](index_t n) {
    const float* map = maps.data() + n * d;
    const Random random = ties(n);
    Arena::Scope scope(scratch());
    Place* places = scratch().take<Place>(d);
    std::uint32_t words[Random::many];
    for (index_t i = 0; i < d; ++i) {
      if (i % Random::many == 0) random.many_bits(i, words);
      const float value = rank_by == Values::magnitude ? std::abs(map[i]) : map[i];
      const std::uint64_t falling = static_cast<std::uint32_t>(~ops::detail::order_key(value));
      places[i] = {falling << 32 | words[i % Random::many], static_cast<std::int32_t>(i)};
    }
    std::sort(places, places + d, [](const Place& a, const Place& b) {
      return a.key != b.key ? a.key < b.key : a.position < b.position;
    });
    for (index_t i = 0; i < d; ++i) order[n * d + i] = places[i].position;
  });
  return order;
}

/// A random ranking of d positions for each image, the yardstick beside any other.
inline Tensor<std::int32_t> random_ranking(index_t images, index_t d, const ImageRandom& random) {
  return ranking(Tensor<float>({images, d}), Values::with_sign, random);
}

} // namespace sgq::saliency
