// Step 0 -- the definition: C[i][j] = sum over p of A[i][p] B[p][j].
//
// The inner loop walks down a column of B. Each step lands in another cache line and uses 4 of its
// 64 bytes.
#include "product.hpp"

namespace learn {

void step0(const Product& x) {
  for (index_t i = 0; i < x.m; ++i)
    for (index_t j = 0; j < x.n; ++j) {
      float sum = 0;
      for (index_t p = 0; p < x.k; ++p) sum += x.a[i * x.k + p] * x.b[p * x.n + j];
      x.c[i * x.n + j] = sum;
    }
}

} // namespace learn
