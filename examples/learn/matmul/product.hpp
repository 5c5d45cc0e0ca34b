// What the seven steps of chapter 3 compute: C[m][n] = A[m][k] B[k][n], row-major, rows close
// together.
#pragma once

#include "sgq/core/shape.hpp"

namespace learn {

using sgq::index_t;

struct Product {
  index_t m, n, k;
  const float* a;
  const float* b;
  float* c;
};

void step0(const Product&); ///< the definition
void step1(const Product&); ///< the order of the loops
void step2(const Product&); ///< a tile of C in registers
void step3(const Product&); ///< the widest registers that the machine has
void step4(const Product&); ///< blocks that stay in the caches
void step5(const Product&); ///< packed blocks
void step6(const Product&); ///< threads
void step7(const Product&); ///< fetching ahead

} // namespace learn
