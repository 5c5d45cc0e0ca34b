// Step 7 -- fetching ahead: what is needed soon is asked for now.
//
// A prefetch is a read whose result nobody waits for. Two reads of a tile are late otherwise. The
// numbers of C that it adds to were last touched a whole stretch of k ago. And panels of A come from
// the L2 cache, each for one tile; the tile asks for them 64 steps before it multiplies.
#include "tile.hpp"

#include "sgq/core/parallel.hpp"

namespace learn {

namespace {

constexpr index_t kc = 256, mc = 256, nc = 256;

/// Asks for the cache lines of a tile of C, to be written; 16 floats are a line.
void fetch(const Tile& t, const float* c, index_t ldc) {
  for (index_t i = 0; i < t.rows; ++i)
    for (index_t j = 0; j < t.cols; j += 16) __builtin_prefetch(c + i * ldc + j, 1);
}

/// As in step 6, with the prefetch of C.
void columns_of_c(const Product& x, const Tile& t, const float* a, index_t j0, index_t j1) {
  sgq::Arena::Scope scope(sgq::scratch()); // of this thread
  float* const b = sgq::scratch().take<float>(sgq::round_up(nc, t.cols) * kc);
  for (index_t p = 0; p < x.k; p += kc, a += sgq::round_up(x.m, t.rows) * kc) {
    const index_t depth = std::min(kc, x.k - p);
    for (index_t j = j0; j < j1; j += t.cols)
      pack(x.b + p * x.n + j, 1, x.n, depth, j1 - j, t.cols, b + (j - j0) * depth);
    for (index_t i0 = 0; i0 < x.m; i0 += mc)
      for (index_t j = j0; j < j1; j += t.cols)
        for (index_t i = i0; i < std::min(x.m, i0 + mc); i += t.rows) {
          float* const c = x.c + i * x.n + j;
          fetch(t, c, x.n);
          t.run_part(x.m - i, j1 - j, {depth, a + i * depth, b + (j - j0) * depth, c, x.n, p > 0});
        }
  }
}

} // namespace

void step7(const Product& x) {
  const Tile t = best_tile<true, 64>();
  sgq::Arena::Scope scope(sgq::scratch());
  const index_t rows = sgq::round_up(x.m, t.rows);
  float* const a = sgq::scratch().take<float>(rows * x.k);
  sgq::parallel_for(rows / t.rows, [&](index_t panel) {
    const index_t i = panel * t.rows;
    for (index_t p = 0; p < x.k; p += kc) {
      const index_t depth = std::min(kc, x.k - p);
      pack(x.a + i * x.k + p, x.k, 1, depth, x.m - i, t.rows, a + p * rows + i * depth);
    }
  });
  sgq::parallel_for(sgq::blocks_of(x.n, nc), [&](index_t block) {
    columns_of_c(x, t, a, block * nc, std::min(x.n, (block + 1) * nc));
  });
}

} // namespace learn
