// Chapter 3: what the steps ask of the memory, for 256 x 256 x 256, counted by a machine with an L1
// cache of 8 KiB and an L2 cache of 64 KiB: a small machine for a small size. Tiles are 4 x 8.
#include "cache.hpp"

#include <cstdio>

constexpr long n = 256, a = 0, b = 1 << 20, c = 2 << 20, packed_a = 3 << 20, packed_b = 4 << 20;

/// Address of an element of a matrix whose rows are `ld` numbers apart.
long at(long matrix, long row, long column, long ld = n) {
  return matrix + 4 * (row * ld + column);
}

/// Tiles with stretches of kc and blocks of mc rows of A, read where they are or packed.
void tiles(learn::Machine& m, long kc, long mc, bool pack, long ld = n) {
  for (long p0 = 0; p0 < n; p0 += kc) {
    const auto in_b = [&](long p, long j) {
      return packed_b + 4 * (j / 8 * 8 * kc + p * 8 + j % 8);
    };
    const auto in_a = [&](long i, long p) {
      return packed_a + 4 * (i / 4 * 4 * kc + p * 4 + i % 4);
    };
    for (long t = 0; pack && t < n * kc; ++t) {
      m.touch(at(b, p0 + t / n, t % n)), m.touch(in_b(t / n, t % n));
      m.touch(at(a, t / kc, p0 + t % kc)), m.touch(in_a(t / kc, t % kc));
    }
    for (long t = 0; t < n * n / 32; ++t) { // blocks of rows, strips of columns, tiles
      const long i = t / (mc * n / 32) * mc + t % (mc / 4) * 4, j = t / (mc / 4) % (n / 8) * 8;
      for (long p = 0; p < kc; ++p) {
        for (long r = 0; r < 4; ++r) m.touch(pack ? in_a(i + r, p) : at(a, i + r, p0 + p, ld));
        for (long s = 0; s < 8; ++s) m.touch(pack ? in_b(p, j + s) : at(b, p0 + p, j + s, ld));
      }
      for (long e = 0; e < 64; ++e) m.touch(at(c, i + e / 16, j + e % 8, ld)); // load and store
    }
  }
}

int main() {
  std::vector<learn::Machine> m(6);
  for (long i = 0; i < n; ++i)
    for (long j = 0; j < n; ++j, m[0].touch(at(c, i, j - 1)))
      for (long p = 0; p < n; ++p) m[0].touch(at(a, i, p)), m[0].touch(at(b, p, j));
  for (long i = 0; i < n; ++i)
    for (long p = 0; p < n; ++p, m[1].touch(at(a, i, p - 1)))
      for (long j = 0; j < n; ++j)
        m[1].touch(at(b, p, j)), m[1].touch(at(c, i, j)), m[1].touch(at(c, i, j));
  tiles(m[2], n, n, false), tiles(m[3], 64, 64, false), tiles(m[4], 64, 64, true);
  tiles(m[5], 64, 64, false, n + 16);
  std::printf("per 1000 products: loads and stores   L1 misses   L2 misses\n");
  const char* names[] = {"0 the definition", "1 order of loops", "2 registers",
                         "4 blocks",         "5 packing",        "4, rows of 272"};
  for (std::size_t s = 0; s < 6; ++s) m[s].print(names[s], n * n * n);
}
