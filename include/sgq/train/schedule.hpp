// sgq/train/schedule.hpp -- the learning rate over a run of `steps` steps, as a factor of
// its highest value.
//
//     constant    1
//     step        factor^k after k milestones, each a share of the run
//     cosine      rises in a line over the first `warm_up` of the run, then
//                 (1 + cos(pi t)) / 2, t from 0 to 1                       (arXiv 1608.03983)
//     one-cycle   half a cosine from start up to 1 over the first `warm_up`, then half a cosine
//                 down to end                                              (arXiv 1708.07120);
//                 a warm-up of at most one step is none, and begins at 1
//
// or one of your own: derive from ScheduleFunction, and give {.own =
// std::make_shared<MySchedule>(..)}. To add one to the library, write its function and a row of
// `schedules`.
//
// The factor of step i depends on i and on the length of the run only, so a resumed run goes on
// where it stopped.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/core/shape.hpp"
#include "sgq/core/table.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace sgq::train {

/// A schedule of your own.
class ScheduleFunction {
public:
  virtual ~ScheduleFunction() = default;
  /// The factor of step i in [0, steps), >= 0.
  virtual double factor(index_t i, index_t steps) const = 0;
};

struct Schedule {
  std::string kind = "constant";                 ///< a name of `schedules`
  double warm_up = 0.3;                          ///< share of the run (cosine, one-cycle)
  double start = 1.0 / 25, end = 4e-6;           ///< factors at both ends (one-cycle, see above)
  std::vector<double> milestones{0.3, 0.6};      ///< shares of the run (step)
  double factor = 0.1;                           ///< at each milestone (step)
  std::shared_ptr<const ScheduleFunction> own{}; ///< replaces `kind`: leave that out

  /// The factor of step i in [0, steps). Throws value_error on a kind that does not exist or stands
  /// beside `own`, and where a schedule of your own gives no factor.
  double operator()(index_t i, index_t steps) const;

  /// Throws value_error on settings that give no schedule.
  void check() const;
};

namespace detail {

/// From a (t = 0) to b (t = 1).
inline double half_cosine(double a, double b, double t) {
  return b + (a - b) * (1 + math::cos_pi(t)) / 2;
}

inline double constant(const Schedule&, double, double) {
  return 1;
}

inline double after_milestones(const Schedule& s, double at, double length) {
  double product = 1;
  for (double milestone : s.milestones)
    if (at / length >= milestone) product *= s.factor;
  return product;
}

inline double cosine(const Schedule& s, double at, double length) {
  const double rise = std::floor(s.warm_up * length);
  if (at < rise) return (at + 1) / (rise + 1);
  return half_cosine(1, 0, (at - rise) / (length - rise));
}

// The first step has the factor `start`, the last one `end`, as in PyTorch's OneCycleLR. But where
// warm_up x length is 1 or less, the first step is the peak: 3 steps have 1, .5 and `end`. A run of
// one step has 1.
inline double one_cycle(const Schedule& s, double at, double length) {
  const double peak = std::max(s.warm_up * length, 1.0) - 1, last = length - 1;
  if (at < peak) return half_cosine(s.start, 1, at / peak);
  return half_cosine(1, s.end, last > peak ? (at - peak) / (last - peak) : 0);
}

} // namespace detail

struct ScheduleRow {
  std::string_view name;
  double (*factor)(const Schedule& settings, double step, double steps);
  std::string_view about;
};

inline constexpr ScheduleRow schedules[] = {
    {"constant", detail::constant, "the highest rate throughout"},
    {"step", detail::after_milestones, "a tenth at .3 and .6 of the run, as PACT's paper"},
    {"cosine", detail::cosine, "up in a line, down in half a cosine"},
    {"one-cycle", detail::one_cycle, "up and down in half a cosine each"},
};

namespace detail {
/// The row of the schedule's kind. Throws value_error on an unknown one, and beside .own.
inline const ScheduleRow& kind_of(const Schedule& s) {
  if (s.own && s.kind != Schedule().kind)
    throw value_error(describe("schedule", "either .kind or .own",
                               ".kind '" + s.kind + "' and .own", "leave out .kind"));
  return choose("schedule", schedules, s.kind);
}
} // namespace detail

inline double Schedule::operator()(index_t i, index_t steps) const {
  const ScheduleRow& row = detail::kind_of(*this);
  if (!own) return row.factor(*this, static_cast<double>(i), static_cast<double>(steps));
  const double given = own->factor(i, steps);
  if (!(given >= 0) || !std::isfinite(given))
    throw value_error(
        describe("schedule at step " + to_text(i + 1), "a factor >= 0", to_text(given)));
  return given;
}

inline void Schedule::check() const {
  detail::kind_of(*this);
  if (!(warm_up >= 0 && warm_up < 1))
    throw value_error(describe("schedule", "a warm-up in [0, 1)", to_text(warm_up)));
  for (double m : milestones)
    if (!(m >= 0 && m <= 1))
      throw value_error(describe("schedule", "milestones in [0, 1]", to_text(m),
                                 "they are shares of the run, not epochs or steps"));
  for (double f : {start, end, factor})
    if (!(f >= 0 && f <= 1))
      throw value_error(describe("schedule", "factors in [0, 1]", to_text(f)));
}

} // namespace sgq::train
