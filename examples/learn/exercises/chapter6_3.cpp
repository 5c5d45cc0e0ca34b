// Exercise 6.3, solved: hide the k lowest scores, and of equal ones any. Sort by score, then by a
// random word for each position. Without ties the library hides the same positions; with ties it
// hides as many, and each tied position equally often.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <numeric>

using namespace sgq;

namespace {

/// 1 where hidden.
std::vector<std::uint8_t> lowest(const std::vector<float>& scores, index_t k,
                                 const Random& random) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto word = [&](std::size_t i) { return random.bits(static_cast<index_t>(i)); };
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return scores[i] != scores[j] ? scores[i] < scores[j] : word(i) < word(j);
  });
  std::vector<std::uint8_t> mask(scores.size());
  for (index_t i = 0; i < k; ++i) mask[order[static_cast<std::size_t>(i)]] = 1;
  return mask;
}

} // namespace

int main() {
  constexpr index_t n = 20, k = 10, images = 4000;
  const Random random(1);
  std::vector<float> scores(n);
  Tensor<std::uint8_t> mask({1, n});
  bool good = true;
  index_t hidden[2][n] = {};
  for (index_t image = 0; image < images; ++image) {
    const bool ties = image % 2 == 1; // then only two scores: 6 low ones, 14 equal ones above
    for (index_t i = 0; i < n; ++i)
      scores[static_cast<std::size_t>(i)] = ties ? float(i >= 6) : random.uniform(image * n + i);
    const Random own = random.split(static_cast<std::uint64_t>(image));
    const auto by_hand = lowest(scores, k, own);
    ops::lowest_k<float>({scores.data(), {1, n}}, k, ImageRandom(random, image), mask);
    good = good && std::accumulate(mask.begin(), mask.end(), 0) == k;
    for (index_t i = 0; i < n; ++i) {
      if (!ties) good = good && mask[i] == by_hand[static_cast<std::size_t>(i)];
      if (ties) hidden[0][i] += mask[i], hidden[1][i] += by_hand[static_cast<std::size_t>(i)];
    }
  }
  // 2000 draws of 4 among 14: 571 each, standard deviation 20; the 6 low ones always.
  for (const auto& counts : hidden)
    for (index_t i = 0; i < n; ++i)
      good = good && (i < 6 ? counts[i] == images / 2 : std::abs(double(counts[i]) - 571.4) < 100);
  std::printf("%s\n", good ? "as it should be" : "WRONG");
  return good ? 0 : 1;
}
