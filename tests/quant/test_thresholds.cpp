#include "sgq/quant/thresholds.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_thresholds {

using namespace sgq;
using namespace sgq::quant;

namespace {

/// All accumulators -bound..bound of each channel, as [1, C, 2 bound + 1, 1].
Tensor<std::int32_t> every_accumulator(index_t channels, index_t bound) {
  Tensor<std::int32_t> a({1, channels, 2 * bound + 1, 1});
  for (index_t i = 0; i < a.size(); ++i)
    a[i] = static_cast<std::int32_t>(i % (2 * bound + 1) - bound);
  return a;
}

/// How many of them get another code from the thresholds than from the function.
int disagreements(const std::vector<ChannelAffine>& channels, double alpha, int bits, index_t bound,
                  const ResidualGrid& residual = {}) {
  const Thresholds table = make_thresholds(channels, alpha, bits, bound, residual);
  const Tensor<std::int32_t> a = every_accumulator(static_cast<index_t>(channels.size()), bound);
  Tensor<std::uint8_t> expected(a.shape()), got(a.shape()), r(a.shape());
  int wrong = 0;
  for (int code = 0; code <= residual.max_code; ++code) {
    r.fill(static_cast<std::uint8_t>(code));
    requantize<std::int32_t, std::uint8_t>(a, channels, alpha, bits, expected, {r, residual.scale});
    apply_thresholds(table, a, got, r);
    for (index_t i = 0; i < a.size(); ++i) wrong += got[i] != expected[i];
  }
  return wrong;
}

std::vector<ChannelAffine> random_channels(std::uint64_t seed, int count, double alpha,
                                           index_t bound) {
  const Random random(seed);
  std::vector<ChannelAffine> channels;
  for (int k = 0; k < count; ++k) {
    const double size = 4 * alpha / static_cast<double>(bound);
    channels.push_back({static_cast<float>(size * (2 * random.uniform(2 * k) - 1)),
                        static_cast<float>(alpha * (3 * random.uniform(2 * k + 1) - 1))});
  }
  return channels;
}

} // namespace

TEST_CASE("thresholds give the code of the function for every accumulator", "[quant]") {
  for (int bits : {1, 2, 3, 4, 5, 8})
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      const Random random(seed);
      const double alpha = 0.3 + random.uniform(1000);
      const index_t bound = 200 + static_cast<index_t>(seed) * 500;
      auto channels = random_channels(seed, 9, alpha, bound);
      channels.push_back({0.0f, static_cast<float>(0.4 * alpha)}); // m = 0
      channels.push_back({-0.0f, 100.0f});                         // m = 0, saturated
      channels.push_back({1e-9f, -1.0f});                          // never
      channels.push_back({-1e-9f, 100.0f});                        // always, falling
      CHECK(disagreements(channels, alpha, bits, bound) == 0);
      if (bits == 2 || bits == 4)
        CHECK(disagreements(channels, alpha, bits, bound, {static_cast<float>(alpha) / 15, 15}) ==
              0);
    }
}

TEST_CASE("thresholds: ties fall as rint lets them", "[quant]") {
  // n/alpha = 1 and half-integer v: every second accumulator is a tie, for odd and even codes.
  for (int bits : {2, 4, 8}) {
    const double n = max_code(bits);
    const std::vector<ChannelAffine> channels = {
        {0.5f, 0}, {-0.5f, 0}, {0.5f, 1.5f}, {-0.25f, static_cast<float>(n)}};
    CHECK(disagreements(channels, n, bits, 600) == 0);
  }
  const Thresholds t = make_thresholds(std::vector<ChannelAffine>{{0.5f, 0}}, 15.0, 4, 100);
  const int expected[] = {2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30};
  for (index_t j = 0; j < 15; ++j) CHECK(t.values[j] == expected[j]);
}

TEST_CASE("thresholds: the conventions of the table", "[quant]") {
  const std::int32_t b = 50;
  const std::vector<ChannelAffine> channels = {{1e-6f, -5.0f},   {1e-6f, 100.0f}, {-1e-6f, -5.0f},
                                               {-1e-6f, 100.0f}, {0.0f, -5.0f},   {0.0f, 100.0f},
                                               {1.0f, 0.0f},     {-1.0f, 0.0f}};
  const Thresholds t = make_thresholds(channels, 3.0, 2, b); // n/alpha = 1
  REQUIRE(t.values.shape() == Shape{8, 1, 3});
  for (index_t j = 0; j < 3; ++j) {
    CHECK(t.values[0 + j] == b + 1);     // rising, never
    CHECK(t.values[3 + j] == -b);        // rising, always
    CHECK(t.values[6 + j] == -b - 1);    // falling, never
    CHECK(t.values[9 + j] == b);         // falling, always
    CHECK(t.values[12 + j] == b + 1);    // m = 0, never
    CHECK(t.values[15 + j] == -b);       // m = 0, always
    CHECK(t.values[18 + j] == j + 1);    // q = A
    CHECK(t.values[21 + j] == -(j + 1)); // q = -A
  }
  const std::vector<std::uint8_t> falling = {0, 0, 1, 1, 0, 0, 0, 1};
  CHECK(t.falling == falling);
}

TEST_CASE("thresholds: the largest bound, and the table of residual codes", "[quant]") {
  const index_t b = accumulator_limit - 1;
  const std::vector<ChannelAffine> channels = {{0x1p-28f, 0.0f}, {-0x1p-28f, 0.0f}};
  const Thresholds t = make_thresholds(channels, 1.0, 1, b, {0.25f, 3});
  REQUIRE(t.values.shape() == Shape{2, 4, 1});
  for (std::int32_t r = 0; r < 4; ++r) { // A 2^-28 + r/4 > 1/2: 1/2 itself is a tie and goes to 0
    const std::int32_t expected = (1 << 27) - r * (1 << 26) + 1;
    CHECK(t.values[r] == expected);
    CHECK(t.values[4 + r] == -expected);
  }
}

TEST_CASE("thresholds: bad input is named", "[quant]") {
  const std::vector<ChannelAffine> one(1), nan = {{std::numeric_limits<float>::quiet_NaN(), 0}};
  CHECK_THROWS_AS(make_thresholds(one, 1.0, 0, 10), value_error);
  CHECK_THROWS_AS(make_thresholds(one, 1.0, 9, 10), value_error);
  CHECK_THROWS_AS(make_thresholds(one, 0.0, 4, 10), value_error);
  CHECK_THROWS_AS(make_thresholds(nan, 1.0, 4, 10), value_error);
  CHECK_THROWS_AS(make_thresholds(one, 1.0, 4, -1), value_error);
  CHECK(contains(message_of<value_error>([&] { make_thresholds(one, 1.0, 4, accumulator_limit); }),
                 std::to_string(accumulator_limit)));
  const Thresholds table = make_thresholds(one, 1.0, 4, 10, {0.1f, 15});
  Tensor<std::int32_t> a({2, 1, 3, 3}), wide({2, 2, 3, 3});
  Tensor<std::uint8_t> q({2, 1, 3, 3}), r({2, 1, 3, 3}), wide_q({2, 2, 3, 3});
  CHECK_NOTHROW(apply_thresholds(table, a, q, r));
  CHECK_THROWS_AS(apply_thresholds(table, a, q), shape_error);
  CHECK_THROWS_AS(apply_thresholds(table, wide, wide_q, wide_q), shape_error);
  CHECK_THROWS_AS(apply_thresholds(table, a, wide_q, r), shape_error);
}

} // namespace test_thresholds
