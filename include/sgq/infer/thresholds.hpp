// sgq/infer/thresholds.hpp -- from an accumulator to a code by comparing integers.
//
// Batch norm, scales and PACT of one channel are a monotone function of the accumulator A whose
// values are the codes 0..n. So n thresholds say everything about it,
//
//     code = how many j have  +-A >= T[c][j]            -A where the function falls as A rises
//
// Where a residual code r joins, it adds Y[c][r] units of 2^-F accumulators:
//
//     code = how many j have  (+-A 2^F) + Y[c][r] >= T[c][j]
//
// Real numbers appear only where thresholds are found, by evaluating the very function of
// quant/requantize.hpp, rounding included; its inverse guesses where to ask. (To compare
// A m + t with j - 1/2 instead would be wrong for odd j: ties go to the even code.) A threshold
// that no accumulator reaches is B + 1, one that all reach is -B, where |A| <= B. For the residual
// form, the search gives the exact threshold of every pair (r, j), and T and Y are integers that
// reproduce all of them. Each pair asks for
//
//     T_j - Y_r <= t 2^F           at A = t, its threshold, code j has been reached
//     Y_r - T_j <  (1 - t) 2^F     one below it has not
//
// and such difference constraints are solved by relaxing them until nothing moves (Bellman, Ford).
// Any solution reproduces every threshold. Only the order of the fractions matters, so F bits for
// 2^F numbers T_j and Y_r are enough; 16 + 15 numbers per channel replace a table of 16 x 15.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/bucketize.hpp"
#include "sgq/quant/requantize.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace sgq::infer {

struct Thresholds {
  int bits = 0;                      ///< of the codes; 0: there are none
  Tensor<std::int64_t> values;       ///< T [channels, n], ascending
  std::vector<std::uint8_t> falling; ///< per channel: 1 where A counts negative
  int shift = 0;                     ///< F
  Tensor<std::int64_t> residual;     ///< Y [channels, residual codes]; empty where none joins

  bool joins() const { return !residual.empty(); }
  index_t channels() const { return static_cast<index_t>(falling.size()); }

  /// The code of accumulator a of channel c; r is the residual code.
  int code(index_t c, std::int64_t a, int r = 0) const {
    std::int64_t z = falling[static_cast<std::size_t>(c)] ? -a : a;
    if (joins()) z = z * (std::int64_t{1} << shift) + residual(c, r);
    return kernels::bucket_of(z, values.data() + c * values.shape()[1], bits);
  }
};

/// The codes that may join an accumulator: r in 0..max_code, of value scale * r.
struct ResidualCodes {
  float scale = 0;
  int max_code = 0; ///< 0: none
};

namespace detail {

/// The exact thresholds of one channel: at(r, j) is the least A (or -A, where it falls) whose code
/// is j or more, in -bound .. bound + 1.
struct ExactThresholds {
  std::vector<std::int64_t> t;
  index_t residuals, codes; ///< r in 0 .. residuals - 1, j in 1 .. codes
  std::int64_t bound;
  std::int64_t at(index_t r, index_t j) const {
    return t[static_cast<std::size_t>(r * codes + j - 1)];
  }
};

/// The least a in [low, high) with reached(a), else high; reached is monotone. The search starts at
/// a guess and strides away from it, twice as far each time, until it has passed the place; then it
/// bisects.
template <class Reached>
std::int64_t find_threshold(double guess, std::int64_t low, std::int64_t high, Reached reached) {
  std::int64_t middle = high - 1;
  if (!(guess >= static_cast<double>(high))) // NaN guesses low
    middle = guess > static_cast<double>(low) ? static_cast<std::int64_t>(guess) : low;
  for (std::int64_t stride = 1; low < high; stride *= 2) {
    if (middle < low || middle >= high) middle = low + (high - low) / 2;
    if (reached(middle))
      high = middle, middle -= stride;
    else
      low = middle + 1, middle += stride;
  }
  return low;
}

inline ExactThresholds find_thresholds(const quant::ChannelAffine& f, const ResidualCodes& residual,
                                       double alpha, int bits, index_t bound) {
  ExactThresholds s{{}, residual.max_code + 1, quant::max_code(bits), bound};
  s.t.reserve(static_cast<std::size_t>(s.residuals * s.codes));
  const double inverse = quant::inverse_step(alpha, bits), sign = f.m < 0 ? -1 : 1;
  for (int r = 0; r < s.residuals; ++r) {
    std::int64_t low = -bound; // thresholds ascend: the next is not below the last
    for (int j = 1; j <= s.codes; ++j) {
      const auto reached = [&](std::int64_t a) {
        return quant::requantize(sign * static_cast<double>(a), f.m, f.t, residual.scale, r, alpha,
                                 inverse) >= j;
      };
      const double value = (j - 0.5) / inverse - f.t - static_cast<double>(residual.scale) * r;
      low = find_threshold(std::ceil(value * sign / f.m), low, bound + 1, reached);
      s.t.push_back(low);
    }
  }
  return s;
}

/// Lowers T and Y until every pair's two constraints hold; false if they contradict each other.
/// Thresholds that lie outside -bound .. bound ask for one of the two, or neither.
inline bool relax(const ExactThresholds& s, int shift, std::int64_t* T, std::int64_t* Y) {
  const std::int64_t unit = std::int64_t{1} << shift;
  for (index_t sweep = 0; sweep <= s.residuals + s.codes; ++sweep) {
    bool moved = false;
    const auto lower = [&](std::int64_t& x, std::int64_t most) {
      if (x > most) x = most, moved = true;
    };
    for (index_t r = 0; r < s.residuals; ++r)
      for (index_t j = 1; j <= s.codes; ++j) {
        const std::int64_t t = s.at(r, j);
        if (t <= s.bound) lower(T[j - 1], Y[r] + t * unit);
        if (t > -s.bound) lower(Y[r], T[j - 1] - (t - 1) * unit - 1);
      }
    if (!moved) return true;
  }
  return false;
}

/// T and Y of one channel; false if no integers reproduce its thresholds. `worth` is what a
/// residual code adds, in accumulators.
inline bool join_channel(const ExactThresholds& s, double worth, int shift, std::int64_t* T,
                         std::int64_t* Y) {
  const double unit = static_cast<double>(std::int64_t{1} << shift);
  // Bellman-Ford may start anywhere; a start near the solution takes few sweeps. Guesses are
  // capped: beyond the range of the accumulator, larger residuals change no code.
  const double limit = 4 * static_cast<double>(s.bound + 1) * unit;
  for (index_t r = 0; r < s.residuals; ++r) {
    const double guess = static_cast<double>(r) * worth * unit;
    Y[r] = static_cast<std::int64_t>(guess < limit ? guess : limit); // NaN (0/0): limit
  }
  // Room above: a threshold that no residual code reaches stays where no accumulator comes.
  const std::int64_t never =
      (s.bound + 2) * (std::int64_t{1} << shift) + static_cast<std::int64_t>(limit);
  std::fill(T, T + s.codes, never);
  return relax(s, shift, T, Y);
}

} // namespace detail

/// The thresholds of a layer: channels' affine maps, alpha and bits of the PACT, |A| <= bound, and
/// the codes that join, if any. Throws value_error on bad bits or alpha, on m or t that is not
/// finite, on a bound outside [0, 2^29), and where no integers reproduce a residual's thresholds
/// (they are closer than a double can tell).
inline Thresholds make_thresholds(std::span<const quant::ChannelAffine> channels, double alpha,
                                  int bits, index_t bound, const ResidualCodes& residual = {}) {
  quant::check_bits("thresholds", bits);
  quant::check_alpha(alpha);
  if (bound < 0 || bound >= quant::accumulator_limit)
    throw value_error(
        describe("thresholds: accumulator bound", "0 or more, below 2^29", to_text(bound)));
  if (residual.max_code < 0 || residual.max_code > 255 || !(residual.scale >= 0) ||
      !std::isfinite(residual.scale))
    throw value_error(describe("thresholds: residual", "codes of 0..255 and a finite scale >= 0",
                               to_text(residual.max_code) + " and " + to_text(residual.scale)));
  const index_t count = static_cast<index_t>(channels.size()), n = quant::max_code(bits);
  Thresholds out{.bits = bits,
                 .values = Tensor<std::int64_t>({count, n}),
                 .falling = std::vector<std::uint8_t>(channels.size()),
                 .residual = {}};
  const bool joins = residual.max_code > 0;
  if (joins) out.residual.resize({count, residual.max_code + 1});
  while (joins && (index_t{1} << out.shift) < n + residual.max_code + 1) ++out.shift;
  parallel_for(count, [&](index_t c) {
    const quant::ChannelAffine& f = channels[static_cast<std::size_t>(c)];
    quant::check_affine(f);
    out.falling[static_cast<std::size_t>(c)] = f.m < 0;
    const detail::ExactThresholds exact = detail::find_thresholds(f, residual, alpha, bits, bound);
    std::int64_t* const T = out.values.data() + c * n;
    if (!joins) return void(std::copy(exact.t.begin(), exact.t.end(), T));
    const double worth = static_cast<double>(residual.scale) / std::abs(static_cast<double>(f.m));
    if (!detail::join_channel(exact, worth, out.shift, T,
                              out.residual.data() + c * exact.residuals))
      throw value_error(describe("residual of channel " + to_text(c),
                                 "thresholds that integers can reproduce", "a contradiction"));
  });
  return out;
}

} // namespace sgq::infer
