// sgq/infer/onnx/multipliers.hpp -- the codes of a channel from one multiplication in float.
//
// A layer of the integer form computes, with whole numbers K, b, u per channel and a float m,
//
//     code = clamp(rint(float(K A + b + r u) m), 0, 255)          r: the residual code, if any
//
// where K makes b and u that many times finer than sums. They are found from the thresholds
// t(r, j), as a line that passes between t and t - 1 for every pair (infer/estimate.hpp). b and u
// are whole, so they are searched for around the best line: for given b and u every threshold
// bounds m, from below or from above. The pair whose bounds leave the largest ratio has the widest
// margin, because the error of a float product is relative.
//
// What is found is then proved: at every threshold and one below, with the float of the file, with
// room for the roundings of a float. The code is monotone in A, so that is enough. A channel whose
// code never changes takes K = 0.
#pragma once

#include "sgq/infer/estimate.hpp"

#include <limits>

namespace sgq::infer::onnx {

/// K, b, u and m of a channel, and how far away the nearest rounding limit is.
struct Multiplier {
  std::int32_t factor = 0, bias = 0, worth = 0;
  float scale = 1;   ///< m, or 1 / m where the sum is divided
  double margin = 0; ///< in float roundings
};

/// How a runtime applies m: QLinearConv multiplies, QuantizeLinear divides.
enum class Scaling { multiplies, divides };

namespace detail {

using infer::detail::ChannelThresholds;

inline constexpr double float_rounding = 0x1p-24; ///< the largest relative error of one operation
/// What a margin must be: rounding the sum and the product, and as much again.
inline constexpr double least_margin = 4;
inline constexpr int bias_window = 40, worth_window = 2; ///< to either side of the best line

/// The line (A + e + r u) / d of a channel in real numbers.
struct Line {
  double e, d, u;
};

/// Nothing where the code never changes.
inline std::optional<Line> line_of(const ChannelThresholds& s) {
  const auto x = infer::detail::fit_plane(s);
  if (!x) return {};
  return Line{-(*x)[0] - (*x)[1] / 2, (*x)[1], (*x)[2]};
}

/// The m that b and u allow: low <= m < high in real numbers.
struct Interval {
  double low = 0, high = std::numeric_limits<double>::infinity();
  bool empty() const { return !(low < high); }
};

inline Interval multipliers_for(const ChannelThresholds& s, double k, double b, double u) {
  Interval m;
  for (index_t r = 0; r < s.residuals; ++r) {
    const double at = b + u * static_cast<double>(r);
    for (index_t j = 0; j < s.codes && !m.empty(); ++j) {
      const double t = s.row(r)[j], half = static_cast<double>(j) + 0.5;
      const double reached = k * t + at, below = reached - k;
      if (t <= s.bound) m.low = reached > 0 ? std::max(m.low, half / reached) : m.high;
      if (t > -s.bound && below > 0) m.high = std::min(m.high, half / below);
    }
  }
  return m;
}

/// The smallest distance from a limit for a real m, in roundings; below 0 where a code is wrong.
inline double margin_of(const ChannelThresholds& s, const Multiplier& f, double m) {
  double margin = std::numeric_limits<double>::max();
  for (index_t r = 0; r < s.residuals; ++r) {
    const double at = f.bias + static_cast<double>(f.worth) * static_cast<double>(r);
    for (index_t j = 0; j < s.codes; ++j) {
      const double t = s.row(r)[j], half = static_cast<double>(j) + 0.5;
      if (t <= s.bound) margin = std::min(margin, (f.factor * t + at) * m / half - 1);
      if (t > -s.bound) margin = std::min(margin, 1 - (f.factor * (t - 1) + at) * m / half);
    }
  }
  return margin / float_rounding;
}

} // namespace detail

/// The multiplier of a channel, for sums -A where it falls; nothing where none has the margin.
inline std::optional<Multiplier> find_multiplier(const detail::ChannelThresholds& s, int factor,
                                                 Scaling scaling) {
  const auto line = detail::line_of(s);
  const double k = factor, b0 = line ? std::rint(k * line->e) : 0;
  const double u0 = line ? std::rint(k * line->u) : 0;
  if (!(std::abs(b0) < 0x1p30) || !(std::abs(u0) < 0x1p22)) return {};
  if (!line) {
    for (index_t r = 1; r < s.residuals; ++r)
      if (s.first(r) != s.first(0)) return {}; // the residual alone decides
    return Multiplier{.bias = static_cast<std::int32_t>(s.first(0)), .margin = 1e8};
  }
  Multiplier found{.factor = factor};
  double widest = 1, middle = 1;
  const int window = s.residuals > 1 ? detail::worth_window : 0;
  for (int v = -window; v <= window; ++v)
    for (int step = -detail::bias_window; step <= detail::bias_window; ++step) {
      const double b = b0 + step, u = u0 + v;
      const detail::Interval m = detail::multipliers_for(s, k, b, u);
      if (m.empty()) continue;
      const double low = m.low > 0 ? m.low : m.high / 4; // one side alone bounds it
      const double high = m.high < 1e300 ? m.high : 4 * low;
      if (high / low <= widest) continue;
      widest = high / low, middle = std::sqrt(low) * std::sqrt(high);
      found.bias = static_cast<std::int32_t>(b), found.worth = static_cast<std::int32_t>(u);
    }
  const bool divides = scaling == Scaling::divides;
  found.scale = static_cast<float>(divides ? 1 / middle : middle);
  const double m =
      divides ? 1 / static_cast<double>(found.scale) : static_cast<double>(found.scale);
  found.margin = detail::margin_of(s, found, m);
  if (widest == 1 || found.margin < detail::least_margin) return {};
  return found;
}

} // namespace sgq::infer::onnx
