// Every sum of a channel, through the floats of the file and through the channel's thresholds.
#include "sgq/core/random.hpp"
#include "sgq/infer/onnx/multipliers.hpp"

#include "support/catch.hpp"

namespace test_multipliers {

using namespace sgq;
using namespace sgq::infer;

namespace {

struct Problem {
  quant::ChannelAffine affine;
  double alpha;
  int bits;
  index_t bound;
  ResidualCodes residual{};

  Thresholds thresholds() const {
    return make_thresholds(std::span(&affine, 1), alpha, bits, bound, residual);
  }
};

/// A channel of a trained net: some accumulators per code, a shift within the codes.
Problem draw(std::uint64_t seed, int bits, bool joins) {
  const Random random(seed, 0x6d756c); // "mul"
  const double alpha = 0.5 + 4 * random.uniform(0), n = quant::max_code(bits);
  const double per_code = std::exp2(-1 + 9 * random.uniform(1));
  const auto m = static_cast<float>(alpha / n / per_code * (random.uniform(2) < 0.4 ? -1 : 1));
  const auto t = static_cast<float>(alpha * (1.5 * random.uniform(3) - 0.5));
  Problem p{{m, t}, alpha, bits, static_cast<index_t>(3 * per_code * n) + 5};
  if (joins)
    p.residual = {static_cast<float>(alpha / n * (0.3 + random.uniform(4))), quant::max_code(bits)};
  return p;
}

int clamp_code(float v, int largest) {
  return static_cast<int>(std::min(std::max(std::nearbyint(v), 0.0f), static_cast<float>(largest)));
}

/// How many sums A in -bound .. bound get another code; f(A, r), A turned where the channel falls.
template <class F>
index_t wrong_codes(const Problem& p, const Thresholds& t, F&& f) {
  index_t wrong = 0;
  for (int r = 0; r <= p.residual.max_code; ++r)
    for (index_t a = -p.bound; a <= p.bound; ++a)
      wrong += f(t.falling[0] ? -a : a, r) != t.code(0, a, r);
  return wrong;
}

} // namespace

TEST_CASE("ONNX: searched whole numbers and a multiplier give every sum its code", "[infer]") {
  for (bool joins : {false, true})
    for (int bits : {2, 4, 8}) {
      int found_of = 0;
      // At 8 bits K = 1 finds none, and few residuals have a worth that a whole number holds.
      const int first = bits == 8 && joins ? 9 : 0, end = bits == 8 ? 10 : 40;
      const bool divides = joins || bits == 8;
      for (int seed = first; seed < end; ++seed) {
        const Problem p = draw(static_cast<std::uint64_t>(seed), bits, joins);
        const Thresholds t = p.thresholds();
        const int factor = bits == 8 && joins ? 12000 : divides ? 300 : bits == 2 ? 42 : 18;
        const auto scaling = divides ? onnx::Scaling::divides : onnx::Scaling::multiplies;
        const auto found = onnx::find_multiplier(infer::detail::channel_thresholds(t, 0, p.bound),
                                                 factor, scaling);
        if (!found) continue;
        ++found_of;
        INFO(bits << " bits, seed " << seed << (joins ? ", residual" : ""));
        CHECK(found->margin >= onnx::detail::least_margin);
        // A float more or less in the multiplier changes nothing either.
        for (const float scale :
             {found->scale, std::nextafter(found->scale, 1e9f), std::nextafter(found->scale, 0.0f)})
          CHECK(wrong_codes(p, t, [&](index_t a, int r) {
                  const auto sum =
                      static_cast<float>(found->factor * a + found->bias + found->worth * r);
                  return clamp_code(divides ? sum / scale : sum * scale, quant::max_code(bits));
                }) == 0);
      }
      CHECK(found_of >= (bits == 2 ? 40 : bits == 4 ? 36 : joins ? 1 : 9));
    }
}

TEST_CASE("ONNX: channels whose code never changes", "[infer]") {
  for (float t : {-1.0f, 0.0f, 0.8f, 1.1f, 9.0f}) {
    const Problem p{{0.0f, t}, 1.5, 4, 1000};
    const Thresholds thresholds = p.thresholds();
    const auto found = onnx::find_multiplier(
        infer::detail::channel_thresholds(thresholds, 0, p.bound), 18, onnx::Scaling::divides);
    REQUIRE(found);
    CHECK(found->factor == 0);
    CHECK(wrong_codes(p, thresholds, [&](index_t a, int) {
            return clamp_code(static_cast<float>(found->factor * a + found->bias) / found->scale,
                              15);
          }) == 0);
  }
}

TEST_CASE("ONNX: a channel whose code follows the residual alone has no multiplier", "[infer]") {
  const Problem p{{0.0f, 0.3f}, 1.5, 4, 1000, {0.1f, 15}};
  const Thresholds t = p.thresholds();
  CHECK(t.code(0, 5, 0) != t.code(0, 5, 9));
  CHECK_FALSE(onnx::find_multiplier(infer::detail::channel_thresholds(t, 0, p.bound), 300,
                                    onnx::Scaling::divides));
}

TEST_CASE("ONNX: ties of the double formula have no line, and none is found", "[infer]") {
  // Two accumulators per code and no shift: every odd sum is a tie, which goes to the even code.
  const Problem p{{0.5f, 0.0f}, 15.0, 4, 100};
  const Thresholds t = p.thresholds();
  const auto channel = infer::detail::channel_thresholds(t, 0, p.bound);
  CHECK(t.values(0, 0) == 2); // 0.5 rounds to 0
  CHECK(t.values(0, 1) == 3); // 1.5 rounds to 2
  CHECK_FALSE(onnx::find_multiplier(channel, 18, onnx::Scaling::multiplies));
  CHECK_FALSE(onnx::find_multiplier(channel, 4000, onnx::Scaling::divides));
}

} // namespace test_multipliers
