// Every sum of a channel, through the floats of the file and through the channel's thresholds.
#include "sgq/core/random.hpp"
#include "sgq/infer/onnx/multipliers.hpp"

#include "support/catch.hpp"

namespace test_onnx_multipliers {

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

TEST_CASE("ONNX: a searched bias and multiplier give every sum its code", "[infer]") {
  for (int bits : {2, 4, 8}) {
    int found_of = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      const Problem p = draw(seed, bits, false);
      const Thresholds t = p.thresholds();
      const int factor = bits == 2 ? 42 : bits == 4 ? 18 : 1;
      const auto found =
          onnx::find_multiplier(infer::detail::channel_thresholds(t, 0, p.bound), factor);
      if (!found) continue;
      ++found_of;
      INFO(bits << " bits, seed " << seed);
      CHECK(found->margin >= onnx::detail::least_margin);
      CHECK(wrong_codes(p, t, [&](index_t a, int) {
              const auto sum = static_cast<std::int32_t>(factor * a + found->bias);
              return clamp_code(static_cast<float>(sum) * found->multiplier, quant::max_code(bits));
            }) == 0);
      // Wide enough that a float more or less in the multiplier changes nothing.
      const float next = std::nextafter(found->multiplier, 2.0f);
      CHECK(wrong_codes(p, t, [&](index_t a, int) {
              const auto sum = static_cast<std::int32_t>(factor * a + found->bias);
              return clamp_code(static_cast<float>(sum) * next, quant::max_code(bits));
            }) == 0);
    }
    CHECK(found_of >= (bits == 2 ? 60 : bits == 4 ? 55 : 0));
  }
}

TEST_CASE("ONNX: a shift in float gives every sum its code, for every residual code", "[infer]") {
  for (bool joins : {false, true})
    for (int bits : {2, 4, 8}) {
      int found_of = 0;
      const std::uint64_t seeds = bits == 8 && joins ? 4 : 40;
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const Problem p = draw(100 + seed, bits, joins);
        const Thresholds t = p.thresholds();
        const auto found = onnx::find_shift(infer::detail::channel_thresholds(t, 0, p.bound));
        if (!found) continue;
        ++found_of;
        INFO(bits << " bits, seed " << seed << (joins ? ", residual" : ""));
        CHECK(wrong_codes(p, t, [&](index_t a, int r) {
                const float moved = static_cast<float>(a) + found->offset;
                const float worth = static_cast<float>(r) * found->worth;
                const float sum = moved + worth;
                return clamp_code(sum / found->divisor, quant::max_code(bits));
              }) == 0);
      }
      CHECK(found_of >= (bits == 2 ? 40 : bits == 4 ? 39 : 0));
    }
}

TEST_CASE("ONNX: channels whose code never changes", "[infer]") {
  for (float t : {-1.0f, 0.0f, 0.8f, 1.1f, 9.0f}) {
    const Problem p{{0.0f, t}, 1.5, 4, 1000};
    const Thresholds thresholds = p.thresholds();
    const auto channel = infer::detail::channel_thresholds(thresholds, 0, p.bound);
    const auto multiplier = onnx::find_multiplier(channel, 18);
    REQUIRE(multiplier);
    CHECK(wrong_codes(p, thresholds, [&](index_t a, int) {
            const auto sum = static_cast<std::int32_t>(18 * a + multiplier->bias);
            return clamp_code(static_cast<float>(sum) * multiplier->multiplier, 15);
          }) == 0);
    const auto shift = onnx::find_shift(channel);
    REQUIRE(shift);
    CHECK(wrong_codes(p, thresholds, [&](index_t a, int) {
            return clamp_code((static_cast<float>(a) + shift->offset) / shift->divisor, 15);
          }) == 0);
  }
}

TEST_CASE("ONNX: ties of the double formula have no line, and none is found", "[infer]") {
  // Two accumulators per code and no shift: every odd sum is a tie, which goes to the even code.
  const Problem p{{0.5f, 0.0f}, 15.0, 4, 100};
  const Thresholds t = p.thresholds();
  const auto channel = infer::detail::channel_thresholds(t, 0, p.bound);
  CHECK(t.values(0, 0) == 2); // 0.5 rounds to 0
  CHECK(t.values(0, 1) == 3); // 1.5 rounds to 2
  CHECK_FALSE(onnx::find_multiplier(channel, 18));
  CHECK_FALSE(onnx::find_shift(channel));
}

} // namespace test_onnx_multipliers
