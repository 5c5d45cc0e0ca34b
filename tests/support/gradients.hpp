// Random tensors, and gradients checked against finite differences in double.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"
#include "support/raise_to.hpp"
#include "support/threads.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

/// Standard normal numbers times `scale`; every seed another tensor.
template <class T>
sgq::Tensor<T> random_tensor(const sgq::Shape& shape, std::uint64_t seed, double scale = 1) {
  sgq::Tensor<T> x(shape);
  const sgq::Random random(seed, 0x74657374u); // "test"
  for (sgq::index_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(scale * random.normal(i));
  return x;
}

/// Random integers low..high.
template <class T>
sgq::Tensor<T> random_integers(const sgq::Shape& shape, std::uint64_t seed, sgq::index_t low,
                               sgq::index_t high) {
  sgq::Tensor<T> x(shape);
  const sgq::Random random(seed, 0x696e7473u); // "ints"
  for (sgq::index_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<T>(low + random.below(i, high - low + 1));
  return x;
}

/// A tensor's numbers, which == compares.
template <class T>
std::vector<T> values(const sgq::Tensor<T>& t) {
  return {t.begin(), t.end()};
}

inline double dot(sgq::View<const double> a, sgq::View<const double> b) {
  double sum = 0;
  for (sgq::index_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The largest difference between dx and the derivative of loss() with respect to x, as a share of
/// the largest derivative (or of 1, if that is less). The difference quotient is of fourth order:
/// its error is about h^4 f'''''/30 = 1e-13 and the rounding of f over h, 1e-13 for f near 1.
/// Between x - 2h and x + 2h there must be no kink: through ReLUs take a smaller h and allow an
/// error of 1e-16/h. At most `count` elements, evenly spread. Infinite where x is empty.
template <class Loss>
double gradient_error(Loss&& loss, sgq::View<double> x, sgq::View<const double> dx,
                      sgq::index_t count = 200, double h = 1e-3) {
  const sgq::index_t step = std::max<sgq::index_t>(1, x.size() / count);
  double error = x.size() > 0 ? 0 : HUGE_VAL, largest = 1;
  const Threads one(1); // thousands of tiny passes
  for (sgq::index_t i = 0; i < x.size(); i += step) {
    const double kept = x[i];
    const auto at = [&](double value) {
      x[i] = value;
      return loss();
    };
    const double near = at(kept + h) - at(kept - h), far = at(kept + 2 * h) - at(kept - 2 * h);
    x[i] = kept;
    const double slope = (8 * near - far) / (12 * h);
    raise_to(error, std::abs(slope - dx[i]));
    largest = std::max(largest, std::abs(slope));
  }
  return error / largest;
}
