#include "sgq/core/elementary.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace test_elementary {

using namespace sgq;

namespace {

constexpr double inf = math::infinity, least = std::numeric_limits<double>::denorm_min(),
                 least_normal = std::numeric_limits<double>::min(),
                 most = std::numeric_limits<double>::max();

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

struct Function {
  const char* name;
  double (*own)(double);
  long double (*reference)(long double);
  double lowest, highest; ///< beyond: constant, undefined or infinite
};

// The distance of a half from x is exact, so that the reference keeps its digits near zeros.
long double cos_pi(long double x) {
  x = std::fmod(std::abs(x), 2.0L);
  if (x > 1) x = 2 - x;
  const bool negative = x > 0.5L;
  if (negative) x = 1 - x;
  constexpr long double pi = std::numbers::pi_v<long double>;
  const long double y = x <= 0.25L ? std::cos(pi * x) : std::sin(pi * (0.5L - x));
  return negative ? -y : y;
}

const Function functions[] = {
    {"exp", math::exp, [](long double x) { return std::exp(x); }, -746, 710},
    {"expm1", math::expm1, [](long double x) { return std::expm1(x); }, -60, 710},
    {"log", math::log, [](long double x) { return std::log(x); }, least, most},
    {"log1p", math::log1p, [](long double x) { return std::log1p(x); }, -1, most},
    {"tanh", math::tanh, [](long double x) { return std::tanh(x); }, -25, 25},
    {"atanh", math::atanh, [](long double x) { return std::atanh(x); }, -1, 1},
    {"cos_pi", math::cos_pi, cos_pi, -1e6, 1e6},
};

/// The error of f at x in units of the last place of what is right.
double error(const Function& f, double x) {
  const long double right = f.reference(x);
  const double got = f.own(x), nearest = static_cast<double>(right);
  if (std::isnan(nearest)) return std::isnan(got) ? 0 : 1e9;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : 1e9;
  const double a = std::abs(nearest);
  const double unit = a < most ? std::nextafter(a, inf) - a : a - std::nextafter(a, 0.0);
  return static_cast<double>(std::abs(got - right) / unit);
}

/// Any double within the range, every exponent as often as another.
double drawn(const Function& f, const Random& random, index_t i) {
  const auto word = [&](index_t j) { return std::uint64_t{random.bits(2 * i + j)}; };
  const auto to_key = [](double x) { // in the order of the numbers
    const auto bits = std::bit_cast<std::int64_t>(x);
    return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
  };
  const std::int64_t low = to_key(f.lowest), high = to_key(f.highest);
  const auto width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  const std::int64_t key = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) +
                                                     (word(0) << 32 | word(1)) % width);
  return std::bit_cast<double>(key < 0 ? std::numeric_limits<std::int64_t>::min() - key : key);
}

} // namespace

TEST_CASE("elementary functions are right to 0.55 units in the last place", "[elementary]") {
  if (std::numeric_limits<long double>::digits < 64) {
    WARN("skipped: long double is nothing better to compare with");
    return;
  }
  const Random random(1);
  index_t at = 0;
  for (const Function& f : functions) {
    double worst = 0, where = 0;
    const auto check = [&](double x) {
      const double e = error(f, x);
      if (!(e <= worst)) worst = std::isnan(e) ? HUGE_VAL : e, where = x;
    };
    for (index_t i = 0; i < 200000; ++i) {
      const double u = (random.bits(at++) + 0.5) * 0x1p-32;
      check(drawn(f, random, at++));
      const double low = std::max(f.lowest, -800.0), high = std::min(f.highest, 800.0);
      check(low + (high - low) * u);
      check(std::clamp(2 * u - 1, f.lowest, f.highest)); // where one form takes over from another
      check(std::clamp(1 + (2 * u - 1) * 0x1p-20, f.lowest, f.highest));
    }
    for (const double edge : {f.lowest,
                              f.highest,
                              least_normal,
                              -least_normal,
                              0.5,
                              -0.5,
                              0.41,
                              -0.29,
                              0.17,
                              -0.17,
                              0.25,
                              0.75,
                              0.0625,
                              -0.0625,
                              1.0,
                              std::numbers::sqrt2,
                              709.782712893384,
                              -708.3964185322641,
                              -745.1332191019412,
                              22.0})
      for (double x : {edge, std::nextafter(edge, inf), std::nextafter(edge, -inf)}) check(x);
    CAPTURE(f.name, where);
    CHECK(worst <= 0.55);
    CHECK(worst > 0.45); // the comparison sees errors at all
  }
}

TEST_CASE("elementary functions at their edges", "[elementary]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Function& f : functions) {
    CAPTURE(f.name);
    CHECK(std::isnan(f.own(nan)));
    for (double x : {0.0, -0.0, inf, -inf, 1.0, -1.0, 2.0, -2.0, least, -least, most, -most, 1023.0,
                     -1023.0, 1024.0, -1024.0}) {
      if (f.own == math::cos_pi && std::abs(x) > 1e6) continue;
      CAPTURE(x);
      const double right = static_cast<double>(f.reference(x)), got = f.own(x);
      CHECK((same(got, right) || (std::isnan(got) && std::isnan(right))));
    }
  }
  CHECK(math::exp(710) == inf);
  CHECK(math::exp(-745.2) == 0);
  CHECK(math::exp(-745) == least);
  CHECK(same(math::cos_pi(0.5), 0.0));
  CHECK(same(math::cos_pi(1.5), 0.0));
  CHECK(same(math::cos_pi(-2.5), 0.0));
  CHECK(math::cos_pi(1e300) == 1);
  for (double x : {inf, -inf}) CHECK(std::isnan(math::cos_pi(x)));
  CHECK(math::power(0.5, 10) == 0x1p-10);
  CHECK(math::power(3, 0) == 1);
  CHECK(math::power(0.999, 1000) == Approx(std::pow(0.999, 1000)).epsilon(1e-13));
}

// Every build, on every machine.
TEST_CASE("elementary functions have these bits", "[elementary]") {
  struct Row {
    double x;
    std::uint64_t bits[7];
  };
  static constexpr Row rows[] = {
#include "elementary_bits.inc"
  };
  for (const Row& row : rows)
    for (std::size_t i = 0; i < 7; ++i) {
      CAPTURE(row.x, functions[i].name);
      CHECK(std::bit_cast<std::uint64_t>(functions[i].own(row.x)) == row.bits[i]);
    }
  static_assert(math::tanh(0.75) == 0.6351489523872873); // the compiler's, too
}

} // namespace test_elementary
