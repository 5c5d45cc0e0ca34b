// sgq/core/hash.hpp -- a number that stands for many: what ranks exchange to see that they agree.
#pragma once

#include "sgq/core/tensor.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sgq {

/// A number that tells different values apart, but for one chance in 2^64.
template <class T>
std::uint64_t hash_of(View<const T> x, std::uint64_t seed) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  constexpr index_t lanes = 8; // as many products are under way at once
  std::uint64_t lane[lanes];
  for (index_t l = 0; l < lanes; ++l) // not 0 where the seed is, or zeros would not count
    lane[l] = seed + static_cast<std::uint64_t>(l + 1) * 0x9E3779B97F4A7C15u;
  for (index_t i = 0; i < x.size(); i += lanes)
    for (index_t l = 0; l < std::min(lanes, x.size() - i); ++l) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, x.data() + i + l, sizeof(T));
      lane[l] = (lane[l] ^ bits) * 0x9E3779B97F4A7C15u;
      lane[l] ^= lane[l] >> 29;
    }
  std::uint64_t hash = seed + static_cast<std::uint64_t>(x.size());
  for (const std::uint64_t h : lane) hash = (hash ^ h) * 0xD6E8FEB86659FD93u, hash ^= hash >> 32;
  return hash;
}

} // namespace sgq
