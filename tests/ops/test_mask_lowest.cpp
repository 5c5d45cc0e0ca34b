#include "sgq/ops/mask_lowest.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace test_mask_lowest {

using namespace sgq;

namespace {

std::vector<float> masked(const Tensor<float>& x, const Tensor<float>& dx,
                          const ops::MaskOptions& options) {
  Tensor<float> out(x.shape());
  ops::mask_lowest<float>(x, dx, options, Random(1), out);
  return {out.begin(), out.end()};
}

const ops::FillOptions nines{.fill = ops::Fill::constant, .value = {9}};

} // namespace

TEST_CASE("the positions of lowest channel mean are replaced in all channels", "[mask_lowest]") {
  const Tensor<float> x({1, 2, 1, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  //                        channel means: 1, -3, 0, -1;   of magnitudes: 1, 3, 2, 2.5
  const Tensor<float> dx({1, 2, 1, 4}, {1, -3, 2, 1.5f, 1, -3, -2, -3.5f});
  using ops::Rank;
  CHECK(masked(x, dx, {.fill = nines}) == std::vector<float>{1, 9, 3, 9, 5, 9, 7, 9});
  CHECK(masked(x, dx, {.rank_by = Rank::magnitude, .fill = nines}) ==
        std::vector<float>{9, 2, 9, 4, 9, 6, 9, 8});
  CHECK(masked(x, dx, {.share = 0.74, .fill = nines}) ==
        std::vector<float>{1, 9, 3, 9, 5, 9, 7, 9}); // floor(2.96)
}

TEST_CASE("shares 0 and 1 keep and replace everything", "[mask_lowest]") {
  const Tensor<float> x({2, 1, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor<float> dx(x.shape());
  CHECK(masked(x, dx, {.share = 0, .fill = nines}) == std::vector<float>(x.begin(), x.end()));
  CHECK(masked(x, dx, {.share = 1, .fill = nines}) == std::vector<float>(8, 9));
  CHECK_SAYS(masked(x, dx, {.share = 1.5, .fill = nines}), value_error, "share", "got 1.5");
}

TEST_CASE("where the gradient is 0, masked positions lie anywhere", "[mask_lowest]") {
  const Tensor<float> x({200, 1, 4, 4}, 1.0f), dx(x.shape());
  const std::vector<float> out = masked(x, dx, {.fill = nines});
  index_t top = 0; // of 8 masked positions, 4 lie in the two upper rows, by index all 8 would
  for (std::size_t i = 0; i < out.size(); ++i) top += i % 16 < 8 && out[i] == 9;
  // hypergeometric variance 8 * 1/2 * 1/2 * 8/15 = 1.07 an image; 5 deviations of the mean
  CHECK(static_cast<double>(top) / 200 == Approx(4).margin(5 * std::sqrt(1.07 / 200)));
}

TEST_CASE("masking raises on NaN and on foreign shapes", "[mask_lowest]") {
  const Tensor<float> x({1, 1, 2, 2});
  Tensor<float> dx(x.shape());
  dx[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_SAYS(masked(x, dx, {}), value_error, "NaN in image 0");
  CHECK_SAYS(masked(x, Tensor<float>({1, 1, 4, 1}), {}), shape_error, "mask_lowest: gradient",
             "got [1, 1, 4, 1]");
  CHECK_SAYS(masked(Tensor<float>({1, 4}), Tensor<float>({1, 4}), {}), shape_error, "mask_lowest",
             "[N, C, H, W]", "got [1, 4]");
}

TEST_CASE("masking works in place, the same for any thread count", "[mask_lowest]") {
  Tensor<float> x({33, 2, 8, 8}), dx(x.shape());
  for (index_t i = 0; i < x.size(); ++i) {
    x[i] = Random(1).uniform(i);
    dx[i] = static_cast<float>(Random(2).normal(i));
  }
  CHECK(same_for_any_thread_count([&] { return masked(x, dx, {}); }));
  const std::vector<float> apart = masked(x, dx, {});
  ops::mask_lowest<float>(x, dx, {}, Random(1), x);
  CHECK(std::equal(x.begin(), x.end(), apart.begin()));
}

} // namespace test_mask_lowest
