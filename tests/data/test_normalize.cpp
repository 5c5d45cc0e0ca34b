#include "sgq/data/load.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_normalize {

using namespace sgq;
using namespace sgq::data;

namespace {
/// One image in which every code occurs once in each channel.
Tensor<std::uint8_t> all_codes(index_t channels) {
  Tensor<std::uint8_t> codes(Shape{1, channels, 16, 16});
  for (index_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i % 256);
  return codes;
}
} // namespace

TEMPLATE_TEST_CASE("Codes become scale times an exact difference, and come back", "[data]", float,
                   double) {
  for (const DatasetInfo& info : datasets) {
    const QuantParams grid = normalization(info.name);
    const Tensor<std::uint8_t> codes = all_codes(grid.channels());
    Tensor<TestType> x(codes.shape());
    normalize<TestType>(codes, grid, x);
    for (index_t c = 0; c < grid.channels(); ++c)
      for (index_t p = 0; p < 256; ++p) REQUIRE(x[c * 256 + p] == grid.value<TestType>(p, c));
    CHECK(x[grid.zero_point[0]] == 0); // zero padding is a code

    Tensor<std::uint8_t> back(codes.shape());
    to_codes<TestType>(x, grid, back);
    CHECK(std::equal(codes.begin(), codes.end(), back.begin()));
  }
}

TEST_CASE("Every number has a code", "[data]") {
  const QuantParams grid{0.5f, {100}};
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Tensor<float> x({1, 1, 2, 4}, {0.f, 0.25f, 0.75f, -0.26f, 1e30f, -1e30f, inf, NAN});
  Tensor<std::uint8_t> codes(x.shape());
  to_codes<float>(x, grid, codes);
  // Ties go to the even number of steps: 0.5 to 0, 1.5 to 2.
  const std::vector<int> expected{100, 100, 102, 99, 255, 0, 255, 0};
  CHECK(std::vector<int>(codes.begin(), codes.end()) == expected);
}

TEST_CASE("The known sets' grids are those of their pixels", "[data]") {
  CHECK(normalization("mnist").zero_point == std::vector<std::int32_t>{33});
  CHECK(normalization("fashion-mnist").zero_point == std::vector<std::int32_t>{73});
  CHECK(normalization("cifar-10").zero_point == std::vector<std::int32_t>{125, 123, 114});
  CHECK(normalization("cifar-100").zero_point == std::vector<std::int32_t>{129, 124, 112});
  CHECK(255 * normalization("mnist").scale == Approx(1 / 0.30811));
  CHECK(255 * normalization("fashion-mnist").scale == Approx(1 / 0.3530).epsilon(2e-4));
  CHECK(255 * normalization("cifar-10").scale == Approx(1 / 0.25070).epsilon(1e-4));
  CHECK(255 * normalization("cifar-100").scale == Approx(1 / 0.26664).epsilon(1e-4));
  CHECK_SAYS(normalization("emnist"), value_error, "data set", "got 'emnist'");

  const QuantParams grid = normalization("synthetic");
  const QuantParams measured = measure(synthetic(4000, 2, Split::train));
  CHECK(std::abs(grid.zero_point[0] - measured.zero_point[0]) <= 1);
  CHECK(grid.scale == Approx(measured.scale).epsilon(0.02));
}

TEST_CASE("Measured mean and deviation", "[data]") {
  Dataset set;
  set.labels = {0, 0};
  set.classes = 1;
  // Channel 0: half 10, half 30 (mean 20, deviation 10); channel 1: half 0, half 61 (30.5).
  set.images = Tensor<std::uint8_t>({2, 2, 1, 2}, {10, 30, 0, 61, 30, 10, 61, 0});
  const QuantParams grid = measure(set);
  CHECK(grid.zero_point == std::vector<std::int32_t>{20, 30}); // 30.5 rounds to even
  CHECK(grid.scale == Approx(1 / ((10 + 30.5) / 2)));
  set.images.fill(7);
  CHECK(measure(set).scale == Approx(1 / 255.0));
  CHECK_SAYS(measure(Dataset{}), value_error, "measure", "got none");
}

TEST_CASE("The background is black where a set is drawn on black, else the mean", "[data]") {
  for (const char* name : {"mnist", "fashion-mnist", "synthetic"})
    CHECK(background_values(name, normalization(name)) ==
          std::vector<float>{normalization(name).value<float>(0, 0)});
  CHECK(background_values("cifar-10", normalization("cifar-10")) == std::vector<float>{0, 0, 0});
  CHECK_SAYS(background_values("my set", normalization("mnist")), value_error, "data set",
             "got 'my set'");
  CHECK(background_values("mnist", {1 / 64.0f, {64, 32}}) == std::vector<float>{-1, -0.5f});
}

TEST_CASE("Normalising checks shapes", "[data]") {
  Tensor<float> x(Shape{1, 3, 16, 16}), small(Shape{1, 1, 16, 8});
  const Tensor<std::uint8_t> grey = all_codes(1), colour = all_codes(3);
  CHECK_SAYS(normalize<float>(grey, normalization("cifar-10"), x), shape_error, "normalize",
             "[N, 3, H, W]", "got [1, 1, 16, 16]");
  CHECK_SAYS(normalize<float>(grey, normalization("mnist"), small), shape_error, "normalize",
             "got [1, 1, 16, 8]");
  CHECK_NOTHROW(normalize<float>(colour, normalization("cifar-10"), x));
  CHECK_SAYS(normalize<float>(grey, QuantParams{}, x), shape_error, "normalize",
             "hint: the grid is empty");
  Tensor<std::uint8_t> two(Shape{2, 3, 16, 16});
  CHECK_SAYS(to_codes<float>(x, normalization("mnist"), two), shape_error, "to_codes",
             "[N, 1, H, W]", "got [1, 3, 16, 16]");
  CHECK_SAYS(to_codes<float>(x, normalization("cifar-10"), two), shape_error, "to_codes",
             "got [2, 3, 16, 16]");
}

TEST_CASE("Baselines are images of the set, none of them twice", "[data]") {
  Dataset set;
  set.name = "numbered";
  set.classes = 1;
  set.images.resize({20, 2, 3, 4});
  set.labels.assign(20, 0);
  for (index_t n = 0; n < 20; ++n)
    set.images.view().slice(n, 1).fill(static_cast<std::uint8_t>(10 * n));
  const QuantParams grid{0.5f, {100, 90}};
  const auto numbers = [&](index_t count, std::uint64_t seed) {
    const Tensor<float> x = baseline_images(set, grid, count, seed);
    CHECK(x.shape() == Shape{std::min<index_t>(count, 20), 2, 3, 4});
    std::vector<index_t> found;
    for (index_t n = 0; n < x.shape()[0]; ++n) {
      const index_t code = grid.code(x(n, 0, 0, 0), 0);
      found.push_back(code / 10);
      for (index_t c = 0; c < 2; ++c)
        for (index_t i = 0; i < 12; ++i)
          REQUIRE(x[(2 * n + c) * 12 + i] == grid.value<float>(code, c));
    }
    return found;
  };
  const auto few = numbers(7, 1);
  // By a Philox written in Python. Frozen: another draw is another numerics_version.
  CHECK(few == std::vector<index_t>{12, 18, 6, 1, 14, 13, 8});
  CHECK(numbers(7, 2) != few);
  auto all = numbers(100, 1);
  CHECK(std::equal(few.begin(), few.end(), all.begin()));
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < 20; ++i) CHECK(all[i] == static_cast<index_t>(i));
  CHECK_SAYS(baseline_images(set, grid, 0), value_error, "baseline images: count", "got 0");
  CHECK_SAYS(baseline_images(Dataset{}, grid), value_error, "baseline images", "an empty set");
}

} // namespace test_normalize
