#include "sgq/train/schedule.hpp"

#include "golden/optimizers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>

namespace test_schedule {

using namespace sgq;
using namespace sgq::train;

namespace {

template <std::size_t n>
void check_course(const Schedule& schedule, const double (&expected)[n]) {
  for (std::size_t i = 0; i < n; ++i)
    CHECK(std::abs(schedule(static_cast<index_t>(i), n) - expected[i]) < 1e-14);
}

} // namespace

TEST_CASE("schedules equal PyTorch's", "[train]") {
  check_course({.kind = "one-cycle"}, golden::one_cycle);
  check_course({.kind = "step"}, golden::milestones);
  check_course({.kind = "cosine", .warm_up = 0}, golden::cosine);
}

TEST_CASE("a constant schedule", "[train]") {
  for (index_t i : {0, 5, 9}) CHECK(Schedule{}(i, 10) == 1);
}

TEST_CASE("cosine with warm-up: a line up, then half a cosine down", "[train]") {
  const Schedule schedule{.kind = "cosine", .warm_up = 0.25};
  for (int i = 0; i < 4; ++i) CHECK(schedule(i, 16) == Approx((i + 1) / 5.0).margin(0));
  CHECK(schedule(4, 16) == 1);
  CHECK(schedule(10, 16) == Approx(0.5));
  CHECK(schedule(15, 16) == Approx((1 + std::cos(M_PI * 11 / 12)) / 2));
}

TEST_CASE("one cycle starts, peaks and ends where it says", "[train]") {
  const Schedule schedule{.kind = "one-cycle", .warm_up = 0.25, .start = 0.1, .end = 0.01};
  CHECK(schedule(0, 40) == Approx(0.1));
  CHECK(schedule(9, 40) == Approx(1)); // a quarter of 40 steps
  CHECK(schedule(39, 40) == Approx(0.01));
  CHECK(schedule(0, 4) == 1); // a warm-up of one step is none
  CHECK(schedule(3, 4) == Approx(0.01));
  CHECK(schedule(0, 1) == 1);
}

TEST_CASE("milestones multiply", "[train]") {
  const Schedule schedule{.kind = "step", .milestones = {0.75, 0.5}, .factor = 0.2};
  CHECK(schedule(1, 4) == 1);
  CHECK(schedule(2, 4) == Approx(0.2));
  CHECK(schedule(3, 4) == Approx(0.04));
}

TEST_CASE("every course stays in [0, 1] for runs of any length", "[train]") {
  for (const std::string& kind : names_of(schedules))
    for (double warm_up : {0.0, 0.3, 0.99})
      for (index_t steps : {1, 2, 3, 7, 100})
        for (index_t i = 0; i < steps; ++i) {
          const double f = Schedule{.kind = kind, .warm_up = warm_up}(i, steps);
          CHECK((f >= 0 && f <= 1)); // false for NaN
        }
}

TEST_CASE("schedules by name", "[train]") {
  CHECK(names_of(schedules) == std::vector<std::string>{"constant", "step", "cosine", "one-cycle"});
  for (const auto& row : schedules) {
    CHECK_NOTHROW(Schedule{.kind = std::string(row.name)}.check());
    CHECK(!row.about.empty());
  }
  const Schedule unknown{.kind = "linear"};
  for (const auto& use : {message_of<value_error>([&] { unknown.check(); }),
                          message_of<value_error>([&] { unknown(0, 10); })})
    CHECK(contains(use, "expected constant, step, cosine or one-cycle, got 'linear'"));
}

TEST_CASE("impossible schedules", "[train]") {
  CHECK_NOTHROW(Schedule{}.check());
  struct Bad {
    Schedule schedule;
    const char *what, *got;
  };
  for (const Bad& bad : {Bad{{.warm_up = 1}, "warm-up", "got 1"},
                         {{.warm_up = -0.1}, "warm-up", "got -0.1"},
                         {{.warm_up = std::nan("")}, "warm-up", "got nan"},
                         {{.milestones = {0.5, -0.1}}, "milestones", "got -0.1"},
                         {{.start = 2}, "factors", "got 2"},
                         {{.end = -1}, "factors", "got -1"},
                         {{.factor = 1.5}, "factors", "got 1.5"}})
    CHECK_SAYS(bad.schedule.check(), value_error, "schedule", bad.what, bad.got);
}

/// `first`, then half of it from the middle of the run on.
struct Halving final : ScheduleFunction {
  double first;
  explicit Halving(double value) : first(value) {}
  double factor(index_t i, index_t steps) const override {
    return i < steps / 2 ? first : first / 2;
  }
};

TEST_CASE("a schedule of one's own", "[train]") {
  const Schedule halving{.own = std::make_shared<Halving>(1)};
  CHECK_NOTHROW(halving.check());
  CHECK(halving(4, 10) == 1);
  CHECK(halving(5, 10) == 0.5);
  for (const double bad : {-1.0, std::nan(""), static_cast<double>(INFINITY)}) {
    const Schedule wrong{.own = std::make_shared<Halving>(bad)};
    CHECK(contains(message_of<value_error>([&] { wrong(3, 10); }), "schedule at step 4"));
  }
  const Schedule both{.kind = "cosine", .own = std::make_shared<Halving>(1)};
  CHECK_SAYS(both.check(), value_error, "either .kind or .own", ".kind 'cosine' and .own");
  CHECK_SAYS(both(0, 10), value_error, "either .kind or .own");
}

} // namespace test_schedule
