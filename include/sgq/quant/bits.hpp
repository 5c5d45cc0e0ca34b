// sgq/quant/bits.hpp -- what k bits mean: n = 2^k - 1 steps, codes 0..n; 32 means "not quantised".
#pragma once

#include "sgq/core/error.hpp"

#include <string>
#include <string_view>

namespace sgq::quant {

/// The bit width that stands for "fp32, not quantised".
inline constexpr int fp32_bits = 32;

/// n = 2^k - 1: the highest unsigned code of k bits, and the number of steps of its grid.
constexpr int max_code(int bits) {
  return (1 << bits) - 1;
}

/// Throws value_error unless lowest <= bits <= 8.
inline void check_bits(std::string_view what, int bits, int lowest = 1) {
  if (bits < lowest || bits > 8)
    throw value_error(
        describe(std::string(what) + ": bits", to_text(lowest) + " to 8", to_text(bits)));
}

} // namespace sgq::quant
