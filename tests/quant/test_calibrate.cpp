#include "sgq/quant/calibrate.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>
#include <vector>

namespace test_calibrate {

using namespace sgq;
using namespace sgq::quant;

TEST_CASE("the quantile is the least value that a share p of the positives does not exceed",
          "[quant]") {
  Tensor<float> x({2000}); // 1..1000 shuffled, among 1000 values that do not count
  std::vector<float> values;
  for (int i = 1; i <= 1000; ++i) {
    values.push_back(static_cast<float>(i));
    values.push_back(i % 2 ? 0.0f : -static_cast<float>(i));
  }
  shuffle(values, Random(1));
  std::copy(values.begin(), values.end(), x.data());
  CHECK(positive_quantile<float>(x, 0.999) == 999.0f);
  CHECK(positive_quantile<float>(x, 1.0) == 1000.0f);
  CHECK(positive_quantile<float>(x, 0.9991) == 1000.0f);
  CHECK(positive_quantile<float>(x, 0.5) == 500.0f);
  CHECK(positive_quantile<float>(x, 1e-9) == 1.0f);
}

TEST_CASE("the quantile agrees with sorting", "[quant]") {
  const Tensor<double> x = test::gaussian<double>({4, 3, 17, 19}, 2.0, 2);
  std::vector<double> sorted;
  for (double v : x)
    if (v > 0) sorted.push_back(v);
  std::sort(sorted.begin(), sorted.end());
  for (double p : {0.01, 0.25, 0.9, 0.99, 0.999, 1.0}) {
    std::size_t k = 0; // the first at which the share reaches p
    while (static_cast<double>(k + 1) < p * static_cast<double>(sorted.size())) ++k;
    CHECK(positive_quantile<double>(x, p) == sorted[k]);
  }
}

TEST_CASE("alpha starts at the quantile, at least at the floor, at 10 where all is negative",
          "[quant]") {
  CHECK(calibrate_alpha<float>(Tensor<float>({3}, {-1, 2, 3})) == 3.0f);
  CHECK(calibrate_alpha<float>(Tensor<float>({2}, {-1, 1e-6f})) == static_cast<float>(alpha_floor));
  CHECK(calibrate_alpha<float>(Tensor<float>({2}, {-1, 0})) == 10.0f);
  CHECK_SAYS(calibrate_alpha<float>(Tensor<float>({1}, std::numeric_limits<float>::quiet_NaN())),
             value_error, "finite values", "got nan");
  CHECK_SAYS(positive_quantile<float>(Tensor<float>({1}, std::numeric_limits<float>::quiet_NaN()),
                                      0.5, "relu1"),
             value_error, "quantile of the input of 'relu1'");
  CHECK_SAYS(positive_quantile<float>(Tensor<float>({1}), 0.0), value_error, "a share in (0, 1]",
             "got 0");
  CHECK_SAYS(positive_quantile<float>(Tensor<float>({1}), 1.5), value_error, "a share in (0, 1]",
             "got 1.5");
}

} // namespace test_calibrate
