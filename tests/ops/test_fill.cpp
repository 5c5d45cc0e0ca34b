#include "sgq/ops/fill.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <cmath>
#include <vector>

namespace test_fill {

using namespace sgq;

namespace {

// Images of MNIST-like codes on their grid, another range in every channel.
Tensor<float> code_images(const Shape& shape, const QuantParams& grid) {
  Tensor<float> x(shape);
  const index_t plane = shape.plane();
  for (index_t i = 0; i < x.size(); ++i) {
    const index_t c = i / plane % shape[1];
    x[i] = grid.value<float>(40 * c + Random(5).below(i, 30 + c), c);
  }
  return x;
}

template <class T>
void range_of(const Tensor<T>& x, index_t n, index_t c, T& low, T& high) {
  const index_t plane = x.shape().plane();
  const T* p = x.data() + (n * x.shape()[1] + c) * plane;
  low = *std::min_element(p, p + plane);
  high = *std::max_element(p, p + plane);
}

const Shape shape{3, 2, 6, 5};
const Shape mask_shape{3, 6, 5};

Tensor<std::uint8_t> checkerboard() {
  Tensor<std::uint8_t> mask(mask_shape);
  for (index_t i = 0; i < mask.size(); ++i) mask[i] = i % 2 == 0;
  return mask;
}

} // namespace

TEST_CASE("only marked positions change, in every channel", "[fill]") {
  const Tensor<float> x = code_images(shape, {0.5f, {0, 7}});
  const auto mask = checkerboard();
  for (ops::Fill kind :
       {ops::Fill::uniform, ops::Fill::mean, ops::Fill::constant, ops::Fill::blur}) {
    Tensor<float> out(shape);
    ops::fill_masked<float>(x, mask, {.fill = kind, .value = {-99}}, Random(1), out);
    index_t changed = 0;
    for (index_t i = 0; i < x.size(); ++i) {
      const bool marked = mask[i / 60 * 30 + i % 30] != 0;
      if (!marked) REQUIRE(out[i] == x[i]);
      changed += out[i] != x[i];
    }
    CHECK(changed > x.size() * 4 / 10); // half is marked; a draw may hit the old value
    Tensor<float> in_place = x;
    ops::fill_masked<float>(in_place, mask, {.fill = kind, .value = {-99}}, Random(1), in_place);
    CHECK(std::equal(out.begin(), out.end(), in_place.begin()));
  }
}

TEMPLATE_TEST_CASE("uniform fill spans the range of its image and channel", "[fill]", float,
                   double) {
  const Shape large{2, 2, 40, 40};
  Tensor<TestType> x(large), out(large);
  for (index_t i = 0; i < x.size(); ++i)
    x[i] = TestType(i / 1600 + 1) * TestType(Random(3).uniform(i)); // a range for each plane
  ops::fill_all<TestType>(x, {}, Random(4), out);
  for (index_t n = 0; n < 2; ++n)
    for (index_t c = 0; c < 2; ++c) {
      TestType low, high, drawn_low, drawn_high;
      range_of(x, n, c, low, high);
      range_of(out, n, c, drawn_low, drawn_high);
      CHECK(drawn_low >= low);
      CHECK(drawn_high <= high);
      // of 1600 draws the extreme ones miss the ends by 1/100 of the range with p = e^-16
      CHECK(drawn_high - drawn_low > TestType(0.98) * (high - low));
      double sum = 0;
      for (index_t i = 0; i < 1600; ++i) sum += double(out[(n * 2 + c) * 1600 + i]);
      // 4 standard errors of a mean of 1600: 4 / sqrt(12 * 1600) = 0.029
      CHECK(std::abs(sum / 1600 - double(low + high) / 2) < 0.029 * double(high - low));
    }
}

TEST_CASE("a draw is the documented function of image, channel and position", "[fill]") {
  const QuantParams grid{0.5f, {0, 7}};
  const Tensor<float> x = code_images(shape, grid);
  Tensor<float> noise(shape), codes(shape);
  ops::fill_all<float>(x, {}, Random(9), noise);
  ops::fill_all<float>(x, {.grid = grid}, Random(9), codes);
  for (index_t i = 0; i < x.size(); ++i) {
    const index_t n = i / 60, c = i / 30 % 2;
    float low, high;
    range_of(x, n, c, low, high);
    const Random own = Random(9).split(static_cast<std::uint64_t>(n));
    const double range = static_cast<double>(high - low),
                 u = static_cast<double>(own.uniform(i % 60));
    CHECK(noise[i] == static_cast<float>(static_cast<double>(low) + range * u));
    const index_t first = grid.code(low, c), count = grid.code(high, c) - first + 1;
    CHECK(codes[i] == grid.value<float>(first + own.below(i % 60, count), c));
  }
}

TEST_CASE("a draw depends on seed, image, channel and position only", "[fill]") {
  const Tensor<float> x = code_images(shape, {0.5f, {0, 7}});
  const auto some = checkerboard();
  Tensor<float> all(shape), half(shape), other(shape), first(shape.with_batch(1));
  ops::fill_all<float>(x, {}, Random(9), all);
  ops::fill_masked<float>(x, some, {}, Random(9), half);
  for (index_t i = 0; i < x.size(); ++i)
    if (some[i / 60 * 30 + i % 30] != 0) REQUIRE(half[i] == all[i]); // whatever else is marked
  ops::fill_all<float>(x.view().slice(0, 1), {}, Random(9), first);
  CHECK(std::equal(first.begin(), first.end(), all.begin())); // whatever else is in the batch
  CHECK(same_for_any_thread_count([&] {
    ops::fill_all<float>(x, {}, Random(9), other);
    return values(other);
  }));
  ops::fill_all<float>(x, {}, Random(10), other);
  CHECK_FALSE(std::equal(other.begin(), other.end(), all.begin()));
  // two images and two channels of equal content get different noise
  Tensor<float> twins({2, 2, 1, 8});
  for (index_t i = 0; i < 32; ++i) twins[i] = float(i % 8);
  Tensor<float> noise(twins.shape());
  ops::fill_all<float>(twins, {}, Random(9), noise);
  for (index_t p = 1; p < 4; ++p)
    CHECK_FALSE(std::equal(noise.data(), noise.data() + 8, noise.data() + 8 * p));
}

TEST_CASE("on a pixel grid every fill is a code of the image's range", "[fill]") {
  const QuantParams grid{1 / (255 * 0.30811f), {33, 120}};
  const Tensor<float> x = code_images(shape, grid);
  for (ops::Fill kind :
       {ops::Fill::uniform, ops::Fill::mean, ops::Fill::constant, ops::Fill::blur}) {
    Tensor<float> out(shape);
    ops::fill_all<float>(x, {.fill = kind, .value = {0.3f}, .grid = grid}, Random(2), out);
    for (index_t i = 0; i < x.size(); ++i) {
      const index_t n = i / 60, c = i / 30 % 2;
      const index_t code = grid.code(out[i], c);
      REQUIRE(out[i] == grid.value<float>(code, c));
      if (kind == ops::Fill::constant) continue;
      float low, high;
      range_of(x, n, c, low, high);
      REQUIRE(code >= grid.code(low, c));
      REQUIRE(code <= grid.code(high, c));
    }
  }
  // every code of a small range is drawn, its ends included
  Tensor<float> two({1, 2, 1, 40});
  for (index_t i = 0; i < 80; ++i) two[i] = grid.value<float>(i % 40 == 0 ? 7 : 9, i / 40);
  Tensor<float> out(two.shape());
  ops::fill_all<float>(two, {.grid = grid}, Random(2), out);
  for (index_t code : {7, 8, 9})
    CHECK(std::count(out.data(), out.data() + 40, grid.value<float>(code, 0)) > 0);
}

TEST_CASE("codes and values convert both ways, clipped", "[fill]") {
  const QuantParams grid{1 / (255 * 0.30811f), {33}};
  for (index_t p = 0; p < 256; ++p) REQUIRE(grid.code(grid.value<float>(p, 0), 0) == p);
  CHECK(grid.code(-100.0f, 0) == 0);
  CHECK(grid.code(100.0, 0) == 255);
}

TEST_CASE("mean and constant fills have their closed form", "[fill]") {
  const Tensor<float> x({1, 2, 2, 2}, {1, 2, 3, 6, -1, 0, 0, 3});
  Tensor<float> out(x.shape());
  ops::fill_all<float>(x, {.fill = ops::Fill::mean}, Random(0), out);
  CHECK(std::vector<float>(out.begin(), out.end()) ==
        std::vector<float>{3, 3, 3, 3, .5f, .5f, .5f, .5f});
  ops::fill_all<float>(x, {.fill = ops::Fill::constant, .value = {4, 5}}, Random(0), out);
  CHECK(std::vector<float>(out.begin(), out.end()) == std::vector<float>{4, 4, 4, 4, 5, 5, 5, 5});
  ops::fill_all<float>(x, {.fill = ops::Fill::constant, .value = {4}}, Random(0), out);
  CHECK(out[7] == 4);
}

TEST_CASE("blur is the normalised Gaussian average", "[fill]") {
  const index_t height = 9, width = 7;
  Tensor<double> x({1, 1, height, width}), out(x.shape());
  x.fill(2.5);
  ops::fill_all<double>(x, {.fill = ops::Fill::blur, .sigma = 1.5}, Random(0), out);
  for (double v : out) CHECK(v == Approx(2.5).epsilon(1e-14)); // at the border too
  // against the two-dimensional sum, its window |j| <= 5 = ceil(3 * 1.5)
  for (index_t i = 0; i < x.size(); ++i) x[i] = Random(8).normal(i);
  ops::fill_all<double>(x, {.fill = ops::Fill::blur, .sigma = 1.5}, Random(0), out);
  for (index_t h = 0; h < height; ++h)
    for (index_t w = 0; w < width; ++w) {
      double sum = 0, total = 0;
      for (index_t a = 0; a < height; ++a)
        for (index_t b = 0; b < width; ++b) {
          if (std::abs(a - h) > 5 || std::abs(b - w) > 5) continue;
          const double d = double((a - h) * (a - h) + (b - w) * (b - w));
          const double weight = std::exp(-d / (2 * 1.5 * 1.5));
          sum += weight * x(0, 0, a, b);
          total += weight;
        }
      CHECK(out(0, 0, h, w) == Approx(sum / total).epsilon(1e-12).margin(1e-14));
    }
}

TEST_CASE("fills that do not fit are errors that say why", "[fill]") {
  const Tensor<float> x(shape), flat({3, 60});
  Tensor<float> out(shape), flat_out({3, 60});
  const auto message = [&](const ops::FillOptions& options) {
    return message_of<value_error>([&] { ops::fill_all<float>(x, options, Random(0), out); });
  };
  CHECK(contains(message({.fill = ops::Fill::constant}), "each of 2 channels, got 0"));
  CHECK(contains(message({.fill = ops::Fill::constant, .value = {1, 2, 3}}), "got 3"));
  CHECK(contains(message({.fill = ops::Fill::constant, .value = {NAN}}), "finite values, got nan"));
  CHECK(contains(message({.fill = ops::Fill::blur, .sigma = 0}), "sigma > 0"));
  CHECK(contains(message({.fill = ops::Fill::blur, .sigma = 1e6}), "below 1e6"));
  CHECK(contains(message({.grid = {0.1f, {1}}}), "2 zero points, one per channel, got 1"));
  CHECK(contains(message({.grid = {-1, {1, 1}}}), "a positive scale"));
  CHECK_SAYS(ops::fill_all<float>(flat, {}, Random(0), flat_out), shape_error, "fill",
             "[N, C, H, W]", "got [3, 60]");
  const Tensor<std::uint8_t> mask({3, 5, 6});
  CHECK_SAYS(ops::fill_masked<float>(x, mask, {}, Random(0), out), shape_error, "fill: mask",
             "got [3, 5, 6]");
  Tensor<float> narrow({3, 2, 5, 6});
  CHECK_SAYS(ops::fill_masked<float>(x, checkerboard(), {}, Random(0), narrow), shape_error,
             "fill: output", "got [3, 2, 5, 6]");
}

} // namespace test_fill
