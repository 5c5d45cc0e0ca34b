// sgq/infer/staircase.hpp -- from an accumulator to a code by comparing integers.
//
// Batch norm, scales and PACT of one channel are a monotone function of the accumulator A whose
// values are the codes 0..n: a staircase. All that is left of it are the places of its n steps,
//
//     code = how many j have  +-A >= T[c][j]            minus where the function falls
//
// Where a residual code r joins, it is worth Y[c][r] units of 2^-F accumulators:
//
//     code = how many j have  (+-A 2^F) + Y[c][r] >= T[c][j]
//
// Real numbers appear only where the steps are found, by bisecting the very function that
// evaluation uses (quant/thresholds.hpp). For the residual form, bisection gives the exact step of
// every pair (r, j), and T and Y are integers that reproduce all of them. Each pair asks for
//
//     T_j - Y_r <= t 2^F           at A = t, its first accumulator, step j has been passed
//     Y_r - T_j <  (1 - t) 2^F     one below it has not
//
// and such difference constraints are solved by relaxing them until nothing moves (Bellman, Ford).
// The solution is its own proof. Fractions matter only by their order, so F bits for 2^F numbers
// T_j and Y_r are enough; 16 + 15 numbers a channel replace a table of 16 x 15.
#pragma once

#include "sgq/quant/thresholds.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace sgq::infer {

struct Staircase {
  int bits = 0;                      ///< of the codes; 0: no staircase
  Tensor<std::int64_t> thresholds;   ///< T [channels, n], ascending
  std::vector<std::uint8_t> falling; ///< per channel: 1 where A counts negative
  int shift = 0;                     ///< F
  Tensor<std::int64_t> residual;     ///< Y [channels, residual codes]; empty where none joins

  bool joins() const { return !residual.empty(); }
  index_t channels() const { return static_cast<index_t>(falling.size()); }

  /// The code of accumulator a of channel c; r is the residual code.
  int code(index_t c, std::int64_t a, int r = 0) const {
    std::int64_t z = falling[static_cast<std::size_t>(c)] ? -a : a;
    if (joins()) z = z * (std::int64_t{1} << shift) + residual(c, r);
    const std::int64_t* t = thresholds.data() + c * thresholds.shape()[1];
    return static_cast<int>(std::upper_bound(t, t + thresholds.shape()[1], z) - t);
  }
};

namespace detail {

/// The exact steps of one channel: at(r, j) is the least A (or -A, where it falls) with code >= j,
/// in -bound .. bound + 1.
struct Steps {
  std::vector<std::int64_t> t;
  index_t residuals, codes; ///< r in 0 .. residuals - 1, j in 1 .. codes
  std::int64_t bound;
  std::int64_t at(index_t r, index_t j) const {
    return t[static_cast<std::size_t>(r * codes + j - 1)];
  }
};

inline Steps find_steps(const quant::ChannelAffine& f, const quant::ResidualGrid& residual,
                        double alpha, int bits, std::int64_t bound) {
  Steps s{{}, residual.max_code + 1, quant::max_code(bits), bound};
  const double inverse = quant::inverse_step(alpha, bits);
  for (int r = 0; r < s.residuals; ++r)
    for (int j = 1; j <= s.codes; ++j) {
      const std::int32_t t = quant::find_threshold(f, residual, r, alpha, inverse, j,
                                                   static_cast<std::int32_t>(bound));
      s.t.push_back(f.m < 0 ? -t : t);
    }
  return s;
}

/// Lowers T and Y until every pair's two constraints hold; false if they contradict each other.
/// Steps that lie outside -bound .. bound ask for one of the two, or neither.
inline bool relax(const Steps& s, int shift, std::int64_t* T, std::int64_t* Y) {
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

/// T and Y of one channel, into the staircase; false if there are none.
inline bool join_channel(const Steps& s, double worth, index_t c, Staircase& out) {
  std::int64_t* T = out.thresholds.data() + c * s.codes;
  std::int64_t* Y = out.residual.data() + c * s.residuals;
  const double unit = static_cast<double>(std::int64_t{1} << out.shift);
  // Anywhere will do to start from; near the end is quick. Beyond +-bound differences say nothing.
  const double limit = 4 * static_cast<double>(s.bound + 1) * unit;
  for (index_t r = 0; r < s.residuals; ++r) {
    const double guess = static_cast<double>(r) * worth * unit;
    Y[r] = static_cast<std::int64_t>(guess < limit ? guess : limit); // NaN (0/0): limit
  }
  // Room above: a step that no residual code reaches stays where no accumulator comes.
  const std::int64_t never =
      (s.bound + 2) * (std::int64_t{1} << out.shift) + static_cast<std::int64_t>(limit);
  std::fill(T, T + s.codes, never);
  return relax(s, out.shift, T, Y);
}

} // namespace detail

/// The staircase of a layer: channels' affine maps, alpha and bits of the PACT, |A| <= bound, and
/// the codes that join, if any. Throws value_error on what quant::make_thresholds refuses, and
/// where no integers reproduce a residual's steps (they are closer than a double can tell).
inline Staircase make_staircase(std::span<const quant::ChannelAffine> channels, double alpha,
                                int bits, index_t bound, const quant::ResidualGrid& residual = {}) {
  const quant::Thresholds plain = quant::make_thresholds(channels, alpha, bits, bound);
  const index_t count = static_cast<index_t>(channels.size()), n = quant::max_code(bits);
  Staircase s{.bits = bits,
              .thresholds = Tensor<std::int64_t>({count, n}),
              .falling = plain.falling,
              .residual = {}};
  for (index_t i = 0; i < plain.values.size(); ++i)
    s.thresholds[i] = s.falling[static_cast<std::size_t>(i / n)] ? -std::int64_t{plain.values[i]}
                                                                 : plain.values[i];
  if (residual.max_code == 0) return s;
  s.residual.resize({count, residual.max_code + 1});
  while ((index_t{1} << s.shift) < n + residual.max_code + 1) ++s.shift;
  parallel_for(count, [&](index_t c) {
    const quant::ChannelAffine& f = channels[static_cast<std::size_t>(c)];
    const detail::Steps steps = detail::find_steps(f, residual, alpha, bits, bound);
    const double worth = static_cast<double>(residual.scale) / std::abs(static_cast<double>(f.m));
    if (!detail::join_channel(steps, worth, c, s))
      throw value_error(describe("residual of channel " + to_text(c),
                                 "steps that integers can reproduce", "a contradiction"));
  });
  return s;
}

} // namespace sgq::infer
