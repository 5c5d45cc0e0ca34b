// Step 6 -- threads: they pack A together; then each takes 256 columns of C after the other and packs
// the columns of B that it needs for itself.
//
// Two threads never write to the same number, and each sum is made by one thread in one order: the
// result is the same to the bit for any number of threads. The end of a loop is a barrier, so that
// no thread reads a panel of A that another is still packing.
#include "tile.hpp"

#include "sgq/core/parallel.hpp"

namespace learn {

namespace {

constexpr index_t kc = 256, mc = 256, nc = 256;

/// Columns [j0, j1) of C. `a` is packed: for each stretch of kc, panels of all rows.
void columns_of_c(const Product& x, const Tile& t, const float* a, index_t j0, index_t j1) {
  sgq::Arena::Scope scope(sgq::scratch()); // of this thread
  float* const b = sgq::scratch().take<float>(sgq::round_up(nc, t.cols) * kc);
  for (index_t p = 0; p < x.k; p += kc, a += sgq::round_up(x.m, t.rows) * kc) {
    const index_t depth = std::min(kc, x.k - p);
    for (index_t j = j0; j < j1; j += t.cols)
      pack(x.b + p * x.n + j, 1, x.n, depth, j1 - j, t.cols, b + (j - j0) * depth);
    for (index_t i0 = 0; i0 < x.m; i0 += mc)
      for (index_t j = j0; j < j1; j += t.cols)
        for (index_t i = i0; i < std::min(x.m, i0 + mc); i += t.rows)
          t.run_part(x.m - i, j1 - j,
                     {depth, a + i * depth, b + (j - j0) * depth, x.c + i * x.n + j, x.n, p > 0});
  }
}

} // namespace

void step6(const Product& x) {
  const Tile t = best_tile<true>();
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
