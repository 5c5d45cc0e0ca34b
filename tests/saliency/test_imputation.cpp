#include "sgq/saliency/metrics/imputation.hpp"

#include "golden/road.hpp"
#include "sgq/core/random.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>
#include <numeric>
#include <vector>

namespace test_imputation {

using namespace sgq;
using namespace sgq::saliency;

namespace {

using Positions = std::vector<std::int32_t>;

Tensor<double> noise(const Shape& shape, std::uint64_t seed) {
  Tensor<double> plane(shape);
  for (index_t i = 0; i < plane.size(); ++i) plane[i] = 255.0 * Random(seed).uniform(i);
  return plane;
}

/// All positions but one.
Positions all_but(index_t size, std::int32_t known) {
  Positions p(static_cast<std::size_t>(size));
  std::iota(p.begin(), p.end(), 0);
  p.erase(p.begin() + known);
  return p;
}

/// |known neighbours - (D - W) x| / |known neighbours|, straight from the definition.
double relative_residual(View<const double> x, const Positions& removed) {
  const index_t height = x.shape()[0], width = x.shape()[1];
  const auto known = [&](index_t at) {
    return std::find(removed.begin(), removed.end(), at) == removed.end();
  };
  double residual = 0, right_side = 0;
  for (const index_t at : removed) {
    double right = 0, left = 0;
    for (index_t h = std::max(index_t{0}, at / width - 1);
         h <= std::min(height - 1, at / width + 1); ++h)
      for (index_t w = std::max(index_t{0}, at % width - 1);
           w <= std::min(width - 1, at % width + 1); ++w) {
        const bool direct = h == at / width || w == at % width;
        const double weight = direct ? 1.0 / 6 : 1.0 / 12;
        if (h * width + w == at) continue;
        left += weight * x[at];
        (known(h * width + w) ? right : left) += (known(h * width + w) ? 1 : -1) * weight * x(h, w);
      }
    residual += (right - left) * (right - left);
    right_side += right * right;
  }
  return std::sqrt(residual / right_side);
}

} // namespace

TEST_CASE("removed pixels equal those of an independent program", "[imputation]") {
  const double *plane = golden::road::planes, *solved = golden::road::solved;
  const std::int32_t* removed = golden::road::removed;
  for (std::size_t k = 0; k < std::size(golden::road::bounds); ++k) {
    const std::int64_t* size = golden::road::sizes + 3 * k;
    const Shape shape{size[0], size[1]};
    INFO(shape.str() << " without " << size[2]);
    Tensor<double> x;
    x.copy_from({plane, shape});
    const Positions positions(removed, removed + size[2]);
    for (const std::int32_t at : positions) x[at] = 0;
    impute(x, positions);
    for (index_t u = 0; u < size[2]; ++u)
      CHECK(std::abs(x[positions[static_cast<std::size_t>(u)]] - solved[u]) <=
            golden::road::bounds[k]);
    for (index_t i = 0; i < x.size(); ++i)
      if (std::find(positions.begin(), positions.end(), i) == positions.end())
        CHECK(x[i] == plane[i]);
    plane += shape.size(), removed += size[2], solved += size[2];
  }
}

TEST_CASE("a linear image is exact where no removed pixel touches the border", "[imputation]") {
  const index_t height = 14, width = 11;
  Tensor<double> linear({height, width});
  for (index_t h = 0; h < height; ++h)
    for (index_t w = 0; w < width; ++w) linear(h, w) = 20 + 7.5 * double(h) - 3.25 * double(w);
  Positions inner, scattered, touching;
  double right_side = 0; // at most: every neighbour known
  for (index_t h = 1; h + 1 < height; ++h)
    for (index_t w = 1; w + 1 < width; ++w) {
      inner.push_back(std::int32_t(h * width + w));
      if (Random(1).bits(h * width + w) % 3 > 0) scattered.push_back(inner.back());
      right_side += linear(h, w) * linear(h, w);
    }
  // D - W of all inner pixels has sines as eigenvectors. The lowest eigenvalue, with a = pi / 13
  // and b = pi / 10, is (16 - (2 + 2 cos a)(2 + 2 cos b)) / 12; fewer unknowns have a higher one
  // (Cauchy). A residual of 1e-6 of the right side is an error of at most 1e-6 / lowest of it.
  const double lowest = (16 - (2 + 2 * std::cos(M_PI / double(height - 1))) *
                                  (2 + 2 * std::cos(M_PI / double(width - 1)))) /
                        12;
  const double bound = 1e-6 * std::sqrt(right_side) / lowest;
  REQUIRE(bound < 0.02);
  for (const Positions& removed : {inner, scattered}) {
    Tensor<double> x = linear;
    for (const std::int32_t at : removed) x[at] = 0;
    impute(x, removed);
    for (index_t i = 0; i < x.size(); ++i) CHECK(std::abs(x[i] - linear[i]) <= bound);
  }
  // At the border the neighbours are on one side: the gradient bends.
  Tensor<double> x = linear;
  const std::int32_t corner[] = {0};
  impute(x, corner);
  CHECK(std::abs(x[0] - linear[0]) > 1);
}

TEST_CASE("one removed pixel is the weighted mean of its neighbours", "[imputation]") {
  const index_t height = 4, width = 5;
  const Tensor<double> plane = noise({height, width}, 2);
  for (std::int32_t at = 0; at < height * width; ++at) {
    Tensor<double> x = plane;
    x[at] = -1000;
    CHECK(impute(x, Positions{at}) <= 1); // one unknown, one step
    double sum = 0, weights = 0;
    for (index_t h = 0; h < height; ++h)
      for (index_t w = 0; w < width; ++w) {
        const index_t far = std::abs(h - at / width), wide = std::abs(w - at % width);
        const double weight = far > 1 || wide > 1 ? 0
                              : far + wide == 1   ? 1.0 / 6
                              : far + wide == 2   ? 1.0 / 12
                                                  : 0;
        sum += weight * plane(h, w);
        weights += weight;
      }
    CHECK(x[at] == Approx(sum / weights).epsilon(1e-12));
  }
}

TEST_CASE("one pixel that is left is everywhere", "[imputation]") {
  for (const Shape& shape : {Shape{9, 7}, Shape{1, 6}, Shape{2, 2}})
    for (std::int32_t known : {0, int(shape.size()) / 2}) {
      Tensor<double> x = noise(shape, 3);
      const double value = x[known];
      impute(x, all_but(shape.size(), known));
      // The inverse has HW - 1 resistances to the known pixel on its diagonal, each at most 6 for
      // every step to a direct neighbour: 1 / the lowest eigenvalue is at most their sum. The right
      // side is at most value * sqrt(8) / 6.
      const double steps = double(shape[0] + shape[1] - 2);
      const double bound = 1e-6 * value * std::sqrt(8.0) / 6 * 6 * steps * double(shape.size() - 1);
      for (const double v : x) CHECK(std::abs(v - value) <= bound);
    }
}

TEST_CASE("where all that is left is 0, so is the rest, exactly", "[imputation]") {
  Tensor<double> x = noise({6, 6}, 4);
  x[35] = 0;
  CHECK(impute(x, all_but(36, 35)) == 0);
  for (const double v : x) CHECK(v == 0);
}

TEST_CASE("a good guess saves iterations, and the residual is below 1e-6 with any",
          "[imputation]") {
  const Tensor<double> plane = noise({28, 28}, 5);
  Positions most, fewer;
  for (std::int32_t at = 0; at < 28 * 28; ++at) {
    const std::uint32_t draw = Random(6).bits(at) % 10;
    if (draw < 8) most.push_back(at);
    if (draw < 7) fewer.push_back(at);
  }
  Tensor<double> cold = plane, warm = plane;
  for (const std::int32_t at : most) cold[at] = 0;
  const index_t from_zero = impute(cold, most);
  impute(warm, fewer);
  CHECK(impute(warm, most) < from_zero);
  CHECK(impute(cold, most) == 0); // it is the solution
  // Rounding moves the residual in the 13th digit.
  CHECK(relative_residual(cold, most) < 1e-6 * (1 + 1e-6));
  CHECK(relative_residual(warm, most) < 1e-6 * (1 + 1e-6));
  CHECK(relative_residual(plane, most) > 0.1);
}

TEST_CASE("planes and positions that do not fit are errors", "[imputation]") {
  Tensor<double> x = noise({3, 3}, 7);
  const auto fails = [&](const Positions& p) {
    return message_of<value_error>([&] { impute(x, p); });
  };
  CHECK(contains(fails(all_but(10, 9)), "9 removed of 9"));
  CHECK(contains(fails({9}), "below 9"));
  CHECK(contains(fails({-1}), "got -1"));
  CHECK(contains(fails({4, 2, 4}), "4 twice"));
  CHECK_SAYS(impute(x.view().reshape({1, 3, 3}), Positions{1}), shape_error, "imputation", "[H, W]",
             "got [1, 3, 3]");
  CHECK(impute(x, Positions{}) == 0);
}

} // namespace test_imputation
