// Exercise 3.1: the three loops can be nested in six orders. All give the same bits, because each
// sum still runs over p upwards; a sum that is split in two does not.
#include "sgq/core/random.hpp"

#include <cstdio>
#include <vector>

using sgq::index_t;

constexpr index_t n = 96;
using Matrix = std::vector<float>;

Matrix random_matrix(std::uint64_t seed) {
  Matrix x(n * n);
  for (index_t i = 0; i < n * n; ++i) x[std::size_t(i)] = sgq::Random(seed).uniform(i) - 0.5f;
  return x;
}

// The loops from the outermost to the innermost: a permutation of 0 (i), 1 (j), 2 (p).
Matrix product(const Matrix& a, const Matrix& b, const int (&order)[3], index_t parts) {
  std::vector<Matrix> c(std::size_t(parts), Matrix(n * n));
  index_t at[3];
  for (at[order[0]] = 0; at[order[0]] < n; ++at[order[0]])
    for (at[order[1]] = 0; at[order[1]] < n; ++at[order[1]])
      for (at[order[2]] = 0; at[order[2]] < n; ++at[order[2]]) {
        const index_t i = at[0], j = at[1], p = at[2];
        c[std::size_t(p * parts / n)][std::size_t(i * n + j)] +=
            a[std::size_t(i * n + p)] * b[std::size_t(p * n + j)];
      }
  for (std::size_t part = 1; part < c.size(); ++part)
    for (std::size_t i = 0; i < c[0].size(); ++i) c[0][i] += c[part][i];
  return c[0];
}

int main() {
  const Matrix a = random_matrix(1), b = random_matrix(2);
  const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  const Matrix truth = product(a, b, orders[0], 1);
  int equal = 0;
  for (const auto& order : orders) equal += product(a, b, order, 1) == truth;
  const Matrix split = product(a, b, orders[0], 2);
  int different = 0;
  for (std::size_t i = 0; i < split.size(); ++i) different += split[i] != truth[i];
  std::printf("%d of 6 orders give the same bits; a sum in two parts changes %d of %d numbers\n",
              equal, different, static_cast<int>(n * n));
  return equal == 6 && different > 0 ? 0 : 1;
}
