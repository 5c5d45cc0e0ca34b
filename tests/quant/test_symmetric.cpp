#include "sgq/quant/symmetric.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"

namespace test_symmetric {

using namespace sgq;
using namespace sgq::quant;

TEST_CASE("symmetric: the largest weight is 127, ties go to the even code", "[quant]") {
  const Tensor<float> w({7}, {-254.0f, 254.0f, 0.0f, 1.0f, 3.0f, -1.0f, 2.5f}); // s = 2
  const WeightCodes<float> out = test::quantized<float>(Symmetric<float>(), w);
  const float expected[] = {-127, 127, 0, 0, 2, 0, 1};
  CHECK(out.scale == 2.0f);
  for (index_t i = 0; i < w.size(); ++i) CHECK(out.codes[i] == expected[i]);
}

TEST_CASE("symmetric: codes are clip(rint(127 w / max|w|)), scale max|w|/127", "[quant]") {
  const Tensor<float> w = test::gaussian<float>({5000}, 0.2, 1);
  const WeightCodes<float> out = test::quantized<float>(Symmetric<float>(), w);
  float largest = 0;
  for (float v : w) largest = std::max(largest, std::abs(v));
  CHECK(out.scale == largest / 127);
  for (index_t i = 0; i < w.size(); ++i) {
    const double exact = 127 * static_cast<double>(w[i]) / static_cast<double>(largest);
    const double distance = std::abs(exact - static_cast<double>(out.codes[i]));
    REQUIRE(distance <= 0.5 + 127 * 1.2e-7); // the quotient is rounded to float
  }
}

} // namespace test_symmetric
