// Bits are put where they lose least: against trying every combination.
#include "support/catch.hpp"
#include "support/errors.hpp"

#include "sgq/core/random.hpp"
#include "sgq/quant/allocate.hpp"

namespace test_allocate {

using namespace sgq;
using quant::Allocation;
using quant::WidthChoice;
using Layers = std::vector<std::vector<WidthChoice>>;

namespace {

/// Layers of random sizes; the losses of a layer fall with its bits unless `any`.
Layers random_layers(index_t count, std::uint64_t seed, bool any = false) {
  const Random random(seed, 7);
  Layers layers;
  for (index_t l = 0; l < count; ++l) {
    const index_t weights = 1 + random.below(4 * l, 1000);
    const auto loss = [&](index_t i) { return static_cast<double>(random.uniform(4 * l + i)); };
    const double four = loss(1), two = loss(2);
    layers.push_back({{2, weights * 2, any ? two : four + two},
                      {4, weights * 4, four},
                      {8, weights * 8, any ? loss(3) : 0}});
  }
  return layers;
}

/// Every combination in turn.
Allocation by_brute_force(const Layers& layers, index_t budget) {
  Allocation best{{}, 0, INFINITY};
  index_t combinations = 1;
  for (const auto& choices : layers) combinations *= static_cast<index_t>(choices.size());
  for (index_t i = 0; i < combinations; ++i) {
    Allocation a;
    index_t rest = i;
    for (const auto& choices : layers) {
      const auto n = static_cast<index_t>(choices.size());
      const WidthChoice& c = choices[static_cast<std::size_t>(rest % n)];
      rest /= n;
      a.bits.push_back(c.bits);
      a.cost += c.cost;
      a.loss += c.loss;
    }
    if (a.cost <= budget && (a.loss < best.loss || (a.loss == best.loss && a.cost < best.cost)))
      best = a;
  }
  return best;
}

} // namespace

TEST_CASE("allocations are those of trying every combination", "[allocate]") {
  const index_t layer_count = GENERATE(1, 4, 7);
  const bool any = GENERATE(false, true);
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Layers layers = random_layers(layer_count, seed, any);
    index_t least = 0, most = 0;
    for (const auto& choices : layers) least += choices[0].cost, most += choices[2].cost;
    for (index_t budget : {least, (9 * least + most) / 10, (least + most) / 2, most, 2 * most}) {
      const Allocation got = quant::allocate(layers, budget), want = by_brute_force(layers, budget);
      INFO(seed << ", budget " << budget);
      CHECK(got.bits == want.bits);
      CHECK(got.cost == want.cost);
      CHECK(got.loss == want.loss); // both add in the order of the layers
      CHECK(got.cost <= budget);
    }
  }
}

TEST_CASE("of allocations that lose the same the cheapest is taken", "[allocate]") {
  const Layers layers{{{2, 20, 1}, {4, 40, 1}, {8, 80, 1}}, {{2, 20, 0}, {8, 80, 0}}};
  const Allocation a = quant::allocate(layers, 1000);
  CHECK(a.bits == std::vector<int>{2, 2});
  CHECK(a.cost == 40);
  CHECK(a.loss == 1);
}

TEST_CASE("an allocation without layers is empty", "[allocate]") {
  CHECK(quant::allocate({}, 0).bits.empty());
}

TEST_CASE("impossible allocations are refused", "[allocate][errors]") {
  const Layers layers{{{2, 20, 1}, {4, 40, 0}}, {{2, 30, 1}}};
  const auto text = [](const Layers& l, index_t budget) {
    return message_of<value_error>([&] { quant::allocate(l, budget); });
  };
  CHECK(contains(text(layers, 49), "a budget of at least 50, got 49"));
  CHECK_NOTHROW(quant::allocate(layers, 50));
  CHECK(contains(text({{{2, 20, 1}}, {}}, 100), "none for layer 1"));
  CHECK(contains(text({{{2, -1, 1}}}, 100), "layer 0, 2 bits"));
  CHECK(contains(text({{{2, 20, NAN}}}, 100), "a finite loss"));
}

} // namespace test_allocate
