// sgq/ops/select.hpp -- the k lowest (or highest) scores of every image, in linear time.
//
//     scores [N, ...]    one row of P numbers per image
//     mask   same shape  1 where selected, else 0: exactly k ones in a row
//
// The bits of a float, suitably flipped, are ordered like an unsigned integer, so the k-th lowest
// is found digit by digit from counts (radix selection): a row is read once per byte of T, whatever
// is in it.
//
// Equal scores are common: a map of a quantised net is exactly 0 at many positions, or everywhere.
// Which of them are taken is decided at random, by a word of its own for each position of each
// image; by index, the top rows of the images would go first. So the positions rank by score, then
// by word, then by index (saliency/metrics/ranking.hpp sorts so, too). Words are drawn only
// where more positions are equal than are wanted.
//
// -0 equals +0, infinities are ordinary values, NaN is an error. Images are independent, hence the
// same result for any thread count.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace sgq::ops {

/// How a signed score is read: -2 < 1, but |-2| > |1|.
enum class Values { with_sign, magnitude };

/// How many positions a share of them is: floor(share * positions). A share such as 0.29 is
/// taken as the decimal it is (in binary, 0.29 * 100 falls just short of 29). Throws value_error
/// unless 0 <= share <= 1.
inline index_t share_count(double share, index_t positions) {
  if (!(share >= 0 && share <= 1))
    throw value_error(describe("share of positions", "0 to 1", to_text(share)));
  return static_cast<index_t>(share * static_cast<double>(positions) + 1e-9);
}

/// dx [N,C,H,W] -> scores [N,H,W]: the mean over channels of dx, or of |dx|.
template <class T>
void channel_mean(View<const T> dx, Values values, View<T> scores) {
  const Shape& s = dx.shape();
  if (s.rank() != 4) throw shape_error(describe("channel_mean", "[N, C, H, W]", s.str()));
  check_shape("channel_mean", {s[0], s[2], s[3]}, scores.shape());
  const index_t channels = s[1], plane = s.plane();
  parallel_blocks(s[0], 8, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n) {
      T* SGQ_RESTRICT out = scores.data() + n * plane;
      std::fill(out, out + plane, T{0});
      for (index_t c = 0; c < channels; ++c) {
        const T* SGQ_RESTRICT in = dx.data() + (n * channels + c) * plane;
        if (values == Values::magnitude) {
          SGQ_SIMD
          for (index_t i = 0; i < plane; ++i) out[i] += std::abs(in[i]);
        } else {
          SGQ_SIMD
          for (index_t i = 0; i < plane; ++i) out[i] += in[i];
        }
      }
      const T count = static_cast<T>(channels);
      SGQ_SIMD
      for (index_t i = 0; i < plane; ++i) out[i] /= count;
    }
  });
}

namespace detail {

template <class T>
using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T>
inline constexpr Key<T> sign_bit = Key<T>{1} << (8 * sizeof(T) - 1);

/// An unsigned integer that is ordered like the score.
template <class T>
SGQ_INLINE Key<T> order_key(T score) {
  const Key<T> bits = __builtin_bit_cast(Key<T>, score);
  if (bits == sign_bit<T>) return sign_bit<T>; // -0 like +0
  return (bits & sign_bit<T>) != 0 ? static_cast<Key<T>>(~bits) : bits | sign_bit<T>;
}

/// A row's keys; reversed, the highest score has the lowest key. NaN is found by its bits, so that
/// no compiler flag can remove the test.
template <class T>
void row_keys(const T* row, index_t n, bool reversed, index_t image, Key<T>* keys) {
  const Key<T> flip = reversed ? static_cast<Key<T>>(~Key<T>{0}) : Key<T>{0};
  Key<T> largest = 0;
  for (index_t i = 0; i < n; ++i) {
    largest = std::max(largest, __builtin_bit_cast(Key<T>, row[i]) & ~sign_bit<T>);
    keys[i] = order_key(row[i]) ^ flip;
  }
  if (largest > __builtin_bit_cast(Key<T>, std::numeric_limits<T>::infinity()))
    throw value_error(describe("selection by score", "numbers", "NaN in image " + to_text(image),
                               "a gradient that is NaN comes from weights or inputs that are"));
}

/// The k-th lowest key (k >= 1), and how many that equal it belong to the k lowest.
template <class K>
struct Cut {
  K key;
  index_t wanted;
};

template <class K>
Cut<K> find_cut(const K* keys, index_t n, index_t k) {
  K found = 0, known = 0; // the leading digits of the answer, and which bits these are
  for (int shift = 8 * static_cast<int>(sizeof(K)) - 8; shift >= 0; shift -= 8) {
    std::array<index_t, 256> counts{};
    for (index_t i = 0; i < n; ++i)
      if ((keys[i] & known) == found) ++counts[keys[i] >> shift & 255];
    std::size_t digit = 0;
    while (counts[digit] < k) k -= counts[digit++];
    found |= static_cast<K>(digit) << shift;
    known |= K{255} << shift;
  }
  return {found, k};
}

/// The random words of the positions that hold this key, in order.
template <class K>
SGQ_INLINE void tied_words(const K* keys, index_t n, K key, Random random, std::uint32_t* words) {
  std::uint32_t drawn[Random::many];
  for (index_t first = 0; first < n; first += Random::many) {
    const index_t count = n - first < Random::many ? n - first : Random::many;
    bool any = false;
    for (index_t i = 0; i < count; ++i) any |= keys[first + i] == key;
    if (!any) continue;
    random.many_bits(first, drawn);
    for (index_t i = 0; i < count; ++i)
      if (keys[first + i] == key) *words++ = drawn[i];
  }
}

/// Marks, among `tied` positions with the k-th key, those with the lowest words; among equal words,
/// those with the lower index.
template <class K>
void break_ties(const K* keys, index_t n, const Cut<K>& cut, index_t tied, const Random& random,
                std::uint8_t* row) {
  Arena::Scope scope(scratch());
  std::uint32_t* words = scratch().take<std::uint32_t>(tied);
  kernels::for_isa<tied_words<K>>(keys, n, cut.key, random, words);
  Cut<std::uint32_t> last = find_cut(words, tied, cut.wanted);
  for (index_t i = 0; i < n; ++i) {
    if (keys[i] != cut.key) continue;
    row[i] = *words < last.key || (*words == last.key && last.wanted-- > 0);
    ++words;
  }
}

template <class T>
void select(View<const T> scores, index_t k, bool highest, const ImageRandom& ties,
            View<std::uint8_t> mask) {
  check_shape("selection by score", scores.shape(), mask.shape());
  const index_t images = scores.shape()[0], n = scores.shape().stride();
  if (k < 0 || k > n)
    throw value_error(
        describe("selection by score", "0 to " + to_text(n) + " positions", to_text(k)));
  parallel_blocks(images, 8, [&](index_t begin, index_t end) {
    Arena::Scope scope(scratch());
    Key<T>* keys = scratch().take<Key<T>>(n);
    for (index_t image = begin; image < end; ++image) {
      row_keys(scores.data() + image * n, n, highest, image, keys);
      std::uint8_t* row = mask.data() + image * n;
      if (k == 0) {
        std::fill(row, row + n, std::uint8_t{0});
        continue;
      }
      const Cut<Key<T>> cut = find_cut(keys, n, k);
      index_t tied = 0;
      for (index_t i = 0; i < n; ++i) {
        row[i] = keys[i] <= cut.key;
        tied += keys[i] == cut.key;
      }
      if (tied > cut.wanted) break_ties(keys, n, cut, tied, ties(image), row);
    }
  });
}

} // namespace detail

/// Marks the k lowest scores of each image; of equal ones, those whose words ties(image).bits(i)
/// are lowest. Throws value_error on NaN or a k outside 0..P, shape_error unless the shapes are the
/// same.
template <class T>
void lowest_k(View<const T> scores, index_t k, const ImageRandom& ties, View<std::uint8_t> mask) {
  detail::select(scores, k, false, ties, mask);
}

/// Marks the k highest; of equal ones, again those whose words are lowest.
template <class T>
void highest_k(View<const T> scores, index_t k, const ImageRandom& ties, View<std::uint8_t> mask) {
  detail::select(scores, k, true, ties, mask);
}

} // namespace sgq::ops
