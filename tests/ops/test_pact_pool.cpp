// Where max pooling of PACT's codes sends the gradient, against plain loops.
#include "sgq/ops/pact.hpp"
#include "sgq/ops/pact_pool.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <limits>
#include <vector>

namespace test_pact_pool {

using namespace sgq;

namespace {

constexpr ops::PoolGeometry geometries[] = {{2, 2}, {3, 1}, {3, 2}, {2, 1}, {2, 3}, {1, 1}, {5, 4}};
constexpr index_t extents[][2] = {{5, 5}, {6, 8}, {7, 9}, {24, 24}, {6, 27}, {9, 38}};
constexpr int bits = 2;

/// A signal of four channels whose factors are positive, negative, 0, and positive again with
/// shifts that put all v of the last channel below 0 or above alpha.
template <class T, class U>
struct Sample {
  Tensor<U> u;
  Tensor<T> mul{{4}}, add{{4}}, rest;
  Tensor<std::uint8_t> rest_codes;
  Signal<T> v, residual;
  double alpha = 3;

  Sample(const Shape& shape, double last_shift) : u(random_integers<U>(shape, 1, 0, 40)) {
    v.shape = residual.shape = shape;
    mul[0] = T(0.11), mul[1] = T(-0.11), mul[2] = 0, mul[3] = T(0.07);
    add[0] = T(-1), add[1] = T(3.5), add[2] = T(0.8), add[3] = static_cast<T>(last_shift);
    if constexpr (std::is_same_v<U, T>) {
      for (T& x : u) x -= 3;
      v.real = u.data();
    } else if constexpr (sizeof(U) == 1) {
      v.codes = u.data();
    } else {
      v.acc = u.data();
    }
    v.mul = mul.data(), v.add = add.data();
  }
  Sample(const Sample&) = delete;

  void join_codes() {
    rest_codes = random_integers<std::uint8_t>(v.shape, 2, 0, 3);
    residual.codes = rest_codes.data();
    residual.scale = 1.0 / 7;
    residual.max_code = 3;
    v.residual = &residual;
  }
  void join_numbers() {
    rest = random_tensor<T>(v.shape, 2, 0.5);
    residual.real = rest.data();
    v.residual = &residual;
  }

  double value(index_t i) const {
    const index_t c = i / v.shape.plane() % 4;
    const double x = static_cast<double>(u[i]) * static_cast<double>(mul[c]);
    const double y = x + static_cast<double>(add[c]);
    if (!v.residual) return y;
    const double r = rest_codes.size() > 0 ? rest_codes[i] : static_cast<double>(rest[i]);
    return y + static_cast<double>(static_cast<T>(residual.scale)) * r;
  }
  double code(index_t i) const {
    return quant::pact_code(value(i), alpha, quant::inverse_step(alpha, bits));
  }
};

/// The definition: of the positions with the largest code those with the largest v, of these the
/// first in scan order. Counts windows where the first of the largest codes is another.
template <class S>
std::vector<int> expected(const S& s, ops::PoolGeometry g, index_t& decided) {
  const index_t h = s.v.shape[2], w = s.v.shape[3], planes = s.v.shape[0] * s.v.shape[1];
  std::vector<int> where;
  for (index_t p = 0; p < planes; ++p)
    for (index_t i = 0; i < g.out(h); ++i)
      for (index_t j = 0; j < g.out(w); ++j) {
        const auto index = [&](index_t k) {
          return (p * h + i * g.stride + k / g.kernel) * w + j * g.stride + k % g.kernel;
        };
        index_t best = 0, first = 0;
        for (index_t k = 1; k < g.kernel * g.kernel; ++k) {
          const double code = s.code(index(k)), top = s.code(index(best));
          if (code > top) first = k;
          if (code > top || (code == top && s.value(index(k)) > s.value(index(best)))) best = k;
        }
        decided += best != first;
        where.push_back(static_cast<int>(best));
      }
  return where;
}

template <class T>
std::vector<int> positions(const Signal<T>& v, ops::PoolGeometry g) {
  const Shape& in = v.shape;
  Tensor<std::uint8_t> where({in[0], in[1], g.out(in[2]), g.out(in[3])}, 99);
  ops::max_preactivation(v, g, where.view());
  return {where.begin(), where.end()};
}

template <class T, class U>
void check_all() {
  enum class Rest { none, codes, numbers };
  for (Rest rest : {Rest::none, Rest::codes, Rest::numbers})
    for (const auto& [h, w] : extents) {
      index_t decided = 0;
      for (double last_shift : {-1.0, -9.0, 20.0}) {
        Sample<T, U> s({2, 4, h, w}, last_shift);
        if (rest == Rest::codes) s.join_codes();
        if (rest == Rest::numbers) s.join_numbers();
        for (const ops::PoolGeometry& g : geometries) {
          INFO(h << " x " << w << ", kernel " << g.kernel << ", stride " << g.stride << ", shift "
                 << last_shift << ", residual " << static_cast<int>(rest));
          REQUIRE(positions(s.v, g) == expected(s, g, decided));
        }
      }
      CHECK(decided > 50); // ties that the codes alone would have decided otherwise
    }
}

} // namespace

TEST_CASE("of equal codes the one with the largest pre-activation gets the gradient", "[pool]") {
  check_all<float, float>();
  check_all<float, std::int32_t>();
  check_all<float, std::uint8_t>();
  check_all<double, double>();
}

TEST_CASE("below 0 and above alpha pre-activations still decide, and with factor 0 the first",
          "[pool]") {
  const Tensor<float> u({1, 1, 2, 4}, {-9, -8, 60, 70, -7, -8, 50, 70});
  Signal<float> v = plain_signal<float>(u);
  CHECK(positions(v, {2, 2}) == std::vector<int>{2, 1}); // of all <= 0, of all >= alpha
  Tensor<float> mul({1}, -1.0f);
  v.mul = mul.data();
  CHECK(positions(v, {2, 2}) == std::vector<int>{0, 2}); // the smallest u
  mul[0] = 0;
  CHECK(positions(v, {2, 2}) == std::vector<int>{0, 0});
}

TEST_CASE("a pre-activation that is not a number never wins against a code above 0", "[pool]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Tensor<float> u({1, 1, 2, 8}, {nan, 1, 1, nan, nan, nan, inf, inf, //
                                       2, nan, nan, 1, nan, nan, -inf, nan});
  for (const ops::PoolGeometry& g : {ops::PoolGeometry{2, 2}, ops::PoolGeometry{2, 1}}) {
    const std::vector<int> where = positions(plain_signal<float>(u), g);
    const std::size_t step = g.stride == 2 ? 1 : 2; // the same windows, with others between
    CHECK(where[0] == 2);
    CHECK(where[step] == 0);
    CHECK(where[2 * step] == 0);
    CHECK(where[3 * step] == 0);
  }
}

TEST_CASE("positions of pre-activations do not depend on the number of threads", "[pool]") {
  Sample<float, float> s({7, 4, 9, 11}, 0.0);
  s.join_codes();
  CHECK(same_for_any_thread_count([&] { return positions(s.v, {2, 2}); }));
  CHECK(same_for_any_thread_count([&] { return positions(s.v, {3, 2}); }));
}

TEST_CASE("positions of pre-activations of another shape are refused", "[pool]") {
  const Sample<float, float> s({2, 4, 6, 6}, 0.0);
  Tensor<std::uint8_t> where({2, 4, 3, 2});
  CHECK_SAYS(ops::max_preactivation(s.v, {2, 2}, where.view()), shape_error, "max pool: positions",
             "got [2, 4, 3, 2]");
}

} // namespace test_pact_pool
