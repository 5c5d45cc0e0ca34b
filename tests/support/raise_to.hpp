// The largest of some errors, for tests: std::max() drops a NaN, and a NaN is an error.
#pragma once

#include <algorithm>
#include <cmath>

/// Raises `worst` to `error`. NaN counts as infinite.
template <class T>
void raise_to(T& worst, T error) {
  worst = std::max(worst, std::isnan(error) ? static_cast<T>(HUGE_VAL) : error);
}
