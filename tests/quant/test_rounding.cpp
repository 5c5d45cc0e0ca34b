#include "sgq/quant/rounding.hpp"

#include "support/catch.hpp"

namespace test_rounding {

using namespace sgq::quant;

TEMPLATE_TEST_CASE("round_nearest sends ties to the even neighbour", "[quant]", float, double) {
  const auto round = [](double x) { return round_nearest::apply(static_cast<TestType>(x)); };
  CHECK(round(0.5) == 0);
  CHECK(round(1.5) == 2);
  CHECK(round(2.5) == 2);
  CHECK(round(3.5) == 4);
  CHECK(round(-0.5) == 0);
  CHECK(round(-1.5) == -2);
  CHECK(round(-2.5) == -2);
  CHECK(round(0.49) == 0);
  CHECK(round(0.51) == 1);
  CHECK(round(254.5) == 254);
}

TEST_CASE("identity changes nothing", "[quant]") {
  CHECK(identity::apply(0.3) == 0.3);
  CHECK(identity::apply(-7.5f) == -7.5f);
}

TEST_CASE("with_sign takes the magnitude of one and the sign of the other", "[quant]") {
  CHECK(with_sign(2.0f, -0.5f) == -2.0f);
  CHECK(with_sign(-2.0, 0.5) == 2.0);
  CHECK(std::signbit(with_sign(0.0, -1.0)));
}

} // namespace test_rounding
