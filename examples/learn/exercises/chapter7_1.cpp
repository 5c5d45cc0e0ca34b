// Exercise 7.1, solved: weights of two bits, four to a byte, the first in the lowest bits. The
// codes -3, -1, 1, 3 are stored as s = (c - 1) / 2, a two's complement number of two bits.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  const Random random(1);
  constexpr index_t count = 4 * 3 * 3 * 3;
  Tensor<float> codes({count});
  std::vector<std::uint8_t> own(count / 4);
  for (index_t i = 0; i < count; ++i) {
    const int c = 2 * static_cast<int>(random.below(i, 4)) - 3, s = (c - 1) / 2;
    codes[i] = static_cast<float>(c);
    auto& byte = own[static_cast<std::size_t>(i / 4)];
    byte = static_cast<std::uint8_t>(byte | (s & 3) << (2 * (i % 4)));
  }
  const infer::BitPackedWeights packed =
      infer::bit_pack(codes, quant::QuantRange::odd(2), {4, 3, 3, 3});
  bool good = packed.bytes == own;
  for (index_t i = 0; i < count; ++i) { // and back
    const int field = own[static_cast<std::size_t>(i / 4)] >> (2 * (i % 4)) & 3;
    const int s = field < 2 ? field : field - 4;
    good = good && 2 * s + 1 == static_cast<int>(codes[i]);
  }
  std::printf("%s\n", good ? "the same bytes" : "DIFFERENT");
  return good ? 0 : 1;
}
