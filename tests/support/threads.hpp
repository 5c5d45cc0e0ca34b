// The number of threads, for as long as a test needs it.
#pragma once

#include "sgq/core/parallel.hpp"

/// Sets the number of threads for as long as it lives.
struct Threads {
  explicit Threads(int n) { sgq::set_num_threads(n); }
  ~Threads() { sgq::set_num_threads(0); }
};

/// Runs f with each of these numbers of threads and says whether its results, containers that ==
/// compares, are all the same.
template <class F>
bool same_for_any_thread_count(F&& f) {
  const Threads restored(1);
  const auto one = f();
  bool same = true;
  for (int threads : {2, 3}) {
    sgq::set_num_threads(threads);
    same = same && f() == one;
  }
  return same;
}
