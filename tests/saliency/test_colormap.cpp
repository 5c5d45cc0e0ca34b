#include "sgq/saliency/colormap.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <vector>

namespace test_colormap {

using namespace sgq;
using namespace sgq::saliency;

namespace {

struct Lab {
  double l, a, b;
};

// sRGB -> OKLab by Ottosson's forward matrices; the header has only the way back.
Lab ok_lab(Rgb c) {
  const auto linear = [](std::uint8_t byte) {
    const double v = byte / 255.0;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  const double r = linear(c.r), g = linear(c.g), b = linear(c.b);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

double distance(Lab p, Lab q) {
  return std::hypot(std::hypot(p.l - q.l, p.a - q.a), p.b - q.b);
}

} // namespace

TEST_CASE("OKLab converts to the sRGB primaries", "[colormap]") {
  for (Rgb c : {Rgb{255, 0, 0}, Rgb{0, 255, 0}, Rgb{0, 0, 255}, Rgb{255, 255, 255}, Rgb{0, 0, 0},
                Rgb{12, 200, 99}, Rgb{3, 3, 3}}) {
    const Lab lab = ok_lab(c);
    CHECK(saliency::detail::to_srgb({lab.l, lab.a, lab.b}) == c);
  }
  const Lab red = ok_lab({255, 0, 0}); // the value of the article's table
  CHECK(red.l == Approx(0.628).margin(5e-4));
  CHECK(red.a == Approx(0.225).margin(5e-4));
  CHECK(red.b == Approx(0.126).margin(5e-4));
}

TEST_CASE("equal steps of a ramp look equal and its lightness is monotone", "[colormap]") {
  const Palette palettes[] = {Palette::sequential, Palette::diverging, Palette::diverging};
  for (int which = 0; which < 3; ++which) {
    const auto at = [&](int k) {
      return ok_lab(color(palettes[which], which == 2 ? -k / 255.0 : k / 255.0));
    };
    // Bytes round colours by up to 0.006, so look at 15 long steps of 17 colours each, measured
    // along the curve in two pieces.
    std::vector<double> steps;
    for (int k = 0; k < 255; k += 17) {
      steps.push_back(distance(at(k), at(k + 8)) + distance(at(k + 8), at(k + 17)));
      CHECK((which == 0) == (at(k + 17).l > at(k).l));
    }
    double mean = 0;
    for (double s : steps) mean += s / static_cast<double>(steps.size());
    for (double s : steps) CHECK(std::abs(s - mean) < 0.15 * mean);
  }
}

TEST_CASE("red and blue of one size are equally light", "[colormap]") {
  for (int k = 0; k <= 10; ++k) {
    const Lab red = ok_lab(color(Palette::diverging, k / 10.0));
    const Lab blue = ok_lab(color(Palette::diverging, -k / 10.0));
    CHECK(std::abs(red.l - blue.l) < 0.03);
    if (k > 0) CHECK(red.a > 0);
    if (k > 0) CHECK(blue.b < 0);
  }
}

TEST_CASE("values map to colours, clipped at both ends", "[colormap]") {
  const Rgb white = color(Palette::diverging, 0);
  CHECK(white.r == white.g);
  CHECK(white.g == white.b);
  CHECK(color(Palette::sequential, -3) == color(Palette::sequential, 0));
  CHECK(color(Palette::sequential, 1e9) == color(Palette::sequential, 1));
  CHECK(color(Palette::diverging, -7) == color(Palette::diverging, -1));
  CHECK(color(Palette::sequential, 0).r < 10); // nearly black
  CHECK(color(Palette::sequential, 1).g > 240);
}

TEST_CASE("the colour scale is a percentile of magnitudes, by nearest rank", "[colormap]") {
  std::vector<float> map;
  for (int i = 1; i <= 100; ++i) map.push_back(i % 2 ? float(i) : float(-i));
  CHECK(color_scale(map, 99) == 99);
  CHECK(color_scale(map, 98.5) == 99);
  CHECK(color_scale(map, 100) == 100);
  CHECK(color_scale(map, 0.5) == 1);
  std::vector<float> sparse(200, 0.0f);
  sparse[7] = -3;
  CHECK(color_scale(sparse, 99) == 3); // the percentile is 0: the largest
  CHECK(color_scale(std::vector<float>(9, 0.0f), 99) == 0);
  CHECK_SAYS(color_scale(map, 0), value_error, "percentile", "got 0");
  CHECK_SAYS(color_scale(map, 101), value_error, "percentile", "got 101");
  CHECK_SAYS(color_scale({}, 99), value_error, "colour scale", "an empty one");
  const std::vector<float> bad{1, std::nanf("")};
  CHECK_SAYS(color_scale(bad, 99), value_error, "colour scale", "nan");
  CHECK_SAYS(color(Palette::diverging, std::nan("")), value_error, "colour", "nan");
}

TEST_CASE("maps become pictures", "[colormap]") {
  const Tensor<float> maps({2, 1, 3}, {0, 1, 2, 0, -8, 4});
  const auto rgb = colorize(maps, {.palette = Palette::diverging, .percentile = 100});
  REQUIRE(rgb.shape() == Shape{2, 1, 3, 3});
  const auto at = [&](const Tensor<std::uint8_t>& t, index_t i) {
    return Rgb{t[3 * i], t[3 * i + 1], t[3 * i + 2]};
  };
  CHECK(at(rgb, 0) == color(Palette::diverging, 0));
  CHECK(at(rgb, 1) == color(Palette::diverging, 0.5));
  CHECK(at(rgb, 2) == color(Palette::diverging, 1));
  CHECK(at(rgb, 4) == color(Palette::diverging, -1));
  CHECK(at(rgb, 5) == color(Palette::diverging, 0.5)); // each map has its own scale
  const auto shared = colorize(maps, {.palette = Palette::diverging, .scale = 8});
  CHECK(at(shared, 2) == color(Palette::diverging, 0.25));
  const auto zero = colorize(Tensor<float>({1, 2, 2}));
  for (index_t i = 0; i < 4; ++i) CHECK(at(zero, i) == color(Palette::sequential, 0));
}

TEST_CASE("an overlay is the image in dim grey where the map is 0", "[colormap]") {
  const Tensor<std::uint8_t> grey({1, 1, 1, 3}, {10, 100, 200});
  const Tensor<std::uint8_t> colored({1, 3, 1, 2}, {255, 0, 0, 255, 0, 0}); // red, green
  const Tensor<float> map({1, 1, 3}, {0, 0, 5});
  const auto over = overlay(grey, map, {}, 1.0);
  CHECK(over[0] == 5);
  CHECK(over[5] == 50);
  CHECK(Rgb{over[6], over[7], over[8]} == color(Palette::sequential, 1)); // strength 1: colour only
  const auto mixed = overlay(grey, Tensor<float>({1, 1, 3}, {0, 2, 4}), {.percentile = 100}, 0.6);
  CHECK(mixed[3] == std::lround(0.7 * 50 + 0.3 * color(Palette::sequential, 0.5).r));
  const auto luma = overlay(colored, Tensor<float>({1, 1, 2}));
  CHECK(luma[0] == 27); // 0.2126 * 255 / 2
  CHECK(luma[3] == 91); // 0.7152 * 255 / 2
  const auto plain = to_rgb(colored);
  CHECK(std::vector<int>(plain.begin(), plain.end()) == std::vector<int>{255, 0, 0, 0, 255, 0});
}

TEST_CASE("two or four channels become the grey of their mean", "[colormap]") {
  const auto two = to_rgb(Tensor<std::uint8_t>({1, 2, 1, 2}, {10, 255, 21, 255}));
  CHECK(two.shape() == Shape{1, 1, 2, 3});
  CHECK(std::vector<int>(two.begin(), two.end()) ==
        std::vector<int>{16, 16, 16, 255, 255, 255}); // 15.5 is rounded up
  const auto four = to_rgb(Tensor<std::uint8_t>({1, 4, 1, 1}, {1, 2, 3, 255}));
  CHECK(four[0] == 65);
}

TEST_CASE("pictures of what is no picture are errors", "[colormap]") {
  const Tensor<std::uint8_t> flat({2, 3, 3}), codes({1, 1, 3, 3});
  CHECK_SAYS(to_rgb(flat), shape_error, "picture", "[N, C, H, W]", "got [2, 3, 3]");
  CHECK_SAYS(overlay(codes, Tensor<float>({1, 3, 4})), shape_error, "overlay: maps",
             "got [1, 3, 4]");
  CHECK_SAYS(colorize(Tensor<float>({3, 3})), shape_error, "maps", "[N, H, W]", "got [3, 3]");
  Tensor<float> bad({1, 3, 3});
  bad[4] = std::numeric_limits<float>::quiet_NaN();
  CHECK_SAYS(colorize(bad), value_error, "maps", "nan at position 4 of image 0");
  CHECK_SAYS(colorize(Tensor<float>({1, 3, 3}), {.scale = -1}), value_error, "scale", "got -1");
}

} // namespace test_colormap
