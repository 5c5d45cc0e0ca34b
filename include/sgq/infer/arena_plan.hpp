// sgq/infer/arena_plan.hpp -- where values lie in one piece of memory.
//
// A value lives from the step that makes it to the last that reads it. Values whose lives overlap
// get places that do not: the largest first, each at the lowest place that is free. Sizes may be
// bytes, or 1 each: then a place is the number of a slot.
#pragma once

#include "sgq/core/math.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sgq::infer {

/// A value that is there during steps first..last, both included; one of size 0 takes no place.
struct Lifetime {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  index_t size = 0;
  std::size_t first = 0, last = 0;
  /// An earlier value in whose place this one may be written. It is, if the step that makes this
  /// one is the last that reads the other; of several that ask for one place, the first gets it.
  std::size_t in_place_of = none;
};

struct ArenaPlan {
  std::vector<index_t> offsets; ///< one per value
  index_t size = 0;             ///< of the whole
};

namespace detail {

/// Values that share a place become one, the first of them: `owner` of each value, and its life.
inline std::vector<Lifetime> merge_in_place(std::vector<Lifetime> values,
                                            std::vector<std::size_t>& owner) {
  owner.resize(values.size());
  std::iota(owner.begin(), owner.end(), std::size_t{0});
  std::vector<bool> succeeded(values.size(), false);
  for (std::size_t v = 0; v < values.size(); ++v) {
    const std::size_t other = values[v].in_place_of;
    if (other >= v || values[v].size == 0 || values[other].size == 0 || succeeded[other]) continue;
    Lifetime& place = values[owner[other]];
    if (place.last != values[v].first) continue; // somebody still reads it
    succeeded[other] = true;
    owner[v] = owner[other];
    place.last = values[v].last;
    place.size = std::max(place.size, values[v].size);
  }
  return values;
}

} // namespace detail

/// Places every value at a multiple of `unit`.
inline ArenaPlan plan_arena(const std::vector<Lifetime>& asked, index_t unit = 1) {
  std::vector<std::size_t> owner, order, placed;
  const std::vector<Lifetime> values = detail::merge_in_place(asked, owner);
  ArenaPlan plan{std::vector<index_t>(values.size(), 0), 0};
  for (std::size_t v = 0; v < values.size(); ++v)
    if (owner[v] == v && values[v].size > 0) order.push_back(v);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a].size > values[b].size; });
  for (std::size_t v : order) {
    // Those alive at the same time, by place: walk over them to the first gap that is wide enough.
    std::vector<std::size_t> beside;
    for (std::size_t other : placed)
      if (values[other].first <= values[v].last && values[v].first <= values[other].last)
        beside.push_back(other);
    std::sort(beside.begin(), beside.end(),
              [&](std::size_t a, std::size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    index_t at = 0;
    for (std::size_t other : beside) {
      if (at + values[v].size <= plan.offsets[other]) break;
      at = std::max(at, round_up(plan.offsets[other] + values[other].size, unit));
    }
    plan.offsets[v] = at;
    plan.size = std::max(plan.size, at + values[v].size);
    placed.push_back(v);
  }
  for (std::size_t v = 0; v < values.size(); ++v) plan.offsets[v] = plan.offsets[owner[v]];
  return plan;
}

} // namespace sgq::infer
