// sgq/infer/estimate.hpp -- the codes of a channel by one multiplication, where that is proved.
//
//     code = clamp(rint(A scale + offset + r worth), 0, n)          r: the residual code, if any
//
// Exported thresholds come from such a function, so some plane usually passes between each
// threshold t(r, j) and t(r, j) - 1. The fit looks for the plane that stays farthest from both,
//
//     minimise the largest |t(r, j) - 1/2 - (c + d j - e r)|
//
// a linear program of four unknowns; the simplex method solves it in its dual form, where each step
// takes in the pair (r, j) that is farthest off. Nothing that the fit returns is trusted: the proof
// evaluates the estimate for every pair, at the threshold and one below it. Estimate and search are
// monotone in A, so that is enough. A channel without a proof takes the search.
#pragma once

#include "sgq/infer/thresholds.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <array>
#include <optional>

namespace sgq::infer {

struct CodeEstimate {
  double scale = 0, offset = 0, worth = 0;
};

namespace detail {

/// The thresholds t(r, j) of a channel, r = 0 .. residuals - 1, j = 1 .. codes, in accumulators
/// -bound .. bound + 1 (in their negatives, where the channel falls).
struct ChannelThresholds {
  index_t residuals, codes;
  double bound;
  std::vector<double> t{}; ///< [residuals][codes]

  const double* row(index_t r) const { return t.data() + r * codes; }
  /// Some accumulators reach the codes first + 1 .. last of row r, and others do not.
  index_t first(index_t r) const { return std::upper_bound(row(r), row(r + 1), -bound) - row(r); }
  index_t last(index_t r) const { return std::upper_bound(row(r), row(r + 1), bound) - row(r); }
};

inline ChannelThresholds channel_thresholds(const Thresholds& s, index_t c, index_t bound) {
  ChannelThresholds out{.residuals = s.joins() ? s.residual.shape()[1] : 1,
                        .codes = s.values.shape()[1],
                        .bound = static_cast<double>(bound)};
  const std::int64_t* values = s.values.data() + c * out.codes;
  const std::int64_t below = (std::int64_t{1} << s.shift) - 1; // quotients are rounded up
  out.t.reserve(static_cast<std::size_t>(out.residuals * out.codes));
  for (index_t r = 0; r < out.residuals; ++r)
    for (index_t j = 0; j < out.codes; ++j) {
      const std::int64_t least =
          (values[j] - (s.joins() ? s.residual(c, r) : 0) + below) >> s.shift;
      out.t.push_back(static_cast<double>(std::clamp<std::int64_t>(least, -bound, bound + 1)));
    }
  return out;
}

using Four = std::array<double, 4>;

/// What the linear program asks for: column . (c, d, e, h) >= value.
struct Constraint {
  Four column{};
  double value = 0;
};
using Basis = std::array<Constraint, 4>;

/// Solves matrix x = right by Gauss-Jordan elimination. A singular matrix gives numbers that are
/// not finite, or that the proof rejects.
inline Four solve(std::array<Four, 4> matrix, Four right) {
  for (std::size_t k = 0; k < 4; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < 4; ++i)
      if (std::abs(matrix[i][k]) > std::abs(matrix[pivot][k])) pivot = i;
    std::swap(matrix[k], matrix[pivot]);
    std::swap(right[k], right[pivot]);
    for (std::size_t i = 0; i < 4; ++i) {
      const double factor = matrix[i][k] / matrix[k][k];
      for (std::size_t l = k; l < 4 && i != k; ++l) matrix[i][l] -= factor * matrix[k][l];
      if (i != k) right[i] -= factor * right[k];
    }
  }
  for (std::size_t k = 0; k < 4; ++k) right[k] /= matrix[k][k];
  return right;
}

/// (c, d, e, h) where all four constraints are tight.
inline Four vertex(const Basis& b) {
  return solve({b[0].column, b[1].column, b[2].column, b[3].column},
               {b[0].value, b[1].value, b[2].value, b[3].value});
}

/// The numbers s with sum over k of s[k] b[k].column = column.
inline Four shares(const Basis& b, const Four& column) {
  std::array<Four, 4> transposed;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t k = 0; k < 4; ++k) transposed[i][k] = b[k].column[i];
  return solve(transposed, column);
}

/// Sets the least and the largest t - (at + d j) over the codes first + 1 .. last of a row.
SGQ_INLINE void row_range(const double* t, int first, int last, double at, double d, double* least,
                          double* most) {
  constexpr int lanes = 8;
  double low[lanes], high[lanes];
  for (int l = 0; l < lanes; ++l) low[l] = high[l] = t[first] - at - d * (first + 1);
  int j = first;
  for (; j + lanes <= last; j += lanes) {
    SGQ_SIMD
    for (int l = 0; l < lanes; ++l) {
      const double off = t[j + l] - at - d * (j + l + 1);
      low[l] = off < low[l] ? off : low[l];
      high[l] = off > high[l] ? off : high[l];
    }
  }
  for (; j < last; ++j) {
    const double off = t[j] - at - d * (j + 1);
    low[0] = off < low[0] ? off : low[0];
    high[0] = off > high[0] ? off : high[0];
  }
  *least = *std::min_element(low, low + lanes);
  *most = *std::max_element(high, high + lanes);
}

/// The constraint of the pair (r, j) that (c, d, e) misses by most.
inline Constraint farthest(const ChannelThresholds& s, const Four& x) {
  index_t worst = -1;
  double distance = -1, sign = 1;
  for (index_t r = 0; r < s.residuals; ++r) {
    const index_t first = s.first(r), last = s.last(r);
    if (first == last) continue;
    const double at = 0.5 + x[0] - x[2] * static_cast<double>(r);
    double least = 0, most = 0;
    kernels::for_isa<row_range>(s.row(r), static_cast<int>(first), static_cast<int>(last), at, x[1],
                                &least, &most);
    if (std::max(-least, most) > distance)
      worst = r, distance = std::max(-least, most), sign = most > -least ? 1 : -1;
  }
  // The row is known; its pair is found again.
  const double r = static_cast<double>(worst);
  Constraint found;
  distance = -1e300;
  for (index_t j = s.first(worst); j < s.last(worst); ++j) {
    const double code = static_cast<double>(j + 1), y = s.row(worst)[j] - 0.5;
    const double off = sign * (y - (x[0] + x[1] * code - x[2] * r));
    if (off > distance) distance = off, found = {{sign, sign * code, -sign * r, 1}, sign * y};
  }
  return found;
}

/// By how much x misses a constraint.
inline double missed(const Constraint& k, const Four& x) {
  return k.value - k.column[0] * x[0] - k.column[1] * x[1] - k.column[2] * x[2] -
         k.column[3] * x[3];
}

/// The plane (c, d, e, h); nothing where no code changes within the bound, or where a basis is
/// singular.
///
/// Dual simplex. The basis holds four tight constraints; `weights`, their dual values, combine its
/// columns into the objective h. The constraint that x misses most enters; the one leaves whose
/// weight would be the first to fall below 0 (ratio test). It stops when every pair is closer than
/// 1/2, for then the plane passes between t - 1 and t; when no constraint is missed; or after 100
/// steps. The proof judges the result in any case.
inline std::optional<Four> fit_plane(const ChannelThresholds& s) {
  index_t r = 0;
  while (r < s.residuals && s.first(r) == s.last(r)) ++r;
  if (r == s.residuals) return {};
  // The basis starts as three of the bounds and one pair; the bounds soon leave it.
  const double far = 2 * (s.bound + 1), code = static_cast<double>(s.first(r) + 1);
  const Constraint bounds[] = {
      {{-1, 0, 0, 0}, -1024 * far}, {{0, -1, 0, 0}, -far},   {{0, 0, 1, 0}, 0},
      {{1, 0, 0, 0}, -1024 * far},  {{0, 1, 0, 0}, 0x1p-10}, {{0, 0, -1, 0}, -far}};
  Basis basis = {bounds[0],
                 bounds[1],
                 bounds[2],
                 {{1, code, -static_cast<double>(r), 1}, s.row(r)[s.first(r)] - 0.5}};
  for (int step = 0;; ++step) {
    const Four x = vertex(basis);
    if (!std::isfinite(x[0] + x[1] + x[2] + x[3])) return {}; // the matrix was singular
    Constraint entering = farthest(s, x);
    const double distance = missed(entering, x) + x[3];
    for (const Constraint& k : bounds)
      if (missed(k, x) > missed(entering, x)) entering = k;
    if (distance < 0.5 - 1e-6 || !(missed(entering, x) > 1e-12 * far) || step == 100) return x;
    const Four weights = shares(basis, {0, 0, 0, 1}), parts = shares(basis, entering.column);
    std::size_t leaving = 0;
    double least = 1e300;
    for (std::size_t i = 0; i < 4; ++i)
      if (parts[i] > 1e-12 && weights[i] < least * parts[i])
        leaving = i, least = weights[i] / parts[i];
    basis[leaving] = entering;
  }
}

/// True if the estimate finds every code of the channel, with room for its three roundings.
inline bool proved(const ChannelThresholds& s, const CodeEstimate& e) {
  const double largest = std::abs(e.scale) * (s.bound + 1) + std::abs(e.offset) +
                         std::abs(e.worth) * static_cast<double>(s.residuals);
  if (!(largest < 0x1p30)) return false;
  const double room = 0x1p-50 * largest;
  for (index_t r = 0; r < s.residuals; ++r) {
    const double at = e.offset + e.worth * static_cast<double>(r);
    for (index_t j = 0; j < s.codes; ++j) {
      const double t = s.row(r)[j], half = static_cast<double>(j) + 0.5;
      if (t <= s.bound && !(t * e.scale + at > half + room)) return false;
      if (t > -s.bound && !((t - 1) * e.scale + at < half - room)) return false;
    }
  }
  return true;
}

} // namespace detail

/// The estimate of channel c, where |A| <= bound; nothing where there is no proof.
inline std::optional<CodeEstimate> estimate_codes(const Thresholds& s, index_t c, index_t bound) {
  const detail::ChannelThresholds t = detail::channel_thresholds(s, c, bound);
  CodeEstimate e{.scale = 0, .offset = static_cast<double>(t.first(0)), .worth = 0};
  if (const auto x = detail::fit_plane(t))
    e = {1 / (*x)[1], -(*x)[0] / (*x)[1] - 0.5, (*x)[2] / (*x)[1]};
  if (!detail::proved(t, e)) return {};
  if (s.falling[static_cast<std::size_t>(c)]) e.scale = -e.scale;
  return e;
}

} // namespace sgq::infer
