// sgq/saliency/metrics/localization.hpp -- does a map point at the place where the evidence is?
//
//     maps [N,H,W] or [N,1,H,W]    masks the same, uint8, nonzero = inside s
//
//     pointing game    share of the map's maxima that lie inside s: 1 or 0, but for ties
//     relevance rank   |top-|s| positions of the map, inside s| / |s|
//     relevance mass   sum over s of max(map, 0) / sum of max(map, 0)
//
// Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 (pointing); Arras,
// Osman, Samek, "CLEVR-XAI", Information Fusion 81 (2022) (rank and mass). Maps are read with their
// sign: give |map| where the sign says nothing about evidence. A mask with nothing inside leaves
// the image undefined (NaN), and so does a map without a positive value in relevance mass. A
// constant map scores what chance would: the share of s in the image, in relevance rank on
// average over the random order of its positions.
#pragma once

#include "sgq/saliency/metrics/blank.hpp"
#include "sgq/saliency/metrics/ranking.hpp"

namespace sgq::saliency {

namespace detail {

// f(image, map, mask, inside) for every image whose mask is not empty.
template <class F>
Tensor<double> per_masked_image(std::string_view what, View<const float> maps,
                                View<const std::uint8_t> masks, F f) {
  check_maps(what, maps);
  const index_t images = maps.shape()[0], d = maps.shape().stride();
  const auto without_channel = [](const Shape& s) {
    return s.rank() == 4 && s[1] == 1 ? Shape{s[0], s[2], s[3]} : s;
  };
  if (without_channel(masks.shape()) != without_channel(maps.shape()))
    throw shape_error(
        describe(what, "a mask for each of the maps " + maps.shape().str(), masks.shape().str()));
  return per_image(images, [&](index_t n) {
    const std::uint8_t* mask = masks.data() + n * d;
    const index_t inside = d - std::count(mask, mask + d, std::uint8_t{0});
    return inside > 0 ? f(n, maps.data() + n * d, mask, inside) : undefined;
  });
}

} // namespace detail

/// [N], each 0 or 1, or between where maxima tie.
inline Tensor<double> pointing_game(View<const float> maps, View<const std::uint8_t> masks) {
  const index_t d = maps.shape().stride();
  return detail::per_masked_image(
      "pointing game", maps, masks,
      [d](index_t, const float* map, const std::uint8_t* mask, index_t) {
        const float top = *std::max_element(map, map + d);
        index_t tied = 0, hits = 0;
        for (index_t i = 0; i < d; ++i) {
          tied += map[i] == top;
          hits += map[i] == top && mask[i] != 0;
        }
        return static_cast<double>(hits) / static_cast<double>(tied);
      });
}

/// [N], in [0, 1]; ties are broken at random (ranking.hpp), but a blank map gets what it expects.
inline Tensor<double> relevance_rank(View<const float> maps, View<const std::uint8_t> masks,
                                     std::uint64_t seed = 0) {
  const index_t d = maps.shape().stride();
  const Random ties = tie_breaker(seed);
  return detail::per_masked_image(
      "relevance rank", maps, masks,
      [&](index_t n, const float* map, const std::uint8_t* mask, index_t k) {
        if (is_blank(map, d)) return static_cast<double>(k) / static_cast<double>(d);
        Arena::Scope scope(scratch());
        const View<std::uint8_t> top(scratch().take<std::uint8_t>(d), {1, d});
        ops::highest_k<float>({map, {1, d}}, k, {ties, n}, top);
        index_t hits = 0;
        for (index_t i = 0; i < d; ++i) hits += top[i] != 0 && mask[i] != 0;
        return static_cast<double>(hits) / static_cast<double>(k);
      });
}

/// [N], in [0, 1]. A map without a positive value is undefined, unless it is blank and to count as
/// a uniform one.
inline Tensor<double> relevance_mass(View<const float> maps, View<const std::uint8_t> masks,
                                     Blank blank = Blank::left_out) {
  const index_t d = maps.shape().stride();
  return detail::per_masked_image(
      "relevance mass", maps, masks,
      [=](index_t, const float* map, const std::uint8_t* mask, index_t k) {
        if (blank == Blank::as_uniform && is_blank(map, d))
          return static_cast<double>(k) / static_cast<double>(d);
        double inside = 0, all = 0;
        for (index_t i = 0; i < d; ++i) {
          if (map[i] <= 0) continue;
          all += static_cast<double>(map[i]);
          if (mask[i] != 0) inside += static_cast<double>(map[i]);
        }
        return all > 0 ? inside / all : undefined;
      });
}

/// The mask of a set without evidence masks: pixel codes above half intensity (128 and more).
inline Tensor<std::uint8_t> bright_mask(View<const std::uint8_t> codes) {
  Tensor<std::uint8_t> mask(codes.shape());
  for (index_t i = 0; i < codes.size(); ++i) mask[i] = codes[i] > 127;
  return mask;
}

} // namespace sgq::saliency
