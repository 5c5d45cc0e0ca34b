// sgq/core/random.hpp -- random numbers as a function: value = f(seed, stream, position).
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC
// 2011) turns a 128-bit counter and a 64-bit key into four random words. There is no state to carry
// from one draw to the next, so any thread can draw any element: dropout masks, crops and noise are
// the same for every thread count, and a resumed run continues where it stopped.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/elementary.hpp"
#include "sgq/core/shape.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace sgq {

namespace detail {

/// The key of every round of Philox4x32.
struct PhiloxKey {
  std::uint32_t k0, k1;

  constexpr void next() {
    k0 += 0x9E3779B9u; // golden ratio
    k1 += 0xBB67AE85u; // sqrt(3) - 1
  }
};

/// One round, on the words of a counter.
SGQ_INLINE constexpr void philox_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c,
                                       std::uint32_t& d, PhiloxKey key) {
  const std::uint64_t x = std::uint64_t{0xD2511F53u} * a, y = std::uint64_t{0xCD9E8D57u} * c;
  a = static_cast<std::uint32_t>(y >> 32) ^ b ^ key.k0;
  b = static_cast<std::uint32_t>(y);
  c = static_cast<std::uint32_t>(x >> 32) ^ d ^ key.k1;
  d = static_cast<std::uint32_t>(x);
}

inline constexpr int philox_rounds = 10;

} // namespace detail

/// Four 32-bit words from a counter and a key: the Philox4x32-10 bijection.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) {
  detail::PhiloxKey of_round{key[0], key[1]};
  for (int round = 0; round < detail::philox_rounds; ++round, of_round.next())
    detail::philox_round(counter[0], counter[1], counter[2], counter[3], of_round);
  return counter;
}

/// A random function of a position, named by a seed and a stream. Two streams of one seed are
/// independent; split() derives a further seed from a number (an epoch, a layer, an image).
class Random {
public:
  constexpr explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : seed_(seed), stream_(stream) {}

  /// A generator of its own for sub-task i.
  constexpr Random split(std::uint64_t i) const {
    const auto w = block(i, 0x73706c69u); // "spli", a counter word that draws never use
    return Random(std::uint64_t{w[0]} << 32 | w[1], std::uint64_t{w[2]} << 32 | w[3]);
  }

  constexpr std::uint32_t bits(index_t position) const {
    const auto p = static_cast<std::uint64_t>(position);
    return block(p >> 2, 0)[p & 3];
  }

  /// bits(4 i) .. bits(4 i + 3) at the cost of one.
  constexpr std::array<std::uint32_t, 4> four_bits(index_t i) const {
    return block(static_cast<std::uint64_t>(i), 0);
  }

  static constexpr index_t many = 32;

  /// words[j] = bits(first + j), first being a multiple of 4. All blocks take each round together,
  /// so that the compiler can use vectors (kernels/simd/dispatch.hpp).
  SGQ_INLINE void many_bits(index_t first, std::uint32_t (&words)[many]) const {
    constexpr index_t blocks = many / 4;
    std::uint32_t a[blocks], b[blocks], c[blocks], d[blocks];
    const auto position = static_cast<std::uint64_t>(first) >> 2;
    SGQ_SIMD
    for (index_t l = 0; l < blocks; ++l) { // the counter of block(p, 0)
      const std::uint64_t p = position + static_cast<std::uint64_t>(l);
      a[l] = static_cast<std::uint32_t>(p);
      b[l] = static_cast<std::uint32_t>(p >> 32);
      c[l] = static_cast<std::uint32_t>(stream_);
      d[l] = static_cast<std::uint32_t>(stream_ >> 32);
    }
    detail::PhiloxKey key{static_cast<std::uint32_t>(seed_),
                          static_cast<std::uint32_t>(seed_ >> 32)};
    for (int round = 0; round < detail::philox_rounds; ++round, key.next()) {
      SGQ_SIMD
      for (index_t l = 0; l < blocks; ++l) detail::philox_round(a[l], b[l], c[l], d[l], key);
    }
    SGQ_SIMD
    for (index_t l = 0; l < blocks; ++l) {
      words[4 * l] = a[l];
      words[4 * l + 1] = b[l];
      words[4 * l + 2] = c[l];
      words[4 * l + 3] = d[l];
    }
  }

  /// Uniform in [0, 1), a multiple of 2^-24.
  constexpr float uniform(index_t position) const {
    return static_cast<float>(bits(position) >> 8) * 0x1p-24f;
  }

  /// Uniform integer in [0, n), n <= 2^32. The bias is below n / 2^32.
  constexpr index_t below(index_t position, index_t n) const {
    return static_cast<index_t>(std::uint64_t{bits(position)} * static_cast<std::uint64_t>(n) >>
                                32);
  }

  /// Standard normal (Box-Muller, computed in double).
  double normal(index_t position) const {
    const auto w = block(static_cast<std::uint64_t>(position), 0x6e6f726du); // "norm"
    const double u = (w[0] + 1.0) * 0x1p-32, twice_v = w[1] * 0x1p-31;       // u in (0, 1]
    return std::sqrt(-2.0 * math::log(u)) * math::cos_pi(twice_v);
  }

private:
  // The 128-bit counter: 64 bits of position with the purpose mixed into its top word, 64 of
  // stream.
  constexpr std::array<std::uint32_t, 4> block(std::uint64_t position,
                                               std::uint32_t purpose) const {
    return philox({static_cast<std::uint32_t>(position),
                   static_cast<std::uint32_t>(position >> 32) ^ purpose,
                   static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                  {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
  }

  std::uint64_t seed_, stream_;
};

/// An independent generator per image of a batch. Image i of a slice that starts at image `first`
/// of the global batch uses random.split(first + i), so it draws the same numbers as in the whole
/// batch.
class ImageRandom {
public:
  constexpr ImageRandom(const Random& random, index_t first = 0) // NOLINT: a Random serves as one
      : random_(random), first_(first) {}

  /// The generator of image i of the slice.
  constexpr Random operator()(index_t i) const {
    return random_.split(static_cast<std::uint64_t>(first_ + i));
  }
  /// Another purpose, the same images.
  constexpr ImageRandom split(std::uint64_t purpose) const {
    return {random_.split(purpose), first_};
  }

private:
  Random random_;
  index_t first_;
};

/// Fisher-Yates shuffle of any range with random access.
template <class Range>
void shuffle(Range& range, const Random& random) {
  for (index_t i = static_cast<index_t>(range.size()) - 1; i > 0; --i)
    std::swap(range[static_cast<std::size_t>(i)],
              range[static_cast<std::size_t>(random.below(i, i + 1))]);
}

} // namespace sgq
