// Exercise 7.3, solved: how large can a sum become? For inputs 0 .. x it is largest with x at every
// positive weight and 0 at the others, or the reverse. Tried on all inputs of small layers.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  constexpr index_t inputs = 6, most = 3; // 4^6 inputs
  const Random random(1);
  bool good = true;
  for (index_t layer = 0; layer < 50; ++layer) {
    Tensor<float> codes({inputs});
    for (index_t i = 0; i < inputs; ++i)
      codes[i] = static_cast<float>(random.below(layer * 8 + i, 15) - 7);
    const std::int32_t bias = static_cast<std::int32_t>(random.below(layer * 8 + 6, 41)) - 20;
    index_t largest = 0;
    for (index_t all = 0; all < 1 << (2 * inputs); ++all) {
      index_t sum = bias;
      for (index_t i = 0; i < inputs; ++i)
        sum += static_cast<index_t>(codes[i]) * (all >> (2 * i) & most);
      largest = std::max(largest, std::abs(sum));
    }
    const auto packed =
        infer::bit_pack(codes, quant::QuantRange::zero_aligned(4), {1, inputs, 1, 1});
    good = good && infer::accumulator_bound(packed, {&bias, 1}, most).largest == largest;
  }
  std::printf("%s\n", good ? "the same bounds" : "DIFFERENT");
  return good ? 0 : 1;
}
