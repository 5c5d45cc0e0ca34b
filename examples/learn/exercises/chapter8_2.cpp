// Exercise 8.2: three processes share a batch of 10 images and add noise to them. Each must draw
// for its images what one process would draw for them: a generator per image, named by the image's
// place in the global batch.
#include "sgq/core/random.hpp"

#include <cstdio>
#include <vector>

using sgq::index_t;

constexpr index_t images = 10, pixels = 50;

// Noise of images [first, first + count) of the batch.
std::vector<double> noise(const sgq::Random& of_step, index_t first, index_t count) {
  const sgq::ImageRandom random(of_step, first);
  std::vector<double> drawn;
  for (index_t n = 0; n < count; ++n)
    for (index_t i = 0; i < pixels; ++i) drawn.push_back(random(n).normal(i));
  return drawn;
}

// The naive way: every process counts its images from 0.
std::vector<double> naive_noise(const sgq::Random& of_step, index_t, index_t count) {
  return noise(of_step, 0, count);
}

template <class F>
std::vector<double> by_processes(index_t processes, F draw) {
  std::vector<double> all;
  for (index_t p = 0; p < processes; ++p) {
    const index_t first = images * p / processes, last = images * (p + 1) / processes;
    const std::vector<double> part = draw(sgq::Random(7), first, last - first);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

int main() {
  const bool equal = by_processes(3, noise) == by_processes(1, noise);
  const std::vector<double> naive = by_processes(3, naive_noise);
  int repeated = 0; // images of the naive batch whose noise another image has too
  for (index_t n = 1; n < images; ++n)
    for (index_t m = 0; m < n; ++m)
      if (std::equal(naive.begin() + n * pixels, naive.begin() + (n + 1) * pixels,
                     naive.begin() + m * pixels)) {
        ++repeated;
        break;
      }
  std::printf("three processes draw %s; naively, %d of 10 images repeat another's noise\n",
              equal ? "the same" : "something else", repeated);
  return equal && repeated > 0 ? 0 : 1;
}
