// sgq/train/schedule.hpp -- the learning rate's course over a run of `steps` steps, as a factor of
// its highest value.
//
//     constant    1
//     step        factor^k after k milestones, each a share of the run
//     cosine      rises in a line over the first `warm_up` of the run, then
//                 (1 + cos(pi t)) / 2, t from 0 to 1                       (arXiv 1608.03983)
//     one_cycle   half a cosine from start up to 1 over the first `warm_up`, then half a cosine
//                 down to end                                              (arXiv 1708.07120)
//
// or one of your own: derive from Course, and give {.own = std::make_shared<MyCourse>(..)}.
//
// The factor of step i depends on i and on the length of the run only, so a resumed run goes on
// where it stopped.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <string_view>
#include <vector>

namespace sgq::train {

/// A course of your own.
class Course {
public:
  virtual ~Course() = default;
  /// The factor of step i in [0, steps), >= 0.
  virtual double factor(index_t i, index_t steps) const = 0;
};

struct Schedule {
  enum class Kind { constant, step, cosine, one_cycle };

  Kind kind = Kind::constant;
  double warm_up = 0.3;                     ///< share of the run (cosine, one_cycle)
  double start = 1.0 / 25, end = 4e-6;      ///< first and last factor (one_cycle)
  std::vector<double> milestones{0.3, 0.6}; ///< shares of the run (step)
  double factor = 0.1;                      ///< at each milestone (step)
  std::shared_ptr<const Course> own{};      ///< replaces `kind`

  /// The factor of step i in [0, steps). Throws value_error where a course of your own gives none.
  double operator()(index_t i, index_t steps) const {
    if (own) return checked(own->factor(i, steps), i);
    const double at = static_cast<double>(i), length = static_cast<double>(steps);
    if (kind == Kind::step) return after_milestones(at / length);
    if (kind == Kind::cosine) return cosine(at, length);
    if (kind == Kind::one_cycle) return one_cycle(at, length);
    return 1;
  }

  /// Throws value_error on settings that give no course.
  void check() const {
    if (!(warm_up >= 0 && warm_up < 1))
      throw value_error(describe("schedule", "a warm-up in [0, 1)", to_text(warm_up)));
    for (double f : {start, end, factor})
      if (!(f >= 0 && f <= 1))
        throw value_error(describe("schedule", "factors in [0, 1]", to_text(f)));
  }

private:
  static double checked(double factor, index_t i) {
    if (!(factor >= 0) || !std::isfinite(factor))
      throw value_error(
          describe("schedule at step " + to_text(i + 1), "a factor >= 0", to_text(factor)));
    return factor;
  }

  double after_milestones(double progress) const {
    double product = 1;
    for (double milestone : milestones)
      if (progress >= milestone) product *= factor;
    return product;
  }

  double cosine(double at, double length) const {
    const double rise = std::floor(warm_up * length);
    if (at < rise) return (at + 1) / (rise + 1);
    return half_cosine(1, 0, (at - rise) / (length - rise));
  }

  // The first step has the factor `start`, the last one `end`, as in PyTorch's OneCycleLR.
  double one_cycle(double at, double length) const {
    const double peak = std::max(warm_up * length - 1, 0.0), last = length - 1;
    if (at < peak) return half_cosine(start, 1, at / peak);
    return half_cosine(1, end, last > peak ? (at - peak) / (last - peak) : 0);
  }

  /// From a (t = 0) to b (t = 1).
  static double half_cosine(double a, double b, double t) {
    return b + (a - b) * (1 + std::cos(std::numbers::pi * t)) / 2;
  }
};

inline constexpr std::string_view schedule_names[] = {"constant", "step", "cosine", "one-cycle"};

inline std::string_view name(Schedule::Kind kind) {
  return schedule_names[static_cast<std::size_t>(kind)];
}

/// The inverse. Throws value_error on any other text.
inline Schedule::Kind parse_schedule(std::string_view text) {
  for (std::size_t k = 0; k < std::size(schedule_names); ++k)
    if (text == schedule_names[k]) return static_cast<Schedule::Kind>(k);
  throw value_error(
      describe("schedule", "constant, step, cosine or one-cycle", "'" + std::string(text) + "'"));
}

} // namespace sgq::train
