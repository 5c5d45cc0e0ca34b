// sgq/quant/allocate.hpp -- which layers keep their bits where there is room for few.
//
// A layer offers widths, each with what it costs (bytes, bit operations) and what it loses (a rise
// of the loss, a change of maps). Of all ways to give each layer one of its widths within a budget,
//
//     minimise  sum over layers of loss(layer, width)    where  sum of cost(layer, width) <= budget
//
// which is the multiple-choice knapsack problem. Dynamic programming over costs solves it exactly:
// of the combinations of the layers so far, only those are kept that lose less than every cheaper
// one. The result becomes a policy (quant/policy.hpp), "w4a4,conv2=w2a4".
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"
#include "sgq/core/text.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace sgq::quant {

/// One width of a layer.
struct WidthChoice {
  int bits;
  index_t cost; ///< in the unit of the budget
  double loss;
};

struct Allocation {
  std::vector<int> bits; ///< one per layer
  index_t cost = 0;
  double loss = 0;
};

namespace detail {

/// A combination of widths of the first layers: its last choice, and the place of the combination
/// that it extends among those of one layer less.
struct Combination {
  index_t cost;
  double loss;
  std::size_t choice, before;
};

/// Those that lose less than every cheaper one, by rising cost.
inline std::vector<Combination> undominated(std::vector<Combination> all) {
  std::stable_sort(all.begin(), all.end(), [](const Combination& a, const Combination& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.loss < b.loss;
  });
  std::vector<Combination> kept;
  for (const Combination& c : all)
    if (kept.empty() || c.loss < kept.back().loss) kept.push_back(c);
  return kept;
}

inline void check_choices(std::span<const std::vector<WidthChoice>> layers) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (layers[l].empty())
      throw value_error(
          describe("allocation", "widths for each layer", "none for layer " + to_text(l)));
    for (const WidthChoice& c : layers[l])
      if (c.cost < 0 || !std::isfinite(c.loss))
        throw value_error(describe(
            "allocation, layer " + to_text(l) + ", " + to_text(c.bits) + " bits",
            "a cost of 0 or more and a finite loss", to_text(c.cost) + " and " + to_text(c.loss)));
  }
}

} // namespace detail

/// The allocation with the smallest sum of losses within the budget; of equal ones the cheapest.
/// Throws value_error where even the cheapest widths cost more, on a layer without widths, on a
/// negative cost, or on a loss that is not finite.
inline Allocation allocate(std::span<const std::vector<WidthChoice>> layers, index_t budget) {
  using detail::Combination;
  detail::check_choices(layers);
  index_t least = 0;
  for (const auto& choices : layers)
    least +=
        std::min_element(choices.begin(), choices.end(),
                         [](const WidthChoice& a, const WidthChoice& b) { return a.cost < b.cost; })
            ->cost;
  if (least > budget)
    throw value_error(describe("allocation", "a budget of at least " + to_text(least),
                               to_text(budget), "the cheapest widths cost as much"));

  std::vector<std::vector<Combination>> of_first{{{0, 0, 0, 0}}}; // of the first 0, 1, 2 .. layers
  for (const auto& choices : layers) {
    std::vector<Combination> all;
    for (std::size_t b = 0; b < of_first.back().size(); ++b)
      for (std::size_t c = 0; c < choices.size(); ++c) {
        const Combination& before = of_first.back()[b];
        if (choices[c].cost <= budget - before.cost)
          all.push_back({before.cost + choices[c].cost, before.loss + choices[c].loss, c, b});
      }
    of_first.push_back(detail::undominated(std::move(all)));
  }
  const Combination& best = of_first.back().back();
  Allocation result{std::vector<int>(layers.size()), best.cost, best.loss};
  std::size_t at = of_first.back().size() - 1;
  for (std::size_t l = layers.size(); l-- > 0;) {
    const Combination& c = of_first[l + 1][at];
    result.bits[l] = layers[l][c.choice].bits;
    at = c.before;
  }
  return result;
}

} // namespace sgq::quant
