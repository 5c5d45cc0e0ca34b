// Exercise 3.3: C = A^T B, by the tile of step 5. Only the packing of A changes: its element (i, p)
// stands at a[p m + i], so it is read along the rows of A^T. Integers, so the result is exact.
#include "../matmul/tile.hpp"

#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"

#include <cstdio>

using namespace learn;

// x.a is [k][m].
void product_of_transposed(const Product& x) {
  constexpr index_t kc = 256, mc = 128;
  const Tile t = best_tile<true>();
  sgq::Arena::Scope scope(sgq::scratch());
  float* const a = sgq::scratch().take<float>(sgq::round_up(mc, t.rows) * kc);
  float* const b = sgq::scratch().take<float>(sgq::round_up(x.n, t.cols) * kc);
  for (index_t p = 0; p < x.k; p += kc) {
    const index_t depth = std::min(kc, x.k - p);
    for (index_t j = 0; j < x.n; j += t.cols)
      pack(x.b + p * x.n + j, 1, x.n, depth, x.n - j, t.cols, b + j * depth);
    for (index_t i0 = 0; i0 < x.m; i0 += mc) {
      const index_t i1 = std::min(x.m, i0 + mc);
      for (index_t i = i0; i < i1; i += t.rows)
        pack(x.a + p * x.m + i, 1, x.m, depth, i1 - i, t.rows, a + (i - i0) * depth);
      for (index_t j = 0; j < x.n; j += t.cols)
        for (index_t i = i0; i < i1; i += t.rows)
          t.run_part(i1 - i, x.n - j,
                     {depth, a + (i - i0) * depth, b + j * depth, x.c + i * x.n + j, x.n, p > 0});
    }
  }
}

int main() {
  const index_t m = 131, n = 77, k = 300;
  sgq::Tensor<float> a({k, m}), b({k, n}), c({m, n}, -1.0f);
  for (index_t i = 0; i < a.size(); ++i) a[i] = float(sgq::Random(1).below(i, 15)) - 7;
  for (index_t i = 0; i < b.size(); ++i) b[i] = float(sgq::Random(2).below(i, 15)) - 7;
  product_of_transposed({m, n, k, a.data(), b.data(), c.data()});
  int wrong = 0;
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j) {
      long sum = 0;
      for (index_t p = 0; p < k; ++p)
        sum += static_cast<long>(a(p, i)) * static_cast<long>(b(p, j));
      wrong += c(i, j) != static_cast<float>(sum);
    }
  std::printf("%d of %d numbers are wrong\n", wrong, static_cast<int>(m * n));
  return wrong == 0 ? 0 : 1;
}
