#include "sgq/infer/thresholds.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <limits>

namespace test_thresholds {

using namespace sgq;
using namespace sgq::infer;

namespace {

/// How many accumulators within the bound, of all channels and residual codes, get another code
/// from the thresholds than from the function.
int disagreements(const std::vector<quant::ChannelAffine>& channels, double alpha, int bits,
                  index_t bound, const ResidualCodes& residual = {}) {
  const Thresholds s = make_thresholds(channels, alpha, bits, bound, residual);
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

TEST_CASE("thresholds: the code of the function for every accumulator", "[infer]") {
  for (int bits : {1, 2, 4, 8}) {
    const double alpha = 1.7;
    CHECK(disagreements(hard_channels(1, alpha, 300), alpha, bits, 300) == 0);
  }
}

TEST_CASE("thresholds: the code of the function for every accumulator and residual code",
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

TEST_CASE("thresholds: a residual costs n + r numbers per channel, small ones", "[infer]") {
  const std::vector<quant::ChannelAffine> channels = {{0.003f, 0.1f}, {-0.002f, 0.4f}};
  const Thresholds s = make_thresholds(channels, 1.5, 4, 60000, {0.1f, 15});
  CHECK(s.values.shape() == Shape{2, 15});
  CHECK(s.residual.shape() == Shape{2, 16});
  CHECK(s.shift == 5);
  for (std::int64_t t : s.values) CHECK(std::abs(t) < std::int64_t{1} << 27);
  for (std::int64_t y : s.residual) CHECK(std::abs(y) < std::int64_t{1} << 27);
}

TEST_CASE("thresholds: random channels, those of no slope, and codes of every width", "[infer]") {
  for (int bits : {1, 2, 3, 4, 5, 8})
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      const Random random(seed);
      const double alpha = 0.3 + random.uniform(1000);
      const index_t bound = 200 + static_cast<index_t>(seed) * 500;
      std::vector<quant::ChannelAffine> channels = {{0.0f, static_cast<float>(0.4 * alpha)},
                                                    {-0.0f, 100.0f},  // saturated
                                                    {1e-9f, -1.0f},   // never
                                                    {-1e-9f, 100.0f}, // always, falling
                                                    {1e-9f, 100.0f}};
      for (index_t k = 0; k < 9; ++k) {
        const double size = 4 * alpha / static_cast<double>(bound);
        channels.push_back({static_cast<float>(size * (2 * random.uniform(2 * k) - 1)),
                            static_cast<float>(alpha * (3 * random.uniform(2 * k + 1) - 1))});
      }
      CHECK(disagreements(channels, alpha, bits, bound) == 0);
      if (bits == 2 || bits == 4)
        CHECK(disagreements(channels, alpha, bits, bound, {static_cast<float>(alpha) / 15, 15}) ==
              0);
    }
}

TEST_CASE("thresholds: ties fall as rint lets them", "[infer]") {
  // n/alpha = 1 and half-integer v: every second accumulator is a tie, for odd and even codes.
  for (int bits : {2, 4, 8}) {
    const double n = quant::max_code(bits);
    const std::vector<quant::ChannelAffine> channels = {
        {0.5f, 0}, {-0.5f, 0}, {0.5f, 1.5f}, {-0.25f, static_cast<float>(n)}};
    CHECK(disagreements(channels, n, bits, 600) == 0);
  }
  const Thresholds t = make_thresholds(std::vector<quant::ChannelAffine>{{0.5f, 0}}, 15.0, 4, 100);
  const int expected[] = {2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30};
  for (index_t j = 0; j < 15; ++j) CHECK(t.values[j] == expected[j]);
}

TEST_CASE("thresholds: never is B + 1, always is -B, and falling channels count -A", "[infer]") {
  const std::int64_t b = 50;
  const std::vector<quant::ChannelAffine> channels = {
      {1e-6f, -5.0f}, {1e-6f, 100.0f}, {-1e-6f, -5.0f}, {-1e-6f, 100.0f},
      {0.0f, -5.0f},  {0.0f, 100.0f},  {1.0f, 0.0f},    {-1.0f, 0.0f}};
  const Thresholds t = make_thresholds(channels, 3.0, 2, b); // n/alpha = 1
  REQUIRE(t.values.shape() == Shape{8, 3});
  for (index_t j = 0; j < 3; ++j) {
    for (index_t never : {0, 2, 4}) CHECK(t.values(never, j) == b + 1);
    for (index_t always : {1, 3, 5}) CHECK(t.values(always, j) == -b);
    CHECK(t.values(6, j) == j + 1); // q = A
    CHECK(t.values(7, j) == j + 1); // q = -A
  }
  const std::vector<std::uint8_t> falling = {0, 0, 1, 1, 0, 0, 0, 1};
  CHECK(t.falling == falling);
}

TEST_CASE("thresholds: the largest bound, with and without residual codes", "[infer]") {
  const index_t b = quant::accumulator_limit - 1;
  const std::vector<quant::ChannelAffine> channels = {{0x1p-28f, 0.0f}, {-0x1p-28f, 0.0f}};
  const Thresholds plain = make_thresholds(channels, 1.0, 1, b);
  const Thresholds joined = make_thresholds(channels, 1.0, 1, b, {0.25f, 3});
  for (std::int64_t r = 0; r < 4; ++r) { // A 2^-28 + r/4 > 1/2: 1/2 itself is a tie and goes to 0
    const std::int64_t first = (1 << 27) - r * (1 << 26) + 1;
    for (int step : {-1, 0, 1}) {
      const int code = step < 0 ? 0 : 1, residual = static_cast<int>(r);
      CHECK(joined.code(0, first + step, residual) == code);
      CHECK(joined.code(1, -first - step, residual) == code);
    }
  }
  CHECK(plain.values[0] == (1 << 27) + 1);
  CHECK(plain.values[1] == (1 << 27) + 1);
}

TEST_CASE("thresholds: bad input is named", "[infer]") {
  const std::vector<quant::ChannelAffine> one(1),
      nan = {{std::numeric_limits<float>::quiet_NaN(), 0}};
  struct Bad {
    double alpha;
    int bits;
    std::int64_t bound;
    const char *what, *got;
  };
  for (const Bad& bad : {Bad{1, 0, 10, "thresholds: bits", "got 0"},
                         {1, 9, 10, "thresholds: bits", "got 9"},
                         {0, 4, 10, "alpha", "got 0"},
                         {-1, 4, 10, "alpha", "got -1"},
                         {1, 4, -1, "accumulator bound", "got -1"}})
    CHECK_SAYS(make_thresholds(one, bad.alpha, bad.bits, bad.bound), value_error, bad.what,
               bad.got);
  CHECK(contains(
      message_of<value_error>([&] { make_thresholds(one, 1.0, 4, quant::accumulator_limit); }),
      std::to_string(quant::accumulator_limit)));
  CHECK_SAYS(make_thresholds(nan, 1.0, 4, 10), value_error, "scale and shift", "got nan and 0");
  for (const float scale : {-1.0f, std::numeric_limits<float>::infinity(), nan[0].m})
    CHECK_SAYS(make_thresholds(one, 1.0, 4, 10, {scale, 3}), value_error, "residual",
               "and " + to_text(scale));
  for (const int codes : {-1, 256})
    CHECK_SAYS(make_thresholds(one, 1.0, 4, 10, {1.0f, codes}), value_error, "residual",
               "got " + to_text(codes));
}

} // namespace test_thresholds
