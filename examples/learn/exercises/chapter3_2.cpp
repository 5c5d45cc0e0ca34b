// Exercise 3.2: the best tile for a number of registers. A tile of r rows and v vectors holds r v
// sums, a row of B (v) and one value of A (1); a step loads v + r times for r v products. The least
// loads per product, for 16 registers (AVX2) and 32 (AVX-512); what the library has for AVX2 must
// come out. For AVX-512 it has 8 rows x 2 vectors, not 5 x 5: loads are not what bounds it there. Two
// multiply-adds per cycle, each of four cycles, need 8 sums at least, and 16 keep them busy.
#include "sgq/kernels/gemm/tiles.hpp"

#include <cstdio>

struct Shape {
  int rows, vectors;
};

Shape best_tile(int registers) {
  Shape best{1, 1};
  for (int r = 1; r <= registers; ++r)
    for (int v = 1; r * v + v + 1 <= registers; ++v)
      if ((r + v) * best.rows * best.vectors < (best.rows + best.vectors) * r * v) best = {r, v};
  return best;
}

int main() {
  for (const int registers : {16, 32}) {
    const Shape t = best_tile(registers);
    std::printf("%d registers: %d rows x %d vectors, %d loads for %d products\n", registers, t.rows,
                t.vectors, t.rows + t.vectors, t.rows * t.vectors);
  }
  const Shape avx2 = best_tile(16);
  bool right = avx2.rows == 4 && avx2.vectors == 3;
  if (sgq::kernels::isa() == sgq::kernels::Isa::avx2) {
    const auto& tile = sgq::kernels::tiles<float>().outer;
    right = right && tile.mr == avx2.rows && tile.nr == avx2.vectors * tile.lanes;
  }
  return right ? 0 : 1;
}
