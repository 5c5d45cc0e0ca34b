// A machine with two caches, simulated: what do loops ask of the memory?
// (docs/learn/3-matrix-product.md)
#pragma once

#include <algorithm>
#include <cstdio>
#include <vector>

namespace learn {

/// Lines of 64 bytes, 8 ways: a line may stand in 8 places, and pushes out the one of them that was
/// used longest ago.
struct Cache {
  explicit Cache(long bytes) : sets(bytes / 64 / 8), lines(std::size_t(bytes / 64), -1) {}

  bool misses(long line) {
    const auto first = lines.begin() + line % sets * 8; // newest first
    const auto found = std::find(first, first + 8, line);
    const bool missed = found == first + 8;
    std::rotate(first, missed ? found - 1 : found, missed ? found : found + 1);
    *first = line;
    return missed;
  }

  long sets;
  std::vector<long> lines;
};

struct Machine {
  Cache l1{8 << 10}, l2{64 << 10};
  long accesses = 0, l1_misses = 0, l2_misses = 0;

  /// A load or a store.
  void touch(long address) {
    ++accesses;
    if (l1.misses(address / 64)) ++l1_misses, l2_misses += l2.misses(address / 64);
  }

  void print(const char* name, long products) const {
    const double per = 1e3 / double(products);
    std::printf("%-22s %12.0f %11.1f %11.2f\n", name, per * double(accesses),
                per * double(l1_misses), per * double(l2_misses));
  }
};

} // namespace learn
