// sgq/infer/arena_plan.hpp -- where values lie in one block of memory.
//
// A value lives from the step that makes it to the last that reads it. Values whose lives overlap
// get places that do not: the largest first, each at the lowest place that is free.
#pragma once

#include "sgq/core/shape.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sgq::infer {

/// A request for memory during steps first..last, both included; bytes of 0 take no place.
struct Lifetime {
  index_t bytes = 0;
  std::size_t first = 0, last = 0;
};

struct ArenaPlan {
  std::vector<index_t> offsets; ///< one a request
  index_t bytes = 0;            ///< of the whole
};

/// Places every request at a multiple of `unit` bytes.
inline ArenaPlan plan_arena(const std::vector<Lifetime>& values, index_t unit = 1) {
  ArenaPlan plan{std::vector<index_t>(values.size(), 0), 0};
  std::vector<std::size_t> order(values.size()), placed;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a].bytes > values[b].bytes; });
  for (std::size_t v : order) {
    if (values[v].bytes == 0) continue;
    // Those alive at the same time, by place: walk over them to the first gap that is wide enough.
    std::vector<std::size_t> beside;
    for (std::size_t other : placed)
      if (values[other].first <= values[v].last && values[v].first <= values[other].last)
        beside.push_back(other);
    std::sort(beside.begin(), beside.end(),
              [&](std::size_t a, std::size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    index_t at = 0;
    for (std::size_t other : beside) {
      if (at + values[v].bytes <= plan.offsets[other]) break;
      const index_t end = plan.offsets[other] + values[other].bytes;
      at = std::max(at, (end + unit - 1) / unit * unit);
    }
    plan.offsets[v] = at;
    plan.bytes = std::max(plan.bytes, at + values[v].bytes);
    placed.push_back(v);
  }
  return plan;
}

} // namespace sgq::infer
