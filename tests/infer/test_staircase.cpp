#include "sgq/infer/staircase.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <limits>

namespace test_staircase {

using namespace sgq;
using namespace sgq::infer;

namespace {

/// How many accumulators within the bound, of all channels and residual codes, get another code
/// from the staircase than from the function.
int disagreements(const std::vector<quant::ChannelAffine>& channels, double alpha, int bits,
                  index_t bound, const quant::ResidualGrid& residual = {}) {
  const Staircase s = make_staircase(channels, alpha, bits, bound, residual);
  const double inverse = quant::inverse_step(alpha, bits);
  int wrong = 0;
  for (std::size_t c = 0; c < channels.size(); ++c)
    for (int r = 0; r <= residual.max_code; ++r)
      for (index_t a = -bound; a <= bound; ++a) {
        const double q = quant::requantize(static_cast<double>(a), channels[c].m, channels[c].t,
                                           static_cast<double>(residual.scale), r, alpha, inverse);
        wrong += s.code(static_cast<index_t>(c), a, r) != static_cast<int>(q);
      }
  return wrong;
}

std::vector<quant::ChannelAffine> hard_channels(std::uint64_t seed, double alpha, index_t bound) {
  const Random random(seed);
  std::vector<quant::ChannelAffine> channels = {{0.0f, 0.3f},  {0.0f, -1.0f},    {-0.0f, 100.0f},
                                                {1e-9f, 0.2f}, {-1e-9f, 0.2f},   {1e-38f, -0.1f},
                                                {0.5f, 0.0f},  {-0.5f, 0.25f},   {0.25f, 1.5f},
                                                {1e3f, 0.0f},  {-1e-3f, 1e-20f}, {3e-3f, -1e-9f}};
  for (index_t k = 0; k < 6; ++k) {
    const double size = 3 * alpha / static_cast<double>(bound);
    channels.push_back({static_cast<float>(size * (2 * random.uniform(2 * k) - 1)),
                        static_cast<float>(alpha * (2 * random.uniform(2 * k + 1) - 1))});
  }
  return channels;
}

} // namespace

TEST_CASE("staircase: the code of the function for every accumulator", "[infer]") {
  for (int bits : {1, 2, 4, 8}) {
    const double alpha = 1.7;
    CHECK(disagreements(hard_channels(1, alpha, 300), alpha, bits, 300) == 0);
  }
}

TEST_CASE("staircase: the code of the function for every accumulator and residual code",
          "[infer]") {
  // Scales: of no relation, equal to the codes' own, and powers of two, where everything ties.
  for (int bits : {1, 2, 3, 4})
    for (float scale : {0.137f, 1.5f / 15, 0.25f, 1e-12f, 50.0f}) {
      INFO("bits " << bits << " scale " << scale);
      CHECK(disagreements(hard_channels(2, 1.5, 200), 1.5, bits, 200, {scale, 15}) == 0);
      CHECK(disagreements(hard_channels(3, 2.0, 60), 2.0, bits, 60, {scale, 3}) == 0);
    }
  CHECK(disagreements(hard_channels(4, 2.55, 300), 2.55, 8, 300, {0.01f, 255}) == 0);
  CHECK(disagreements(hard_channels(5, 1.3, 500), 1.3, 2, 500, {0.007f, 255}) == 0);
}

TEST_CASE("staircase: a residual costs n + r numbers a channel, small ones", "[infer]") {
  const std::vector<quant::ChannelAffine> channels = {{0.003f, 0.1f}, {-0.002f, 0.4f}};
  const Staircase s = make_staircase(channels, 1.5, 4, 60000, {0.1f, 15});
  CHECK(s.thresholds.shape() == Shape{2, 15});
  CHECK(s.residual.shape() == Shape{2, 16});
  CHECK(s.shift == 5);
  for (std::int64_t t : s.thresholds) CHECK(std::abs(t) < std::int64_t{1} << 27);
  for (std::int64_t y : s.residual) CHECK(std::abs(y) < std::int64_t{1} << 27);
}

TEST_CASE("staircase: bad input is named", "[infer]") {
  const std::vector<quant::ChannelAffine> one(1),
      nan = {{std::numeric_limits<float>::quiet_NaN(), 0}};
  CHECK_THROWS_AS(make_staircase(one, 1.0, 9, 10), value_error);
  CHECK_THROWS_AS(make_staircase(one, -1.0, 4, 10), value_error);
  CHECK_THROWS_AS(make_staircase(one, 1.0, 4, quant::accumulator_limit), value_error);
  CHECK_THROWS_AS(make_staircase(nan, 1.0, 4, 10), value_error);
}

} // namespace test_staircase
