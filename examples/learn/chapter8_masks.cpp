// Chapter 8: a dropout mask of 10,000 positions, drawn by 1, 2 and 3 threads: by an engine per
// thread, and by random numbers that are a function of the position.
#include "sgq/core/parallel.hpp"
#include "sgq/core/random.hpp"

#include <cstdio>
#include <random>
#include <vector>

using sgq::index_t;

constexpr index_t n = 10'000;
using Mask = std::vector<char>;

Mask by_engines(index_t threads) {
  Mask mask(n);
  for (index_t t = 0; t < threads; ++t) { // what thread t does
    std::mt19937 engine(static_cast<unsigned>(1 + t));
    for (index_t i = n * t / threads; i < n * (t + 1) / threads; ++i)
      mask[std::size_t(i)] = engine() >> 31 != 0;
  }
  return mask;
}

Mask by_position(int threads) {
  Mask mask(n);
  sgq::set_num_threads(threads);
  sgq::parallel_blocks(n, 1000, [&](index_t begin, index_t end) { // any block, by any thread
    for (index_t i = begin; i < end; ++i) mask[std::size_t(i)] = sgq::Random(1).bits(i) >> 31 != 0;
  });
  return mask;
}

long differences(const Mask& a, const Mask& b) {
  long count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

int main() {
  std::printf("positions whose mask is not that of one thread\n");
  for (const int threads : {1, 2, 3})
    std::printf("%d thread%s %4ld by engines, %ld by position\n", threads,
                threads == 1 ? ": " : "s:", differences(by_engines(1), by_engines(threads)),
                differences(by_position(1), by_position(threads)));
}
