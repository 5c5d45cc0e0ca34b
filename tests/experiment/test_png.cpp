#include "../../examples/tools/png.hpp"

#include "support/catch.hpp"

#include <algorithm>

namespace test_png {

using namespace examples;

TEST_CASE("a map that is exactly 0 says so in its panel", "[experiment]") {
  Tensor<float> maps({3, 28, 28});
  maps[28 * 28 + 5] = std::numeric_limits<float>::denorm_min();
  maps[2 * 28 * 28 + 3] = -0.0f;
  const Tensor<std::uint8_t> drawn = sgq::saliency::colorize(maps);
  const Tensor<std::uint8_t> photograph({3, 1, 28, 28}, std::uint8_t{90});
  for (const auto& pictures : {drawn, sgq::saliency::overlay(photograph, maps)}) {
    const Tile blank = tile_of_map(pictures, maps, 0, "caption"),
               minus = tile_of_map(pictures, maps, 2);
    CHECK(blank.caption == "caption");
    CHECK(std::equal(blank.rgb.begin(), blank.rgb.end(), minus.rgb.begin()));
    // Dark letters on light paper: "all" and "zero" have some 60 pixels of ink.
    const auto ink = std::count(blank.rgb.begin(), blank.rgb.end(), 110) / 3;
    const auto paper = std::count(blank.rgb.begin(), blank.rgb.end(), 238) / 3;
    CHECK(ink + paper == 28 * 28);
    CHECK(ink > 40);
    CHECK(ink < 120);
    const Tile other = tile_of_map(pictures, maps, 1), same = tile_of(pictures, 1);
    CHECK(std::equal(other.rgb.begin(), other.rgb.end(), same.rgb.begin()));
  }
}

} // namespace test_png
