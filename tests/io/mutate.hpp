// Damage done to a file, the same for the same number: what the readers of foreign files must
// stand.
#pragma once

#include "sgq/core/random.hpp"

#include <algorithm>
#include <string>

/// One to three changes: flipped bits, bytes and digits replaced, cut, put in, or a stretch
/// repeated.
inline std::string mutate(std::string bytes, std::uint64_t seed) {
  const sgq::Random random(seed, 0x6d757461);
  sgq::index_t draws = 0;
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.below(draws++, static_cast<sgq::index_t>(n)));
  };
  for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
    // Half of the changes go to the first bytes, where lengths and types are.
    const std::size_t range = below(2) ? std::min<std::size_t>(bytes.size(), 160) : bytes.size();
    const std::size_t at = below(range + 1), last = bytes.size();
    switch (below(7)) {
    case 0:
      if (at < last) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      break;
    case 1:
      if (at < last) bytes[at] = static_cast<char>(below(256));
      break;
    case 2: { // a number in the text becomes another
      const std::size_t digit = bytes.find_first_of("0123456789", at);
      const char* numbers[] = {"0",
                               "-1",
                               "1",
                               "7",
                               "9223372036854775807",
                               "4611686018427387904",
                               "18446744073709551616",
                               "1e9",
                               "99999"};
      if (digit != bytes.npos) bytes.replace(digit, 1, numbers[below(9)]);
      break;
    }
    case 3:
      bytes.resize(at);
      break;
    case 4:
      bytes.insert(at, 1 + below(8), static_cast<char>(below(256)));
      break;
    case 5:
      bytes.erase(at, 1 + below(8));
      break;
    default:
      bytes.insert(at, bytes.substr(below(last + 1), 1 + below(40)));
    }
  }
  return bytes;
}
