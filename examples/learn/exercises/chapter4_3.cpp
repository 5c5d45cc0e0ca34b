// Exercise 4.3, solved: odd codes c = 2s + 1 are stored as s, which has k bits, and a sum over c is
// made of sums over s:  sum c a = 2 sum s a + sum a.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  const Random random(1);
  bool good = true;
  for (const int bits : {2, 3, 4, 8}) {
    const int n = quant::max_code(bits), lowest = -(1 << (bits - 1));
    index_t direct = 0, stored = 0, inputs = 0;
    for (index_t i = 0; i < 1000; ++i) {
      const index_t c = 2 * random.below(2 * i, n + 1) - n; // odd, -n .. n
      const index_t a = random.below(2 * i + 1, 16), s = (c - 1) / 2;
      good = good && s >= lowest && s < -lowest; // k bits of two's complement
      direct += c * a;
      stored += s * a;
      inputs += a;
    }
    good = good && direct == 2 * stored + inputs;
  }
  std::printf("%s\n", good ? "equal" : "DIFFERENT");
  return good ? 0 : 1;
}
