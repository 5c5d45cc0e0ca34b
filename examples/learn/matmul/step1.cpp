// Step 1 -- the order of the loops: i, p, j.
//
// The inner loop walks along a row of B and a row of C, so it uses whole cache lines, and
// neighbours can be computed together: SGQ_SIMD asks the compiler for it, with the registers of
// four floats that every x86-64 has. Step 0 could not: its inner loop is one sum, in one order.
#include "product.hpp"

#include "sgq/config.hpp"

namespace learn {

void step1(const Product& x) {
  for (index_t i = 0; i < x.m; ++i) {
    float* const c = x.c + i * x.n;
    for (index_t j = 0; j < x.n; ++j) c[j] = 0;
    for (index_t p = 0; p < x.k; ++p) {
      const float a = x.a[i * x.k + p];
      const float* const b = x.b + p * x.n;
      SGQ_SIMD
      for (index_t j = 0; j < x.n; ++j) c[j] += a * b[j];
    }
  }
}

} // namespace learn
