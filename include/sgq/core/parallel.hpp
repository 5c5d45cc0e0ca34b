// sgq/core/parallel.hpp -- one loop over independent iterations, spread over threads.
//
// Rule of the house: what iteration i computes may depend on i only, never on which thread runs it
// or on how many there are. A reduction is cut into blocks of a fixed size, each summed by one
// iteration, and the block sums are added in order afterwards. So every result is the same to the
// last bit for any thread count.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/error.hpp"
#include "sgq/core/function_ref.hpp"
#include "sgq/core/math.hpp"
#include "sgq/core/shape.hpp"

#include <algorithm>
#include <atomic>
#include <exception>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace sgq {

namespace detail {
inline std::atomic<int>& thread_setting() {
  static std::atomic<int> setting{0}; // 0: as many as OpenMP would use
  return setting;
}
} // namespace detail

/// An OpenMP library ends the process if it cannot create a thread, so more than this are refused.
inline constexpr int max_threads = 1024;

/// How many threads parallel_for uses from here; 1 without OpenMP.
inline int num_threads() {
#if defined(_OPENMP)
  const int setting = detail::thread_setting();
  return setting > 0 ? setting : std::min(omp_get_max_threads(), max_threads);
#else
  return 1;
#endif
}

/// Sets the number of threads of every later parallel_for; 0 leaves it to OpenMP. Throws
/// value_error on fewer, or on more than max_threads.
inline void set_num_threads(int n) {
  if (n < 0 || n > max_threads)
    throw value_error(describe("threads", "0 (all cores) to " + to_text(max_threads), to_text(n)));
  detail::thread_setting() = n;
}

/// Ends the worker threads; the next loop starts new ones. Call it right before fork(): otherwise
/// GCC's OpenMP waits in the child for threads that do not exist there. Throws value_error inside a
/// parallel_for.
inline void release_threads() {
#if defined(_OPENMP)
  if (omp_in_parallel())
    throw value_error(describe("release_threads", "a call outside parallel_for", "one inside"));
  omp_pause_resource_all(omp_pause_soft); // LLVM 14 fails an assertion after omp_pause_hard
#endif
}

namespace detail {
/// The loop itself, compiled once: each parallel_for refers it to its own body, which saves a good
/// part of the compile time of a program and costs a call per iteration.
inline void run_parallel(index_t n, function_ref<void(index_t)> body) {
#if defined(_OPENMP)
  const int threads = static_cast<int>(std::min<index_t>(num_threads(), n));
  if (threads > 1 && !omp_in_parallel()) {
    std::exception_ptr failure;
    std::atomic<bool> failed{false};
    SGQ_OMP(parallel for schedule(dynamic, 1) num_threads(threads))
    for (index_t i = 0; i < n; ++i) {
      if (failed.load(std::memory_order_relaxed)) continue;
      try {
        body(i);
      } catch (...) {
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
    return;
  }
#endif
  for (index_t i = 0; i < n; ++i) body(i);
}
} // namespace detail

/// Calls f(i) for i in [0, n), each i once, on several threads; iterations are handed out one by
/// one (they may take unequal time), so give each enough work to be worth it. Inside another
/// parallel_for it runs serially. The first exception is rethrown here once all have ended.
template <class F>
void parallel_for(index_t n, F&& f) {
  detail::run_parallel(n, f);
}

/// Cuts [0, n) into blocks of `block` elements (the last may be shorter) and calls
/// f(begin, end) for each: the usual way to spread an element-wise loop.
template <class F>
void parallel_blocks(index_t n, index_t block, F&& f) {
  parallel_for(blocks_of(n, block), [&](index_t b) { f(b * block, std::min(n, (b + 1) * block)); });
}

/// Images of a block, the last may be short. Gradients of convolutions' weights, of biases and of
/// clips are sums over such blocks, added in order. So threads, or processes
/// (core/shared_batch.hpp), can each sum blocks of their own.
inline constexpr index_t block_images = 8;

/// The sum of of_image(n) over a batch, block by block.
template <class F>
double sum_by_blocks(index_t batch, F&& of_image) {
  double total = 0;
  for (index_t first = 0; first < batch; first += block_images) {
    double block = 0;
    for (index_t n = first; n < std::min(first + block_images, batch); ++n) block += of_image(n);
    total += block;
  }
  return total;
}

} // namespace sgq
