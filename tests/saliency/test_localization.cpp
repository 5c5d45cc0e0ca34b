#include "sgq/saliency/metrics/localization.hpp"

#include "golden/metrics.hpp"
#include "over_ties.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <vector>

namespace test_localization {

using namespace sgq;
using namespace sgq::saliency;

namespace {

double mean(const Tensor<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

// A patch of 3 x 4 in each of n images of 10 x 10, at another place in each.
Tensor<std::uint8_t> patches(index_t n) {
  Tensor<std::uint8_t> masks({n, 10, 10});
  for (index_t i = 0; i < n; ++i)
    for (index_t y = 0; y < 3; ++y)
      for (index_t x = 0; x < 4; ++x) masks[i * 100 + (i % 8 + y) * 10 + i * 3 % 7 + x] = 1;
  return masks;
}

} // namespace

TEST_CASE("localisation equals that of an independent program", "[localization]") {
  const View<const float> maps(golden::metrics::a, {5, 9, 11});
  const View<const std::uint8_t> masks(golden::metrics::masks, {5, 9, 11});
  const double* expected = golden::metrics::localization_of_a;
  saliency_test::check_golden(pointing_game(maps, masks), expected);
  saliency_test::check_over_ties(
      [&](std::uint64_t seed) { return relevance_rank(maps, masks, seed); }, expected + 5);
  saliency_test::check_golden(relevance_mass(maps, masks), expected + 10);
}

TEST_CASE("an oracle map finds planted evidence and noise is at chance", "[localization]") {
  const index_t n = 400;
  const auto masks = patches(n);
  Tensor<float> oracle(masks.shape());
  for (index_t i = 0; i < masks.size(); ++i) oracle[i] = masks[i];
  CHECK(mean(pointing_game(oracle, masks)) == 1);
  CHECK(mean(relevance_rank(oracle, masks)) == 1);
  CHECK(mean(relevance_mass(oracle, masks)) == 1);
  Tensor<float> noise(masks.shape());
  for (index_t i = 0; i < noise.size(); ++i) noise[i] = Random(1).uniform(i);
  // 12 of 100 positions: standard error sqrt(.12 .88 / 400) = .016 for one point an image, and
  // .094 / 20 = .0047 for the share of 12
  CHECK(std::abs(mean(pointing_game(noise, masks)) - 0.12) < 4 * 0.016);
  CHECK(std::abs(mean(relevance_rank(noise, masks)) - 0.12) < 4 * 0.0047);
  CHECK(std::abs(mean(relevance_mass(noise, masks)) - 0.12) < 4 * 0.0047);
}

TEST_CASE("a constant map scores the share of the mask", "[localization]") {
  const auto masks = patches(400);
  const Tensor<float> constant(masks.shape(), 2.0f), zero(masks.shape());
  CHECK(std::abs(mean(relevance_rank(constant, masks)) - 0.12) < 4 * 0.0047); // as above
  CHECK(pointing_game(constant, masks)[1] == Approx(0.12));
  CHECK(relevance_mass(constant, masks)[1] == Approx(0.12));
  CHECK(pointing_game(zero, masks)[1] == Approx(0.12));
  CHECK(std::isnan(relevance_mass(zero, masks)[1])); // 0 / 0
  CHECK(relevance_mass(zero, masks, Blank::as_uniform)[1] == Approx(0.12));
  CHECK(relevance_rank(zero, masks)[1] == Approx(0.12));
  const Tensor<float> negative(masks.shape(), -1.0f); // not blank
  CHECK(std::isnan(relevance_mass(negative, masks, Blank::as_uniform)[1]));
}

TEST_CASE("tied maxima share the point", "[localization]") {
  const Tensor<float> map({1, 2, 3}, {1, 5, 5, -9, 5, 5});
  const Tensor<std::uint8_t> mask({1, 2, 3}, {0, 0, 1, 1, 0, 1});
  CHECK(pointing_game(map, mask)[0] == 0.5);
  CHECK(relevance_mass(map, mask)[0] == Approx(10.0 / 21)); // -9 counts for nothing
}

TEST_CASE("an empty mask leaves the image out; a full one is always hit", "[localization]") {
  const Tensor<float> map({2, 4}, {1, 2, 3, -4, 1, 2, 3, -4});
  const Tensor<std::uint8_t> mask({2, 4}, {0, 0, 0, 0, 1, 255, 1, 1});
  for (const auto& result :
       {pointing_game(map, mask), relevance_rank(map, mask), relevance_mass(map, mask)}) {
    CHECK(std::isnan(result[0]));
    CHECK(result[1] == 1);
  }
}

TEST_CASE("masks may carry a channel extent; other shapes and NaN are errors", "[localization]") {
  const Tensor<float> map({2, 3, 3}, 1.0f);
  CHECK(pointing_game(map, Tensor<std::uint8_t>({2, 1, 3, 3}, std::uint8_t{1}))[0] == 1);
  CHECK_SAYS(pointing_game(map, Tensor<std::uint8_t>({2, 3, 4})), shape_error, "pointing game",
             "mask", "got [2, 3, 4]");
  CHECK_SAYS(relevance_mass(map, Tensor<std::uint8_t>({1, 3, 3})), shape_error, "relevance mass",
             "mask", "got [1, 3, 3]");
  const Tensor<float> wide({1, 2, 3});
  CHECK_SAYS(pointing_game(wide, Tensor<std::uint8_t>({1, 3, 2})), shape_error, "pointing game",
             "got [1, 3, 2]");
  CHECK_SAYS(pointing_game(wide, Tensor<std::uint8_t>({1, 6})), shape_error, "got [1, 6]");
  Tensor<float> bad = map;
  bad[3] = std::numeric_limits<float>::quiet_NaN();
  const Tensor<std::uint8_t> mask({2, 3, 3}, std::uint8_t{1});
  CHECK_SAYS(pointing_game(bad, mask), value_error, "pointing game",
             "nan at position 3 of image 0");
  CHECK_SAYS(relevance_rank(bad, mask), value_error, "relevance rank",
             "nan at position 3 of image 0");
}

TEST_CASE("bright pixels are those above half intensity", "[localization]") {
  const auto mask = bright_mask(Tensor<std::uint8_t>({1, 1, 1, 4}, {0, 127, 128, 255}));
  CHECK(std::vector<int>(mask.begin(), mask.end()) == std::vector<int>{0, 0, 1, 1});
}

} // namespace test_localization
