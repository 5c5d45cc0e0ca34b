// sgq/io/sha256.hpp -- SHA-256: 32 bytes that stand for a file, its data or its weights.
//
// NIST FIPS 180-4. The message is cut into blocks of 64 bytes, the last padded with a one bit,
// zeros and the length in bits; each block stirs eight 32-bit words in 64 rounds.
#pragma once

#include "sgq/config.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sgq::io {

/// Hashes bytes as they come: update() any number of times, then hex().
class Sha256 {
public:
  Sha256& update(std::string_view bytes) {
    total_ += bytes.size();
    while (!bytes.empty()) {
      const std::size_t n = std::min(bytes.size(), block_.size() - used_);
      std::copy_n(bytes.data(), n, block_.data() + used_);
      used_ += n;
      bytes.remove_prefix(n);
      if (used_ == block_.size()) {
        stir();
        used_ = 0;
      }
    }
    return *this;
  }

  /// The digest of all bytes so far, as 64 lower-case hexadecimal digits.
  std::string hex() const {
    Sha256 end = *this;
    std::string padding(1 + (55 - total_ % 64 + 64) % 64, '\0');
    padding[0] = '\x80';
    for (int shift = 56; shift >= 0; shift -= 8)
      padding.push_back(static_cast<char>(total_ * 8 >> shift & 0xff));
    end.update(padding);

    std::string digits;
    for (std::uint32_t word : end.state_)
      for (int shift = 28; shift >= 0; shift -= 4)
        digits.push_back("0123456789abcdef"[word >> shift & 15]);
    return digits;
  }

private:
  using Word = std::uint32_t;

  // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
  static constexpr std::array<Word, 64> k = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};

  void stir() {
    std::array<Word, 64> w{};
    for (std::size_t t = 0; t < 16; ++t)
      for (std::size_t byte = 0; byte < 4; ++byte)
        w[t] = w[t] << 8 | static_cast<unsigned char>(block_[4 * t + byte]);
    for (std::size_t t = 16; t < 64; ++t) {
      const Word s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
      const Word s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }

    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t t = 0; t < 64; ++t) {
      const Word sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const Word t1 = h + sum1 + ((e & f) ^ (~e & g)) + k[t] + w[t];
      const Word sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const Word t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::array<Word, 8> mixed = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state_[i] += mixed[i];
  }

  // The first 32 bits of the fractional parts of the square roots of the first 8 primes.
  std::array<Word, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<char, 64> block_{};
  std::size_t used_ = 0;
  std::uint64_t total_ = 0;
};

/// The SHA-256 digest of the bytes, as `sha256sum` prints it.
inline std::string sha256(std::string_view bytes) {
  return Sha256().update(bytes).hex();
}

} // namespace sgq::io
