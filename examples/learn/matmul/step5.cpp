// Step 5 -- packing: the blocks of A and B are copied into the order in which the tile reads them.
//
// A cache finds a line by some bits of its address. Rows that are 4 KiB apart share these bits, so
// a strip of such rows throws its own lines out although the cache has room, and each row is on
// another page, more pages than the processor remembers. A copy costs one read and one write per
// number; a number of B is then used m times and a number of A n times.
#include "tile.hpp"

namespace learn {

namespace {
constexpr index_t kc = 256, mc = 128, nc = 1024;
}

void step5(const Product& x) {
  const Tile t = best_tile<true>();
  sgq::Arena::Scope scope(sgq::scratch());
  float* const a = sgq::scratch().take<float>(sgq::round_up(mc, t.rows) * kc);
  float* const b = sgq::scratch().take<float>(sgq::round_up(nc, t.cols) * kc);
  for (index_t p = 0; p < x.k; p += kc)
    for (index_t j0 = 0; j0 < x.n; j0 += nc) {
      const index_t depth = std::min(kc, x.k - p), j1 = std::min(x.n, j0 + nc);
      for (index_t j = j0; j < j1; j += t.cols)
        pack(x.b + p * x.n + j, 1, x.n, depth, j1 - j, t.cols, b + (j - j0) * depth);
      for (index_t i0 = 0; i0 < x.m; i0 += mc) {
        const index_t i1 = std::min(x.m, i0 + mc);
        for (index_t i = i0; i < i1; i += t.rows)
          pack(x.a + i * x.k + p, x.k, 1, depth, i1 - i, t.rows, a + (i - i0) * depth);
        for (index_t j = j0; j < j1; j += t.cols)
          for (index_t i = i0; i < i1; i += t.rows)
            t.run_part(
                i1 - i, j1 - j,
                {depth, a + (i - i0) * depth, b + (j - j0) * depth, x.c + i * x.n + j, x.n, p > 0});
      }
    }
}

} // namespace learn
