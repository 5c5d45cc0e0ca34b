#include "sgq/core/parallel.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/threads.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace test_parallel {

using namespace sgq;

#if defined(_OPENMP)
namespace {

// True if two iterations of one parallel_for are ever in flight at the same time: each waits, for
// a while, until both have begun.
bool two_iterations_meet() {
  std::atomic<int> begun{0};
  std::atomic<bool> met{false};
  parallel_for(2, [&](index_t) {
    ++begun;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!met && std::chrono::steady_clock::now() < deadline) {
      if (begun == 2) met = true;
      std::this_thread::yield();
    }
  });
  return met;
}

} // namespace

TEST_CASE("parallel_for: two threads really run", "[core]") {
  Threads two(2);
  REQUIRE(num_threads() == 2);
  REQUIRE(two_iterations_meet());
}
#else
TEST_CASE("parallel_for: without OpenMP there is one thread, whatever is asked", "[core]") {
  Threads two(2);
  REQUIRE(num_threads() == 1);
}
#endif

TEST_CASE("parallel_for: with one thread, iterations run in order on the calling thread",
          "[core]") {
  Threads one(1);
  std::vector<index_t> order;
  parallel_for(5, [&](index_t i) { order.push_back(i); });
  REQUIRE(order == std::vector<index_t>{0, 1, 2, 3, 4});
}

TEST_CASE("parallel_for: calls each iteration once", "[core]") {
  for (int threads : {1, 2, 3, 7})
    for (index_t n : {index_t{0}, index_t{1}, index_t{2}, index_t{5}, index_t{1000}}) {
      Threads t(threads);
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(n));
      parallel_for(n, [&](index_t i) { ++calls[static_cast<std::size_t>(i)]; });
      int wrong = 0;
      for (const auto& c : calls) wrong += c != 1;
      INFO(threads << " threads, " << n << " iterations");
      REQUIRE(wrong == 0);
    }
}

TEST_CASE("parallel_for: an exception of an iteration reaches the caller", "[core]") {
  for (int threads : {1, 2, 3}) {
    Threads t(threads);
    const auto run = [] {
      parallel_for(100, [](index_t i) {
        if (i == 57) throw value_error("iteration 57");
      });
    };
    REQUIRE(message_of<value_error>(run) == "iteration 57");

    // All fail: exactly one of them arrives, and the next loop is unharmed.
    REQUIRE_THROWS_AS(parallel_for(100, [](index_t) { throw std::logic_error("all"); }),
                      std::logic_error);
    std::atomic<int> calls{0};
    parallel_for(10, [&](index_t) { ++calls; });
    REQUIRE(calls == 10);
  }
}

TEST_CASE("parallel_for: a loop inside a loop runs on the thread that meets it", "[core]") {
  Threads t(2);
  std::atomic<int> calls{0}, strayed{0};
  parallel_for(4, [&](index_t) {
    const auto here = std::this_thread::get_id();
    parallel_for(8, [&](index_t) {
      ++calls;
      if (std::this_thread::get_id() != here) ++strayed;
    });
  });
  REQUIRE(calls == 32);
  REQUIRE(strayed == 0);
}

#if defined(_OPENMP)
TEST_CASE("release_threads: a forked child runs loops on threads of its own", "[core]") {
  Threads t(2);
  const auto sum = [] {
    std::atomic<index_t> total{0};
    parallel_for(64, [&](index_t i) { total += i; });
    return total.load();
  };
  REQUIRE(sum() == 2016); // now a second thread waits for the next loop
  release_threads();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(20); // ends a child that waits for a thread it does not have
    ::_exit(sum() == 2016 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(sum() == 2016); // the parent starts new ones

  std::string message;
  parallel_for(1, [&](index_t) { release_threads(); }); // a serial loop
  parallel_for(2, [&](index_t i) {
    if (i == 0) message = message_of<value_error>([] { release_threads(); });
  });
  REQUIRE(message == "release_threads: expected a call outside parallel_for, got one inside");
}
#endif

TEST_CASE("parallel_blocks: covers the range in blocks of the fixed size", "[core]") {
  for (index_t n : {index_t{0}, index_t{1}, index_t{9}, index_t{10}, index_t{11}, index_t{25}}) {
    std::vector<int> seen(static_cast<std::size_t>(n), 0);
    std::atomic<int> misplaced{0};
    parallel_blocks(n, 10, [&](index_t begin, index_t end) {
      if (begin % 10 != 0 || (end != n && end - begin != 10) || begin >= end) ++misplaced;
      for (index_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
    });
    REQUIRE(misplaced == 0);
    REQUIRE(seen == std::vector<int>(static_cast<std::size_t>(n), 1));
  }
}

TEST_CASE("set_num_threads: more than OpenMP may survive is an error", "[core]") {
  CHECK_NOTHROW(set_num_threads(max_threads));
  CHECK_SAYS(set_num_threads(max_threads + 1), value_error, "threads",
             "got " + to_text(max_threads + 1));
  set_num_threads(0);
}

TEST_CASE("set_num_threads: 0 is the default again, a negative number an error", "[core]") {
  const int usual = num_threads();
  set_num_threads(1);
  REQUIRE(num_threads() == 1);
  set_num_threads(0);
  REQUIRE(num_threads() == usual);
  REQUIRE(message_of<value_error>([] { set_num_threads(-3); }) ==
          "threads: expected 0 (all cores) to 1024, got -3");
}

} // namespace test_parallel
