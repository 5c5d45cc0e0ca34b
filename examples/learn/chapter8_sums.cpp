// Chapter 8: the same million numbers, added in different orders; the same product, rounded or
// fused.
#include "sgq/sgq.hpp"

#include <cmath>
#include <cstdio>

using namespace sgq;

constexpr index_t n = 1'000'000;
Tensor<float> x({n});

// Lane l adds x[l], x[l + lanes], ..; then the lanes are added in order.
float by_lanes(index_t lanes) {
  std::vector<float> sum(std::size_t(lanes), 0.0f);
  for (index_t i = 0; i < n; ++i) sum[std::size_t(i % lanes)] += x[i];
  float total = 0;
  for (const float lane : sum) total += lane;
  return total;
}

// Each thread adds its part; then the parts are added in order.
float by_threads(index_t threads) {
  float total = 0;
  for (index_t t = 0; t < threads; ++t) {
    float part = 0;
    for (index_t i = n * t / threads; i < n * (t + 1) / threads; ++i) part += x[i];
    total += part;
  }
  return total;
}

// Blocks of a fixed size, by any number of threads; then the blocks are added in order.
float by_blocks(int threads) {
  set_num_threads(threads);
  std::vector<float> part(std::size_t(blocks_of(n, 4096)), 0.0f);
  parallel_blocks(n, 4096, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) part[std::size_t(begin / 4096)] += x[i];
  });
  float total = 0;
  for (const float p : part) total += p;
  return total;
}

int main() {
  double exact = 0;
  for (index_t i = 0; i < n; ++i) exact += x[i] = Random(1).uniform(i) - 0.5f; // multiples of 2^-24
  std::printf("exact         %.6f\n", exact);
  for (const int lanes : {1, 4, 8, 16})
    std::printf("%2d lane%-6s %.6f\n", lanes, lanes == 1 ? "" : "s", by_lanes(lanes));
  for (const int t : {1, 2, 3})
    std::printf("%d thread%-5s %.6f by parts  %.6f by blocks\n", t, t == 1 ? "" : "s",
                by_threads(t), by_blocks(t));

  const float a = 1 + 0x1p-12f;
  const volatile float rounded = a * a; // volatile: or a compiler may fuse it with what follows
  std::printf("a a - a a     %g with the product rounded, %g fused\n", double(rounded - rounded),
              double(std::fma(a, a, -rounded)));
}
