// How far two tensors of one shape are from each other; of any element types.
#pragma once

#include "sgq/core/tensor.hpp"
#include "support/catch.hpp"
#include "support/raise_to.hpp"

#include <cmath>

/// The largest |a - b|.
template <class A, class B>
double largest_difference(const A& a, const B& b) {
  REQUIRE(a.shape() == b.shape());
  double largest = 0;
  for (sgq::index_t i = 0; i < a.size(); ++i)
    raise_to(largest,
             std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return largest;
}

/// The same as a share of the largest |b|, which must not be 0.
template <class A, class B>
double relative_difference(const A& a, const B& b) {
  double largest = 0;
  for (sgq::index_t i = 0; i < b.size(); ++i)
    raise_to(largest, std::abs(static_cast<double>(b.data()[i])));
  REQUIRE(largest > 0);
  return largest_difference(a, b) / largest;
}
