// Exercise 8.1: a sum that does not depend on any order at all. Floats of [-1, 1) that are
// multiples of 2^-24 are integers in disguise; integers add up exactly, so every order gives the
// same bits.
#include "sgq/core/random.hpp"

#include <cstdint>
#include <cstdio>
#include <vector>

using sgq::index_t;

float sum_exactly(const std::vector<float>& x) {
  std::int64_t sum = 0; // of 2^24 x; room for 2^39 numbers
  for (const float v : x) sum += static_cast<std::int64_t>(v * 0x1p24f);
  return static_cast<float>(static_cast<double>(sum) * 0x1p-24); // one rounding, at the end
}

float sum_in_order(const std::vector<float>& x) {
  float sum = 0;
  for (const float v : x) sum += v;
  return sum;
}

int main() {
  std::vector<float> x(100'000);
  long double truth = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    truth += x[i] = sgq::Random(1).uniform(static_cast<index_t>(i)) - 0.5f;
  int exact_changes = 0, plain_changes = 0;
  const float exact = sum_exactly(x), plain = sum_in_order(x);
  for (std::uint64_t order = 0; order < 50; ++order) {
    sgq::shuffle(x, sgq::Random(2, order));
    exact_changes += sum_exactly(x) != exact;
    plain_changes += sum_in_order(x) != plain;
  }
  const bool right = exact == static_cast<float>(truth);
  std::printf("50 orders: the plain sum changed %d times, the exact one %d times and is %s\n",
              plain_changes, exact_changes, right ? "right" : "wrong");
  return right && exact_changes == 0 && plain_changes > 0 ? 0 : 1;
}
