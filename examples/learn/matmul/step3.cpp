// Step 3 -- vectors: the tile in the widest registers that the machine has, chosen at run time
// (tile.hpp).
//
// A register of AVX-512 holds 16 floats, and one instruction multiplies and adds them all: a tile
// of 8 x 32 sums makes 256 products in 16 instructions. Nothing else changes.
#include "tile.hpp"

namespace learn {

void step3(const Product& x) {
  const Tile t = best_tile<false>();
  const index_t m = x.m / t.rows * t.rows, n = x.n / t.cols * t.cols;
  for (index_t j = 0; j < n; j += t.cols)
    for (index_t i = 0; i < m; i += t.rows)
      t.run({x.k, x.a + i * x.k, x.b + j, x.c + i * x.n + j, x.n, false, x.k, x.n});
  edges(x, m, n, 0, x.k);
}

} // namespace learn
