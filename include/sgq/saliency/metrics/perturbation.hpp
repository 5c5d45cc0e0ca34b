// sgq/saliency/metrics/perturbation.hpp -- walks images from one state to another along a ranking.
//
//     from, to [N,C,H,W]    order [N, H W]    counts c_0 <= c_1 <= .. <= H W
//
// State t of image n shows `to` at the first c_t positions of its order (all channels) and `from`
// elsewhere. Each step writes only the positions that it adds. The curves of masked_accuracy.hpp
// and deletion.hpp are walks of this kind; road.hpp computes what it writes anew at each state.
#pragma once

#include "sgq/ops/fill.hpp"
#include "sgq/saliency/callable.hpp"
#include "sgq/saliency/metrics/ranking.hpp"

#include <vector>

namespace sgq::saliency {

/// Throws unless there is one map [H,W] for each of the images x [N,C,H,W], all finite.
inline void check_explained(std::string_view what, View<const float> x, View<const float> maps) {
  check_images(what, x);
  const Shape& s = x.shape();
  if (maps.shape() != Shape{s[0], s[2], s[3]} && maps.shape() != Shape{s[0], 1, s[2], s[3]})
    throw shape_error(describe(what, "one map for each image: " + Shape{s[0], s[2], s[3]}.str(),
                               maps.shape().str()));
}

/// x with every position replaced: the background. A constant without a value is the model's;
/// throws value_error where it has none.
inline Tensor<float> replaced(std::string_view what, const Classifier& model, View<const float> x,
                              ops::FillOptions fill, std::uint64_t seed) {
  if (fill.fill == ops::Fill::constant)
    fill.value = background_for(what, fill.value, model.background(), x.shape()[1]);
  Tensor<float> out(x.shape());
  ops::fill_all<float>(x, fill, Random(seed, 0x66696c6cu), out); // "fill"
  return out;
}

/// Batch by batch: change(t, first, state) turns the images [first, first + n) from state t - 1
/// (state 0: from the images themselves) into state t; then see(t, image, row of logits) is called
/// for each of them.
template <class Change, class See>
void each_state(const Classifier& model, View<const float> from, std::size_t states, Change change,
                See see) {
  const index_t images = from.shape()[0];
  Tensor<float> state, logits;
  for (index_t first = 0; first < images; first += model.batch()) {
    const index_t n = std::min(model.batch(), images - first);
    state.copy_from(from.slice(first, n));
    logits.resize({n, model.classes()});
    for (std::size_t t = 0; t < states; ++t) {
      change(t, first, state.view());
      model(state, logits);
      for (index_t i = 0; i < n; ++i) see(t, first + i, logits.data() + i * model.classes());
    }
  }
}

/// Calls see(t, image, row of logits) for every state of every image, in the order of each_state.
template <class See>
void walk(const Classifier& model, View<const float> from, View<const float> to,
          View<const std::int32_t> order, const std::vector<index_t>& counts, See see) {
  const index_t channels = from.shape()[1], plane = from.shape().plane();
  const auto change = [&](std::size_t t, index_t first, View<float> state) {
    for (index_t i = 0; i < state.shape()[0]; ++i) {
      const std::int32_t* row = order.data() + (first + i) * plane;
      const float* source = to.data() + (first + i) * channels * plane;
      float* target = state.data() + i * channels * plane;
      for (index_t k = t > 0 ? counts[t - 1] : 0; k < counts[t]; ++k)
        for (index_t c = 0; c < channels; ++c)
          target[c * plane + row[k]] = source[c * plane + row[k]];
    }
  };
  each_state(model, from, counts.size(), change, see);
}

} // namespace sgq::saliency
