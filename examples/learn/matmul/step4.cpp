// Step 4 -- blocks: the sum is cut into stretches of kc, and a block of A of mc x kc numbers meets
// all of B's strips before the next one is touched.
//
// A tile of step 3 reads a strip of B from top to bottom, k rows of it, and comes back to it for the
// next rows of A: too late, the strip has left the cache. A strip of kc rows stays in the L1 cache
// while the rows of A pass by, and the block of A stays in the L2 cache while the strips pass by.
// The price: C is read and written once per stretch.
#include "tile.hpp"

namespace learn {

namespace {
constexpr index_t kc = 256, mc = 128;
}

void step4(const Product& x) {
  const Tile t = best_tile<false>();
  const index_t m = x.m / t.rows * t.rows, n = x.n / t.cols * t.cols;
  for (index_t p = 0; p < x.k; p += kc) {
    const index_t depth = std::min(kc, x.k - p);
    for (index_t i0 = 0; i0 < m; i0 += mc)
      for (index_t j = 0; j < n; j += t.cols)
        for (index_t i = i0; i < std::min(m, i0 + mc); i += t.rows)
          t.run({depth, x.a + i * x.k + p, x.b + p * x.n + j, x.c + i * x.n + j, x.n, p > 0, x.k,
                 x.n});
    edges(x, m, n, p, p + depth);
  }
}

} // namespace learn
