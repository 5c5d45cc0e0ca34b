// Chapter 8: how often the C library's functions differ from the library's own, which compute on
// integers.
#include "sgq/core/elementary.hpp"
#include "sgq/core/random.hpp"

#include <cmath>
#include <cstdio>

using sgq::index_t;

// Its bits are no matter of the machine: the compiler computes them.
static_assert(sgq::math::exp(1) == 0x1.5bf0a8b145769p+1);

template <class Ours, class Theirs>
void compare(const char* name, double low, double high, Ours ours, Theirs theirs) {
  int doubles = 0, floats = 0;
  for (index_t i = 0; i < 1'000'000; ++i) {
    const double x = low + (high - low) * double(sgq::Random(1).uniform(i));
    doubles += ours(x) != theirs(x);
    floats += float(ours(double(float(x)))) != theirs(float(x));
  }
  std::printf("%-5s  double: %6d of a million differ   float: %6d\n", name, doubles, floats);
}

int main() {
  namespace ours = sgq::math;
  compare(
      "exp", -5, 5, [](double x) { return ours::exp(x); }, [](auto x) { return std::exp(x); });
  compare(
      "log", 0.1, 5, [](double x) { return ours::log(x); }, [](auto x) { return std::log(x); });
  compare(
      "tanh", -2, 2, [](double x) { return ours::tanh(x); }, [](auto x) { return std::tanh(x); });
}
