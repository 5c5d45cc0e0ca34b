#include "sgq/data/augment.hpp"
#include "support/catch.hpp"

#include <map>

namespace test_augment {

using namespace sgq;
using namespace sgq::data;

TEST_CASE("A window moves, mirrors and pads with the zero code", "[data]") {
  const QuantParams grid{1, {9, 8}};
  const std::vector<std::uint8_t> image{1, 2, 3, 4, 5, 6, /* channel 1: */ 11, 12, 13, 14, 15, 16};
  const Shape shape{1, 2, 2, 3};
  const auto through = [&](const CropFlip& window) {
    std::vector<std::uint8_t> out(12, 99);
    crop_flip(image.data(), shape, window, grid, out.data());
    return out;
  };
  using Codes = std::vector<std::uint8_t>;
  CHECK(through({}) == image);
  CHECK(through({.flip = true}) == Codes{3, 2, 1, 6, 5, 4, 13, 12, 11, 16, 15, 14});
  CHECK(through({.dy = 1}) == Codes{4, 5, 6, 9, 9, 9, 14, 15, 16, 8, 8, 8});
  CHECK(through({.dy = -1, .dx = 1}) == Codes{9, 9, 9, 2, 3, 9, 8, 8, 8, 12, 13, 8});
  CHECK(through({.dx = -2, .flip = true}) == Codes{1, 9, 9, 4, 9, 9, 11, 8, 8, 14, 8, 8});
  CHECK(through({.dy = 5, .dx = -5}) == Codes{9, 9, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8});
}

TEST_CASE("Crops and flips are uniform and depend on seed, epoch and image", "[data]") {
  const Augmentation how{.pad = 4, .flip = true};
  const int draws = 8100;
  std::map<std::pair<index_t, index_t>, int> offsets;
  int flips = 0;
  for (index_t i = 0; i < draws; ++i) {
    const CropFlip window = draw_crop_flip(how, 1, 0, i);
    ++offsets[{window.dy, window.dx}];
    flips += window.flip;
  }
  CHECK(offsets.size() == 81);
  double chi2 = 0; // 80 degrees of freedom: mean 80, deviation 12.6
  for (const auto& [offset, count] : offsets) {
    REQUIRE(std::abs(offset.first) <= 4);
    REQUIRE(std::abs(offset.second) <= 4);
    chi2 += (count - 100.0) * (count - 100.0) / 100;
  }
  CHECK(chi2 < 80 + 5 * 12.6);
  CHECK(std::abs(flips - draws / 2) < 5 * 45); // deviation sqrt(8100) / 2 = 45

  const auto differing = [&](std::uint64_t seed, index_t epoch) {
    int count = 0;
    for (index_t i = 0; i < 200; ++i) {
      const CropFlip a = draw_crop_flip(how, 1, 0, i), b = draw_crop_flip(how, seed, epoch, i);
      count += a.dy != b.dy || a.dx != b.dx || a.flip != b.flip;
    }
    return count;
  };
  CHECK(differing(1, 0) == 0);
  CHECK(differing(1, 1) > 180); // two draws agree once in 162
  CHECK(differing(2, 0) > 180);
}

// By a Philox written in Python. Frozen: other draws are another numerics_version.
TEST_CASE("These are the first windows", "[data]") {
  const CropFlip windows[] = {{2, 0, false}, {4, 3, false}, {-2, -3, false}, {-2, 0, true}};
  for (index_t i = 0; i < 4; ++i) {
    const CropFlip got = draw_crop_flip({.pad = 4, .flip = true}, 1, 2, i), right = windows[i];
    CHECK((got.dy == right.dy && got.dx == right.dx && got.flip == right.flip));
  }
}

TEST_CASE("No augmentation draws the whole image", "[data]") {
  CHECK_FALSE(Augmentation{}.any());
  for (index_t i = 0; i < 50; ++i) {
    const CropFlip window = draw_crop_flip({}, 1, 2, i);
    CHECK((window.dy == 0 && window.dx == 0 && !window.flip));
  }
}

} // namespace test_augment
