// sgq/infer/onnx/multipliers.hpp -- the codes of a channel from one multiplication in float.
//
// ONNX Runtime's integer convolution rounds a scaled sum of integers,
//
//     code = clamp(rint(float(K A + b) m), 0, 255)
//
// with an integer b and a float m per channel; K is a factor that all weights of the layer get.
// Where a residual code r joins, and where no such b exists, the sum is shifted in float first:
//
//     code = clamp(rint(((A + e) + r u) / d), 0, 255)
//
// Both are found from the thresholds t(r, j), as lines that pass between t and t - 1 for every pair
// (infer/estimate.hpp), and then proved: at every threshold and one below, in the very floats of
// the file, with room for the roundings of a float. The code is monotone in A, so that is enough.
//
// b is an integer, so it has to be searched for. For a given b every threshold bounds m, from below
// or from above; the b whose bounds leave the largest ratio has the widest margin, because the
// error of a float product is relative.
#pragma once

#include "sgq/infer/estimate.hpp"

#include <limits>

namespace sgq::infer::onnx {

/// b and m, and how far away the nearest rounding limit is: margin float roundings.
struct Multiplier {
  std::int32_t bias = 0;
  float multiplier = 1;
  double margin = 0;
};

/// e, d, u and the margin.
struct Shift {
  float offset = 0, divisor = 1, worth = 0;
  double margin = 0;
};

namespace detail {

using infer::detail::ChannelThresholds;

inline constexpr double float_rounding = 0x1p-24; ///< the largest relative error of one operation
/// What a margin must be: the three roundings of either formula, and as many again.
inline constexpr double least_margin = 6;
inline constexpr int search_window = 40; ///< to either side of the b of the best line

/// The m that a bias allows: low <= m < high in real numbers.
struct Interval {
  double low = 0, high = std::numeric_limits<double>::infinity();
};

inline Interval multipliers_for(const ChannelThresholds& s, double factor, double bias) {
  Interval m;
  for (index_t j = 0; j < s.codes; ++j) {
    const double t = s.row(0)[j], half = static_cast<double>(j) + 0.5;
    const double reached = factor * t + bias, below = factor * (t - 1) + bias;
    if (t <= s.bound) m.low = reached > 0 ? std::max(m.low, half / reached) : m.high;
    if (t > -s.bound && below > 0) m.high = std::min(m.high, half / below);
    if (!(m.low < m.high)) return {1, 0};
  }
  return m;
}

/// The float in the middle, where products are as far from both limits in relation.
inline float middle(const Interval& m) {
  if (m.low == 0) return static_cast<float>(m.high < 1 ? m.high / 2 : 0.5);
  return static_cast<float>(m.high < 1e30 ? std::sqrt(m.low) * std::sqrt(m.high) : 2 * m.low);
}

/// The smallest distance of float((K A + b) m) from a limit, in roundings; below 0 where a code is
/// wrong.
inline double margin_of(const ChannelThresholds& s, double factor, double bias, float multiplier) {
  double margin = std::numeric_limits<double>::max();
  const double m = static_cast<double>(multiplier);
  for (index_t j = 0; j < s.codes; ++j) {
    const double t = s.row(0)[j], half = static_cast<double>(j) + 0.5;
    if (t <= s.bound) margin = std::min(margin, (factor * t + bias) * m / half - 1);
    if (t > -s.bound) margin = std::min(margin, 1 - (factor * (t - 1) + bias) * m / half);
  }
  return margin / float_rounding;
}

/// e, d and u in real numbers; of a channel whose code never changes, a formula that never moves.
inline std::array<double, 3> line_of(const ChannelThresholds& s) {
  if (const auto x = infer::detail::fit_plane(s)) return {-(*x)[0] - (*x)[1] / 2, (*x)[1], (*x)[2]};
  const double code = static_cast<double>(s.first(0)), wide = 4 * (code + 1) * (s.bound + 1);
  return {code * wide, wide, 0};
}

/// The smallest distance of the shifted sum from a limit, in roundings of its three terms.
inline double margin_of(const ChannelThresholds& s, const Shift& f) {
  double margin = std::numeric_limits<double>::max();
  const double e = static_cast<double>(f.offset), d = static_cast<double>(f.divisor);
  for (index_t r = 0; r < s.residuals; ++r) {
    const double joined = static_cast<double>(f.worth) * static_cast<double>(r);
    const auto distance = [&](double a, double half) {
      const double error = (std::abs(a + e) + std::abs(joined) + std::abs(half * d)) / 3;
      return (a + e + joined - half * d) / (error * float_rounding);
    };
    for (index_t j = 0; j < s.codes; ++j) {
      const double t = s.row(r)[j], half = static_cast<double>(j) + 0.5;
      if (t <= s.bound) margin = std::min(margin, distance(t, half));
      if (t > -s.bound) margin = std::min(margin, -distance(t - 1, half));
    }
  }
  return margin;
}

} // namespace detail

/// b and m of a channel without a residual, for sums -A where it falls; nothing where none has the
/// least margin.
inline std::optional<Multiplier> find_multiplier(const detail::ChannelThresholds& s, int factor) {
  const double k = static_cast<double>(factor), best = std::rint(k * detail::line_of(s)[0]);
  if (!(std::abs(best) < 0x1p30)) return {};
  Multiplier found;
  double widest = 1;
  for (int step = -detail::search_window; step <= detail::search_window; ++step) {
    const double bias = best + step;
    const detail::Interval m = detail::multipliers_for(s, k, bias);
    if (m.low > m.high || (m.low > 0 && m.high / m.low <= widest)) continue;
    widest = m.low > 0 ? m.high / m.low : std::numeric_limits<double>::infinity();
    found = {static_cast<std::int32_t>(bias), detail::middle(m)};
  }
  found.margin = detail::margin_of(s, k, found.bias, found.multiplier);
  if (widest == 1 || found.margin < detail::least_margin) return {};
  return found;
}

/// e, d and u of a channel; nothing where the line has not the least margin. Sums are -A where the
/// channel falls.
inline std::optional<Shift> find_shift(const detail::ChannelThresholds& s) {
  const auto [e, d, u] = detail::line_of(s);
  Shift found{static_cast<float>(e), static_cast<float>(d), static_cast<float>(u)};
  if (!(found.divisor > 0) || !std::isfinite(found.offset) || !std::isfinite(found.divisor))
    return {};
  found.margin = detail::margin_of(s, found);
  if (found.margin < detail::least_margin) return {};
  return found;
}

} // namespace sgq::infer::onnx
