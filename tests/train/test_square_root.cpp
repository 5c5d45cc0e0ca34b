#include "sgq/train/square_root.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"
#include "support/raise_to.hpp"

#include <cmath>
#include <limits>

namespace test_square_root {

using namespace sgq;

namespace {

template <class T, int Bytes>
void check_root() {
  const Random random(1);
  const int lowest = std::numeric_limits<T>::min_exponent,
            highest = std::numeric_limits<T>::max_exponent;
  const auto units = [](T x) { // error in units of the last place of the true root
    const T root = std::sqrt(x);
    return std::abs(train::square_root<Bytes>(x) - root) /
           (std::nextafter(root, T(HUGE_VALF)) - root);
  };
  T worst = 0;
  index_t i = 0;
  for (int exponent = lowest; exponent < highest; ++exponent)
    for (int k = 0; k < 20; ++k)
      raise_to(worst, units(std::ldexp(T(1) + T(random.uniform(i++)), exponent - 1)));
  CHECK(worst <= 1);
  CHECK(train::square_root<Bytes>(T(0)) == 0);
  CHECK(train::square_root<Bytes>(T(1)) == Approx(1));
  CHECK(std::isnan(train::square_root<Bytes>(std::numeric_limits<T>::infinity())));
  CHECK(std::isnan(train::square_root<Bytes>(std::numeric_limits<T>::quiet_NaN())));
}

} // namespace

TEMPLATE_TEST_CASE("the square root is right to one unit in the last place", "[train]", float,
                   double) {
  check_root<TestType, 16>();
  check_root<TestType, 64>();
}

} // namespace test_square_root
