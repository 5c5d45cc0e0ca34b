// sgq/saliency/metrics/imputation.hpp -- removed pixels, computed from what is left of an image.
//
//     plane [H,W] of numbers    removed: positions 0..HW-1 of it
//
// Each removed pixel becomes the weighted mean of its neighbours inside the plane, be they known or
// removed: direct ones weigh 1/6, diagonal ones 1/12. All are solved together:
//
//     (D - W) x = W known        D: the sum of a pixel's weights
//
// The matrix is symmetric, and positive definite while one pixel is known. Conjugate gradients
// (Hestenes, Stiefel 1952) solve it until the residual is at most 1e-6 of the right side. Only the
// removed pixels are unknowns, and a good first guess saves iterations. Rong et al., "A consistent
// and efficient evaluation strategy for attribution methods", arXiv 2202.00449; its noise is added
// by road.hpp.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/fused.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace sgq::saliency {

inline constexpr double imputation_residual = 1e-6; ///< relative, of what is solved

namespace detail {

/// The equations in twelfths, so that weights are the integers 1 and 2. Planes have a frame of one
/// 0 on each side: a neighbour outside adds nothing.
struct ImputationEquations {
  index_t count, row; ///< unknowns; how far apart the rows of a padded plane are
  index_t* place;     ///< [count] in a padded plane
  double* degree;     ///< [count] 12 D

  /// 12 W around a place. No product is rounded.
  double neighbours(const double* at) const {
    const double direct = at[-row] + at[-1] + at[1] + at[row];
    const double diagonal = at[-row - 1] + at[-row + 1] + at[row - 1] + at[row + 1];
    return direct + direct + diagonal;
  }
  /// 12 (D - W) v at unknown u.
  double times(const double* v, index_t u) const {
    return kernels::multiply_add<16>(degree[u], v[place[u]], -neighbours(v + place[u]));
  }
  double sum_of_squares(const double* v) const {
    double sum = 0;
    for (index_t u = 0; u < count; ++u) sum = kernels::multiply_add<16>(v[u], v[u], sum);
    return sum;
  }

  /// Conjugate gradients: goes from x, a padded plane with a guess at the unknowns, to the
  /// solution. `direction` is a padded plane of zeros, `residual` [count] is that of the guess.
  /// Returns the number of iterations.
  index_t solve(double* x, double* direction, double* residual, double goal) const {
    Arena::Scope scope(scratch());
    double* product = scratch().take<double>(count); // A direction
    double squares = sum_of_squares(residual);
    for (index_t u = 0; u < count; ++u) direction[place[u]] = residual[u];
    index_t iterations = 0;
    for (; squares > goal; ++iterations) {
      double curvature = 0;
      for (index_t u = 0; u < count; ++u) {
        product[u] = times(direction, u);
        curvature = kernels::multiply_add<16>(direction[place[u]], product[u], curvature);
      }
      const double alpha = squares / curvature;
      double next = 0;
      for (index_t u = 0; u < count; ++u) {
        double& value = x[place[u]];
        value = kernels::multiply_add<16>(alpha, direction[place[u]], value);
        residual[u] = kernels::multiply_add<16>(-alpha, product[u], residual[u]);
        next = kernels::multiply_add<16>(residual[u], residual[u], next);
      }
      const double beta = next / squares;
      for (index_t u = 0; u < count; ++u)
        direction[place[u]] = kernels::multiply_add<16>(beta, direction[place[u]], residual[u]);
      squares = next;
    }
    return iterations;
  }
};

/// Lists the unknowns and sets them to 1 in `marks`, a padded plane of zeros. Throws value_error
/// where a position is outside or comes twice.
inline void list_unknowns(ImputationEquations& equations, index_t height, index_t width,
                          std::span<const std::int32_t> removed, double* marks) {
  for (index_t u = 0; u < equations.count; ++u) {
    const index_t i = removed[static_cast<std::size_t>(u)];
    const bool inside = 0 <= i && i < height * width;
    const index_t h = inside ? i / width : 0, w = inside ? i % width : 0;
    const index_t place = (h + 1) * equations.row + w + 1;
    if (!inside || marks[place] != 0)
      throw value_error(describe(
          "imputation", "removed positions below " + to_text(height * width) + ", each once",
          to_text(i) + (inside ? " twice" : "")));
    marks[place] = 1;
    const index_t rows = 3 - (h == 0) - (h + 1 == height),
                  columns = 3 - (w == 0) - (w + 1 == width);
    // 1 for each neighbour, and 1 more for a direct one
    equations.place[u] = place;
    equations.degree[u] = static_cast<double>(rows * columns - 1 + (rows - 1) + (columns - 1));
  }
}

} // namespace detail

/// Overwrites plane [H,W] at the removed positions, where it holds a first guess. Returns the
/// number of iterations. Throws shape_error unless it is a plane, value_error where no pixel is
/// left or positions are outside or repeated. The numbers are finite.
inline index_t impute(View<double> plane, std::span<const std::int32_t> removed) {
  if (plane.shape().rank() != 2)
    throw shape_error(describe("imputation", "a plane [H, W]", plane.shape().str()));
  const index_t height = plane.shape()[0], width = plane.shape()[1], row = width + 2;
  const auto count = static_cast<index_t>(removed.size());
  if (count == 0) return 0;
  if (count >= plane.size())
    throw value_error(describe("imputation", "a pixel that is left",
                               to_text(count) + " removed of " + to_text(plane.size())));
  Arena::Scope scope(scratch());
  const index_t padded = (height + 2) * row;
  double* x = scratch().take<double>(padded);
  double* known = scratch().take<double>(padded); // later the step
  double* residual = scratch().take<double>(count);
  detail::ImputationEquations equations{count, row, scratch().take<index_t>(count),
                                        scratch().take<double>(count)};
  std::fill(x, x + padded, 0.0);
  std::fill(known, known + padded, 0.0);
  detail::list_unknowns(equations, height, width, removed, known);
  for (index_t h = 0; h < height; ++h)
    std::copy_n(plane.data() + h * width, width, x + (h + 1) * row + 1);
  for (index_t i = 0; i < padded; ++i) known[i] = known[i] != 0 ? 0 : x[i];
  for (index_t u = 0; u < count; ++u)
    residual[u] = equations.neighbours(known + equations.place[u]);
  const double right_side = equations.sum_of_squares(residual);
  std::fill(known, known + padded, 0.0);
  index_t iterations = 0;
  if (right_side == 0) { // the solution is 0, and a relative residual is not defined
    for (index_t u = 0; u < count; ++u) x[equations.place[u]] = 0;
  } else {
    for (index_t u = 0; u < count; ++u) residual[u] = -equations.times(x, u);
    iterations =
        equations.solve(x, known, residual, imputation_residual * imputation_residual * right_side);
  }
  for (index_t u = 0; u < count; ++u)
    plane[removed[static_cast<std::size_t>(u)]] = x[equations.place[u]];
  return iterations;
}

} // namespace sgq::saliency
