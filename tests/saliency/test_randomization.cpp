#include "sgq/saliency/metrics/randomization.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <array>
#include <string>

namespace test_randomization {

using namespace sgq;
using namespace sgq::saliency;

namespace {

// Three "layers", each a field of 8 x 8 numbers; the map of image n is their sum times a factor.
struct ToyNet {
  std::array<Tensor<float>, 3> layers;
  std::string log;

  ToyNet() { reset(); }
  void reset() {
    for (std::size_t k = 0; k < 3; ++k) randomize(k, 100 + k);
  }
  void randomize(std::size_t k, std::uint64_t seed) {
    layers[k] = Tensor<float>({8, 8});
    for (index_t i = 0; i < 64; ++i) layers[k][i] = static_cast<float>(Random(seed).normal(i));
  }
  void explain(View<float> maps) const {
    for (index_t i = 0; i < maps.size(); ++i)
      maps[i] = (layers[0][i % 64] + layers[1][i % 64] + layers[2][i % 64]) * float(1 + i / 64);
  }
};

std::vector<RandomizationStep> run(ToyNet& net, Randomize how) {
  auto reinitialize = [&](index_t layer) {
    net.log += std::to_string(layer);
    net.randomize(static_cast<std::size_t>(layer), 7 + static_cast<std::uint64_t>(layer));
  };
  auto restore = [&] {
    net.log += 'r';
    net.reset();
  };
  auto explain = [&](View<float> maps) { net.explain(maps); };
  return parameter_randomization({3, reinitialize, restore, explain}, how, {2, 8, 8},
                                 Values::with_sign);
}

} // namespace

TEST_CASE("cascading randomisation goes from the output down and keeps what it did",
          "[randomization]") {
  ToyNet net;
  const auto steps = run(net, Randomize::cascading);
  CHECK(net.log == "210r");
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].layer == 2);
  CHECK(steps[2].layer == 0);
  for (index_t n = 0; n < 2; ++n) {
    // one of three independent terms replaced: correlation 2/3, then 1/3, then 0; of 64 numbers
    CHECK(std::abs(steps[0].similarity.pearson[n] - 2 / 3.0) < 0.3);
    CHECK(std::abs(steps[1].similarity.pearson[n] - 1 / 3.0) < 0.4);
    CHECK(std::abs(steps[2].similarity.pearson[n]) < 0.5);
    CHECK(steps[0].similarity.pearson[n] > steps[2].similarity.pearson[n]);
  }
}

TEST_CASE("independent randomisation restores between layers", "[randomization]") {
  ToyNet net;
  const auto steps = run(net, Randomize::independent);
  CHECK(net.log == "r2r1r0r");
  for (const auto& step : steps) CHECK(std::abs(step.similarity.pearson[0] - 2 / 3.0) < 0.3);
  const ToyNet trained;
  CHECK(std::equal(net.layers[2].begin(), net.layers[2].end(), trained.layers[2].begin()));
}

TEST_CASE("a method that ignores the weights stays similar", "[randomization]") {
  index_t restored = 0;
  auto nothing = [](index_t) {};
  auto restore = [&] { ++restored; };
  float sign = 1; // another one each time: magnitudes are compared
  auto edges = [&](View<float> maps) {
    for (index_t i = 0; i < maps.size(); ++i) maps[i] = sign * float(i % 5);
    sign = -sign;
  };
  const auto steps = parameter_randomization({2, nothing, restore, edges}, Randomize::cascading,
                                             {1, 8, 8}, Values::magnitude);
  for (const auto& step : steps) CHECK(step.similarity.spearman[0] == Approx(1));
  CHECK(restored == 1);
}

TEST_CASE("the net is restored where a step throws", "[randomization]") {
  index_t restored = 0, maps_made = 0;
  auto nothing = [](index_t) {};
  auto restore = [&] { ++restored; };
  auto fails = [&](View<float> maps) {
    if (++maps_made == 2) throw value_error("no map");
    for (index_t i = 0; i < maps.size(); ++i) maps[i] = float(i);
  };
  const RandomizableNet net{2, nothing, restore, fails};
  CHECK_SAYS(parameter_randomization(net, Randomize::cascading, {1, 8, 8}, Values::with_sign),
             value_error, "no map");
  CHECK(restored == 1);
  const RandomizableNet none{0, nothing, restore, fails};
  CHECK_SAYS(parameter_randomization(none, Randomize::cascading, {1, 8, 8}, Values::with_sign),
             value_error, "at least one layer", "got 0");
}

} // namespace test_randomization
