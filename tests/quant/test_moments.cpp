#include "sgq/quant/moments.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"

namespace test_moments {

using namespace sgq;
using namespace sgq::quant;

TEMPLATE_TEST_CASE("moments: closed forms and plain sums", "[quant]", float, double) {
  using T = TestType;
  const Moments small = moments<T>(Tensor<T>({4}, {T(1), T(-3), T(0), T(2)}), "w");
  CHECK(small.mean_abs == 1.5);
  CHECK(small.mean_square == 3.5);
  CHECK(small.max_abs == 3);
  // Sizes around lanes and blocks.
  for (index_t n : {1, 15, 16, 17, 8191, 8192, 8193, 20000}) {
    const Tensor<T> w = test::gaussian<T>({n}, 1.0, 1);
    double abs = 0, square = 0, high = 0;
    for (T v : w) {
      const double a = std::abs(static_cast<double>(v));
      abs += a;
      square += a * a;
      high = std::max(high, a);
    }
    const Moments m = moments<T>(w, "w");
    CHECK(m.mean_abs == Approx(abs / static_cast<double>(n)).epsilon(1e-12));
    CHECK(m.mean_square == Approx(square / static_cast<double>(n)).epsilon(1e-12));
    CHECK(m.max_abs == high);
  }
}

} // namespace test_moments
