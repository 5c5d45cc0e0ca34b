// A measure against an independent program's; where ties fall at random, against a simulated mean.
#pragma once

#include "sgq/saliency/metrics/per_image.hpp"

#include "support/catch.hpp"

#include <cmath>
#include <vector>

namespace saliency_test {

/// Five numbers; where the program's is NaN, so is ours.
inline void check_golden(const sgq::Tensor<double>& got, const double* expected) {
  REQUIRE(got.shape() == sgq::Shape{5});
  for (sgq::index_t n = 0; n < 5; ++n) {
    INFO("image " << n);
    REQUIRE(std::isnan(got[n]) == std::isnan(expected[n]));
    if (!std::isnan(expected[n])) CHECK(got[n] == Approx(expected[n]).epsilon(1e-11).margin(1e-13));
  }
}

/// measure(seed) -> [N]. Its mean over many seeds is within 5 standard errors of `expected`, which
/// is itself a mean over 20000 draws or exact; where nothing ties, it equals it.
template <class Measure>
void check_over_ties(Measure measure, const double* expected) {
  constexpr int seeds = 1000;
  std::vector<sgq::Tensor<double>> draws;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) draws.push_back(measure(seed));
  for (sgq::index_t n = 0; n < draws[0].size(); ++n) {
    INFO("image " << n);
    double mean = 0, variance = 0;
    for (const auto& draw : draws) mean += draw[n] / seeds;
    for (const auto& draw : draws) variance += (draw[n] - mean) * (draw[n] - mean) / seeds;
    REQUIRE(std::isnan(mean) == std::isnan(expected[n]));
    if (std::isnan(mean)) continue;
    const double error = 5 * std::sqrt(variance * (1.0 / seeds + 1.0 / 20000));
    CHECK(mean == Approx(expected[n]).epsilon(1e-11).margin(error + 1e-13));
  }
}

} // namespace saliency_test
