// Step 2 -- registers: a tile of 4 x 8 sums stays in registers while p runs.
//
// Step 1 loads and stores C for every product. A tile needs, per p, 8 numbers of B and 4 of A for
// 32 products: 12 loads, no store. Its sums are 8 registers of four floats; two more hold the row
// of B, and an x86-64 has 16.
#include "product.hpp"

#include "sgq/config.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

namespace learn {

namespace {

constexpr index_t rows = 4, cols = 8;

void tile(const Product& x, index_t i, index_t j) {
  using Vector = sgq::kernels::Simd<float, 16>::type; // four floats
  using Loose = sgq::kernels::Simd<float, 16>::loose; // the same at any address
  Vector sum[rows][2] = {};
  for (index_t p = 0; p < x.k; ++p) {
    const auto b = reinterpret_cast<const Loose*>(x.b + p * x.n + j);
    const Vector b0 = b[0], b1 = b[1];
    SGQ_UNROLL
    for (index_t r = 0; r < rows; ++r) {
      sum[r][0] += x.a[(i + r) * x.k + p] * b0;
      sum[r][1] += x.a[(i + r) * x.k + p] * b1;
    }
  }
  SGQ_UNROLL
  for (index_t r = 0; r < rows; ++r) {
    const auto c = reinterpret_cast<Loose*>(x.c + (i + r) * x.n + j);
    c[0] = sum[r][0];
    c[1] = sum[r][1];
  }
}

/// What is left at the edges, as in step 0.
void plain(const Product& x, index_t i, index_t j) {
  float sum = 0;
  for (index_t p = 0; p < x.k; ++p) sum += x.a[i * x.k + p] * x.b[p * x.n + j];
  x.c[i * x.n + j] = sum;
}

} // namespace

void step2(const Product& x) {
  const index_t m = x.m / rows * rows, n = x.n / cols * cols;
  for (index_t j = 0; j < n; j += cols)
    for (index_t i = 0; i < m; i += rows) tile(x, i, j);
  for (index_t i = 0; i < x.m; ++i)
    for (index_t j = i < m ? n : 0; j < x.n; ++j) plain(x, i, j);
}

} // namespace learn
