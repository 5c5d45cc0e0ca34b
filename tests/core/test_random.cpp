#include "sgq/core/random.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace test_random {

using namespace sgq;

namespace {

using Words = std::array<std::uint32_t, 4>;

// Pearson's statistic of counts that should all be equal, standardised: about N(0, 1) for many
// bins. The seeds are fixed, so a test of it passes always or never.
double chi_square_z(const std::vector<index_t>& counts) {
  const auto bins = static_cast<double>(counts.size());
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0), mean = total / bins;
  double sum = 0;
  for (index_t c : counts) sum += (static_cast<double>(c) - mean) * (static_cast<double>(c) - mean);
  return (sum / mean - (bins - 1)) / std::sqrt(2 * (bins - 1));
}

} // namespace

TEST_CASE("philox: the known answers of the Random123 distribution", "[core]") {
  // File kat_vectors, lines "philox4x32 10": counter, key, result.
  STATIC_REQUIRE(philox({0, 0, 0, 0}, {0, 0}) ==
                 Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  STATIC_REQUIRE(
      philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
      Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  STATIC_REQUIRE(
      philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
      Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Random: seed is the key, position and stream are the counter", "[core]") {
  const Random random(0xa409382201234567, 0x0370734413198a2e);
  for (index_t p : {index_t{0}, index_t{1}, index_t{6}, index_t{4001}, index_t{1} << 40}) {
    const auto block = static_cast<std::uint64_t>(p) / 4;
    const Words w = philox({static_cast<std::uint32_t>(block),
                            static_cast<std::uint32_t>(block >> 32), 0x13198a2e, 0x03707344},
                           {0x01234567, 0xa4093822});
    CHECK(random.bits(p) == w[static_cast<std::size_t>(p % 4)]);
    CHECK(random.four_bits(p / 4) == w);
  }
}

TEST_CASE("Random: many bits at once are the bits of their positions", "[core]") {
  const Random random(0xa409382201234567, 0x0370734413198a2e);
  std::uint32_t words[Random::many];
  for (index_t first : {index_t{0}, index_t{4}, index_t{4000}, (index_t{1} << 34) - 16}) {
    random.many_bits(first, words); // the last crosses from one counter word to the next
    for (index_t j = 0; j < Random::many; ++j) CHECK(words[j] == random.bits(first + j));
  }
}

TEST_CASE("Random: seeds, streams, sub-tasks and far positions all differ", "[core]") {
  std::set<std::string> seen;
  int drawn = 0;
  const auto add = [&](const Random& random, index_t position) {
    std::string text;
    for (index_t i = 0; i < 4; ++i) text += std::to_string(random.bits(position + i)) + ' ';
    seen.insert(text);
    ++drawn;
  };
  for (std::uint64_t i = 0; i < 50; ++i) {
    add(Random(i), 0);
    add(Random(0, i + 1), 0);
    add(Random(0).split(i), 0);
    add(Random(0).split(i).split(i), 0);
    add(Random(0, 1).split(i), 0);
    add(Random(0), static_cast<index_t>(4 * (i + 1)));
    add(Random(0), (index_t{1} << 34) * static_cast<index_t>(i + 1));
  }
  CHECK(static_cast<int>(seen.size()) == drawn);
}

TEST_CASE("Random::uniform: in [0, 1), evenly", "[core]") {
  const Random random(1);
  const index_t n = 200000, bins = 1000;
  std::vector<index_t> counts(bins, 0), pairs(100, 0);
  double sum = 0, previous = random.uniform(n);
  for (index_t i = 0; i < n; ++i) {
    const double u = random.uniform(i);
    REQUIRE((0 <= u && u < 1));
    REQUIRE(u * 0x1p24 == std::floor(u * 0x1p24));
    sum += u;
    ++counts[static_cast<std::size_t>(u * bins)];
    ++pairs[static_cast<std::size_t>(u * 10) * 10 + static_cast<std::size_t>(previous * 10)];
    previous = u;
  }
  // The mean of n uniforms has standard deviation sqrt(1 / 12n).
  CHECK(std::abs(sum / n - 0.5) < 4 * std::sqrt(1.0 / (12.0 * n)));
  CHECK(std::abs(chi_square_z(counts)) < 4);
  CHECK(std::abs(chi_square_z(pairs)) < 4); // neighbours are independent
}

TEST_CASE("Random::below: every value, evenly, and none outside", "[core]") {
  const Random random(2);
  for (index_t n : {1, 2, 3, 10, 1000}) {
    std::vector<index_t> counts(static_cast<std::size_t>(n), 0);
    for (index_t i = 0; i < 100 * n; ++i) {
      const index_t v = random.below(i, n);
      REQUIRE((0 <= v && v < n));
      ++counts[static_cast<std::size_t>(v)];
    }
    INFO(n);
    if (n > 1) CHECK(std::abs(chi_square_z(counts)) < 4);
  }
  CHECK(random.below(7, index_t{1} << 32) == random.bits(7));
}

TEST_CASE("Random::normal: the moments and the tails of a standard normal", "[core]") {
  const Random random(3);
  const index_t n = 200000;
  double moment[5] = {};
  std::map<int, index_t> beyond; // how many exceed 1, 2, 3
  for (index_t i = 0; i < n; ++i) {
    const double z = random.normal(i);
    REQUIRE(std::isfinite(z));
    for (int k = 1; k <= 4; ++k) moment[k] += std::pow(z, k) / static_cast<double>(n);
    for (int t = 1; t <= 3; ++t) beyond[t] += z > t;
  }
  // E z^2k = 1, 3, 15, 105: the mean of z^k has variance (E z^2k - (E z^k)^2) / n.
  const double s = 4 / std::sqrt(static_cast<double>(n));
  CHECK(std::abs(moment[1]) < s);
  CHECK(std::abs(moment[2] - 1) < s * std::sqrt(2.0));
  CHECK(std::abs(moment[3]) < s * std::sqrt(15.0));
  CHECK(std::abs(moment[4] - 3) < s * std::sqrt(96.0));
  for (int t = 1; t <= 3; ++t) {
    const double p = std::erfc(t / std::sqrt(2.0)) / 2;
    INFO("share beyond " << t);
    CHECK(std::abs(static_cast<double>(beyond[t]) / n - p) < s * std::sqrt(p * (1 - p)));
  }
}

TEST_CASE("shuffle: a permutation, each equally likely", "[core]") {
  std::vector<int> deck(1000);
  std::iota(deck.begin(), deck.end(), 0);
  std::vector<int> shuffled = deck, again = deck, other = deck;
  shuffle(shuffled, Random(4));
  shuffle(again, Random(4));
  shuffle(other, Random(5));
  CHECK(shuffled != deck);
  CHECK(shuffled == again);
  CHECK(shuffled != other);
  std::sort(shuffled.begin(), shuffled.end());
  CHECK(shuffled == deck);

  std::map<std::string, index_t> counts;
  for (std::uint64_t i = 0; i < 24000; ++i) {
    std::string word = "abcd";
    shuffle(word, Random(6).split(i));
    ++counts[word];
  }
  std::vector<index_t> values;
  for (const auto& [word, count] : counts) values.push_back(count);
  CHECK(values.size() == 24);
  CHECK(std::abs(chi_square_z(values)) < 4);

  std::vector<int> none, one{7};
  shuffle(none, Random(7));
  shuffle(one, Random(7));
  CHECK(one == std::vector<int>{7});
}

} // namespace test_random
