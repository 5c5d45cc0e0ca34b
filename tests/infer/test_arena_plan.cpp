#include "sgq/infer/arena_plan.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"

namespace test_arena_plan {

using namespace sgq;
using namespace sgq::infer;

namespace {

bool alive_together(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Values that are alive together and lie over each other.
int clashes(const std::vector<Lifetime>& values, const ArenaPlan& plan) {
  int count = 0;
  for (std::size_t a = 0; a < values.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      const bool apart = plan.offsets[a] + values[a].size <= plan.offsets[b] ||
                         plan.offsets[b] + values[b].size <= plan.offsets[a];
      count += alive_together(values[a], values[b]) && !apart;
    }
  return count;
}

std::vector<Lifetime> random_values(std::uint64_t seed) {
  const Random random(seed);
  std::vector<Lifetime> values;
  for (index_t v = 0; v < 30; ++v) {
    const auto first = static_cast<std::size_t>(v);
    values.push_back({random.below(2 * v, 200), first,
                      first + static_cast<std::size_t>(random.below(2 * v + 1, 6))});
  }
  return values;
}

} // namespace

TEST_CASE("an arena plan keeps values apart that are alive together", "[infer]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    for (index_t unit : {1, 4, 64}) {
      const std::vector<Lifetime> values = random_values(seed);
      const ArenaPlan plan = plan_arena(values, unit);
      CHECK(clashes(values, plan) == 0);
      index_t all = 0;
      for (std::size_t v = 0; v < values.size(); ++v) {
        if (values[v].size == 0) continue;
        CHECK(plan.offsets[v] % unit == 0);
        CHECK(plan.offsets[v] + values[v].size <= plan.size);
        all += values[v].size;
      }
      CHECK(plan.size < all); // places are used again
    }
}

TEST_CASE("an arena plan writes a value in the place of one that dies there", "[infer]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<Lifetime> values = random_values(seed);
    const Random random(seed, 1);
    for (std::size_t v = 1; v < values.size(); ++v)
      values[v].in_place_of =
          static_cast<std::size_t>(random.below(static_cast<index_t>(v), static_cast<index_t>(v)));
    const ArenaPlan plan = plan_arena(values);
    // Where the place was taken over, the two lives touch in one step, and only there.
    for (std::size_t v = 1; v < values.size(); ++v) {
      Lifetime& other = values[values[v].in_place_of];
      if (other.last == values[v].first && plan.offsets[v] == plan.offsets[values[v].in_place_of] &&
          other.first < values[v].first)
        --other.last;
    }
    CHECK(clashes(values, plan) == 0);
  }
}

TEST_CASE("an arena plan: slots, and who may take over a place", "[infer]") {
  // 0 -> 1 -> 2, and 3 = 2 + 1 in the place of 1: two slots.
  const std::vector<Lifetime> block = {{1, 0, 1}, {1, 1, 3}, {1, 2, 3}, {1, 3, 4, 1}};
  const ArenaPlan plan = plan_arena(block);
  CHECK(plan.offsets == std::vector<index_t>{0, 1, 0, 1});
  CHECK(plan.size == 2);
  // Read later on: no. Twice asked for: the first gets it. Larger: the place grows.
  CHECK(plan_arena({{1, 0, 5}, {1, 1, 2, 0}}).size == 2);
  CHECK(plan_arena({{1, 0, 1}, {1, 1, 1, 0}, {1, 1, 2, 0}}).offsets ==
        std::vector<index_t>{0, 0, 1});
  const ArenaPlan grown = plan_arena({{4, 0, 1}, {16, 1, 2, 0}, {8, 0, 2}});
  CHECK(grown.offsets == std::vector<index_t>{0, 0, 16});
  CHECK(grown.size == 24);
  CHECK(plan_arena({}).size == 0);
}

} // namespace test_arena_plan
