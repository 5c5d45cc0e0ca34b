// Pooling, the option-A shortcut and dropout: what moves or masks numbers.
#include "sgq/ops/dropout.hpp"
#include "sgq/ops/pool.hpp"
#include "sgq/ops/shortcut.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace test_pool {

using namespace sgq;

namespace {

struct PoolCase {
  index_t h, w, kernel, stride;
};
// Side by side, in blocks of eight, four and the rest, overlapping, with gaps, with rows and
// columns that no window reaches, one window.
constexpr PoolCase pool_cases[] = {{4, 4, 2, 2}, {5, 7, 2, 2}, {6, 27, 2, 2}, {7, 38, 2, 2},
                                   {7, 7, 3, 2}, {6, 5, 3, 1}, {8, 9, 2, 3},  {15, 16, 15, 1},
                                   {1, 1, 1, 1}, {8, 8, 8, 1}};

template <class F>
void for_all_pools(F&& f) {
  for (const PoolCase& p : pool_cases) {
    INFO(p.h << " x " << p.w << ", kernel " << p.kernel << ", stride " << p.stride);
    const ops::PoolGeometry g{p.kernel, p.stride};
    f(g, Shape{2, 3, p.h, p.w}, Shape{2, 3, g.out(p.h), g.out(p.w)});
  }
}

/// Calls f(y index, x index) for every element of every window, windows in the order of y.
template <class F>
void for_each_member(const ops::PoolGeometry& g, const Shape& in, const Shape& out, F&& f) {
  for (index_t y = 0; y < out.size(); ++y) {
    const index_t j = y % out[3], i = y / out[3] % out[2], plane = y / out.plane();
    for (index_t a = 0; a < g.kernel; ++a)
      for (index_t b = 0; b < g.kernel; ++b)
        f(y, (plane * in[2] + i * g.stride + a) * in[3] + j * g.stride + b);
  }
}

/// The gradients go to `at`, bit for bit: values are compared as bits, so that -0 is not 0.
template <class T>
void check_max_pool_backward(const ops::PoolGeometry& g, const Tensor<std::uint8_t>& where,
                             const std::vector<index_t>& at, const Shape& in) {
  Tensor<T> dy = random_tensor<T>(where.shape(), 3), dx(in, T{9}), expected(in);
  dy[0] = T{-0.0};
  for (index_t i = 0; i < dy.size(); ++i) expected[at[static_cast<std::size_t>(i)]] += dy[i];
  ops::max_pool_backward<T>(dy, where, g, dx);
  REQUIRE(std::memcmp(dx.data(), expected.data(), sizeof(T) * values(dx).size()) == 0);
  // What is not finite stays where it belongs.
  dy.fill(std::numeric_limits<T>::quiet_NaN());
  dy[dy.size() - 1] = std::numeric_limits<T>::infinity();
  ops::max_pool_backward<T>(dy, where, g, dx);
  std::vector<char> finite(values(dx).size(), 1);
  for (const index_t i : at) finite[static_cast<std::size_t>(i)] = 0;
  for (index_t i = 0; i < dx.size(); ++i)
    REQUIRE(std::isfinite(dx[i]) == (finite[static_cast<std::size_t>(i)] != 0));
}

template <class X>
void check_max_pool(const ops::PoolGeometry& g, const Tensor<X>& x, const Shape& out) {
  Tensor<X> y(out), expected(out);
  Tensor<std::uint8_t> where(out);
  ops::max_pool_forward<X>(x, g, y, where);
  std::vector<index_t> at(static_cast<std::size_t>(out.size()), -1); // of the first maximum
  for_each_member(g, x.shape(), out, [&](index_t yi, index_t xi) {
    index_t& best = at[static_cast<std::size_t>(yi)];
    if (best < 0 || x[xi] > x[best]) best = xi;
  });
  for (index_t i = 0; i < out.size(); ++i) expected[i] = x[at[static_cast<std::size_t>(i)]];
  REQUIRE(values(y) == values(expected));
  y.fill(X{77});
  ops::max_pool_forward<X>(x, g, y, {}); // without positions
  REQUIRE(values(y) == values(expected));

  check_max_pool_backward<float>(g, where, at, x.shape());
  check_max_pool_backward<double>(g, where, at, x.shape());
}

} // namespace

// ---- pooling ------------------------------------------------------------------------------------

TEST_CASE("max pooling takes the first maximum of each window, and gives it the gradient",
          "[pool]") {
  for_all_pools([](const ops::PoolGeometry& g, const Shape& in, const Shape& out) {
    check_max_pool(g, random_tensor<float>(in, 1), out);
    check_max_pool(g, random_tensor<double>(in, 1), out);
    check_max_pool(g, random_integers<std::uint8_t>(in, 1, 0, 3), out); // full of ties
    check_max_pool(g, random_integers<float>(in, 2, -2, 0), out);
    check_max_pool(g, Tensor<float>(in, -1.0f), out);
  });
}

TEST_CASE("max pooling's gradient refuses gradients and positions of another shape", "[pool]") {
  const ops::PoolGeometry g{2, 2};
  Tensor<float> dx({2, 3, 4, 4});
  const Tensor<float> dy({2, 3, 2, 2}), narrow({2, 3, 2, 1});
  const Tensor<std::uint8_t> where(dy.shape()), few(narrow.shape());
  CHECK_SAYS(ops::max_pool_backward<float>(narrow, few, g, dx), shape_error,
             "max pool backward: expected", "got [2, 3, 2, 1]");
  CHECK_SAYS(ops::max_pool_backward<float>(dy, few, g, dx), shape_error,
             "max pool backward: positions", "got [2, 3, 2, 1]");
  CHECK_NOTHROW(ops::max_pool_backward<float>(dy, where, g, dx));
}

TEST_CASE("max pooling's gradient equals finite differences away from ties", "[pool]") {
  for_all_pools([](const ops::PoolGeometry& g, const Shape& in, const Shape& out) {
    // A shuffled ramp: neighbours in value are 1/8 apart, so no step of the quotient makes a tie.
    Tensor<double> x(in), y(out), dx(in);
    for (index_t i = 0; i < x.size(); ++i) x[i] = 0.125 * static_cast<double>(i);
    auto span = x.span();
    shuffle(span, Random(4));
    Tensor<std::uint8_t> where(out);
    const Tensor<double> dy = random_tensor<double>(out, 3);
    const auto loss = [&] {
      ops::max_pool_forward<double>(x, g, y, where);
      return dot(y, dy);
    };
    loss();
    ops::max_pool_backward<double>(dy, where, g, dx);
    CHECK(gradient_error(loss, x, dx, 60) < 1e-8); // the loss is of order 1000
  });
}

TEST_CASE("sum pooling sums each window, of numbers and of codes", "[pool]") {
  for_all_pools([](const ops::PoolGeometry& g, const Shape& in, const Shape& out) {
    const Tensor<double> x = random_tensor<double>(in, 1), dy = random_tensor<double>(out, 2);
    const auto codes = random_integers<std::uint8_t>(in, 2, 0, 255);
    Tensor<double> y(out), expected(out), dx(in, 9.0), dx_expected(in);
    Tensor<float> y_codes(out), expected_codes(out);
    for_each_member(g, in, out, [&](index_t yi, index_t xi) {
      expected[yi] += x[xi];
      expected_codes[yi] += codes[xi];
      dx_expected[xi] += 0.25 * dy[yi];
    });
    ops::sum_pool_forward<double, double>(x, g, y);
    REQUIRE(values(y) == values(expected));
    ops::sum_pool_forward<std::uint8_t, float>(codes, g, y_codes);
    REQUIRE(values(y_codes) == values(expected_codes));
    ops::sum_pool_backward<double>(dy, g, 0.25, dx);
    REQUIRE(values(dx) == values(dx_expected));
  });
}

TEST_CASE("sum pooling's gradient equals finite differences", "[pool]") {
  const ops::PoolGeometry g{3, 2};
  Tensor<double> x = random_tensor<double>({2, 2, 7, 5}, 1), y({2, 2, 3, 2}), dx(x.shape());
  const Tensor<double> dy = random_tensor<double>(y.shape(), 2);
  ops::sum_pool_backward<double>(dy, g, 1.0, dx);
  const auto loss = [&] {
    ops::sum_pool_forward<double, double>(x, g, y);
    return dot(y, dy);
  };
  CHECK(gradient_error(loss, x, dx) < 1e-10);
}

TEST_CASE("planes of any height and width are summed, of numbers and of codes", "[pool]") {
  for (const auto& [h, w] : {std::pair<index_t, index_t>{5, 9}, {1, 7}, {8, 8}, {33, 2}, {1, 1}}) {
    INFO(h << " x " << w);
    const Shape in{3, 4, h, w}, out{3, 4};
    const Tensor<double> x = random_tensor<double>(in, 1), dy = random_tensor<double>(out, 2);
    const auto codes = random_integers<std::uint8_t>(in, 3, 0, 255);
    Tensor<double> y(out, 9.0), expected(out), dx(in, 9.0), dx_expected(in);
    Tensor<float> y_codes(out, 9.0f), codes_expected(out);
    for (index_t i = 0; i < in.size(); ++i) {
      const index_t p = i / (h * w);
      expected[p] += x[i];
      codes_expected[p] += codes[i];
      dx_expected[i] = 0.25 * dy[p];
    }
    ops::sum_planes_forward<double, double>(x, y);
    ops::sum_planes_forward<std::uint8_t, float>(codes, y_codes);
    ops::sum_planes_backward<double>(dy, 0.25, dx);
    CHECK(values(y) == values(expected));
    CHECK(values(y_codes) == values(codes_expected));
    CHECK(values(dx) == values(dx_expected));
    CHECK(dot(dx, x) == Approx(0.25 * dot(dy, y)).epsilon(1e-13)); // adjoint of each other
    Tensor<double> wrong({4, 3});
    CHECK_SAYS((ops::sum_planes_forward<double, double>(x, wrong)), shape_error,
               "sum of planes: expected", "got [4, 3]");
    CHECK_SAYS(ops::sum_planes_backward<double>(wrong, 1.0, dx), shape_error,
               "sum of planes backward", "got [4, 3]");
  }
}

// ---- shortcut -----------------------------------------------------------------------------------

TEST_CASE("the shortcut takes every stride-th pixel and pads channels with zero", "[shortcut]") {
  for (index_t stride : {1, 2, 3})
    for (index_t c_out : {4, 5, 8}) // 5: an odd number of new channels, the spare one behind
      for (index_t h : {1, 4, 7}) {
        const Shape in{2, 4, h, 6}, out{2, c_out, (h + stride - 1) / stride, (5 + stride) / stride};
        const Tensor<double> x = random_tensor<double>(in, 1), dy = random_tensor<double>(out, 2);
        const auto codes = random_integers<std::uint8_t>(in, 3, 1, 15);
        Tensor<double> y(out, 9.0), dx(in, 9.0), y_expected(out), dx_expected(in);
        Tensor<std::uint8_t> y_codes(out, 9), codes_expected(out);
        const index_t before = (c_out - 4) / 2;
        for (index_t n = 0; n < 2; ++n)
          for (index_t c = 0; c < 4; ++c)
            for (index_t i = 0; i < out[2]; ++i)
              for (index_t j = 0; j < out[3]; ++j) {
                y_expected(n, c + before, i, j) = x(n, c, i * stride, j * stride);
                codes_expected(n, c + before, i, j) = codes(n, c, i * stride, j * stride);
                dx_expected(n, c, i * stride, j * stride) = dy(n, c + before, i, j);
              }
        ops::shortcut_forward<double>(x, stride, y);
        ops::shortcut_forward<std::uint8_t>(codes, stride, y_codes);
        ops::shortcut_backward<double>(dy, stride, dx);
        REQUIRE(values(y) == values(y_expected));
        REQUIRE(values(y_codes) == values(codes_expected));
        REQUIRE(values(dx) == values(dx_expected));
        REQUIRE(dot(y, dy) == Approx(dot(x, dx)).epsilon(1e-13)); // adjoint of each other
      }
}

// ---- dropout ------------------------------------------------------------------------------------

TEST_CASE("a dropout mask drops its share, independently", "[dropout]") {
  const Shape shape{8, 4, 32, 32};
  const double count = static_cast<double>(shape.size());
  for (double p : {0.0, 0.1, 0.25, 0.5, 0.9}) {
    Tensor<std::uint8_t> keep(shape, 7);
    ops::dropout_mask(p, Random(1), keep);
    double kept = 0, pairs = 0, images = 0;
    index_t other = 0;
    for (index_t i = 0; i < keep.size(); ++i) {
      kept += keep[i];
      other += keep[i] > 1;
      if (i + 1 < keep.size()) pairs += keep[i] * keep[i + 1];
      if (i + 4096 < keep.size()) images += keep[i] * keep[i + 4096]; // the next image
    }
    const double q = 1 - p, deviation = std::sqrt(p * q / count) + 0x1p-16;
    CHECK(other == 0);
    CHECK(std::abs(kept / count - q) < 4 * deviation);
    CHECK(std::abs(pairs / count - q * q) < 8 * deviation);
    CHECK(std::abs(images / (count - 4096) - q * q) < 8 * deviation);
  }
}

TEST_CASE("a dropout mask compares half-words of its image's random bits", "[dropout]") {
  const Shape shape{3, 2, 5, 9}; // 90 features: neither a whole group of 64 nor of 8
  Tensor<std::uint8_t> keep(shape, 7);
  ops::dropout_mask(0.25, Random(6), keep);
  for (index_t n = 0; n < 3; ++n) {
    const Random image = Random(6).split(static_cast<std::uint64_t>(n));
    for (index_t i = 0; i < 90; ++i) {
      const std::uint32_t half = image.bits(i / 2) >> (i % 2 == 0 ? 0 : 16) & 0xffffu;
      CHECK(keep[n * 90 + i] == (half >= 16384)); // a quarter of 65536
    }
  }
  // Limits at the first two half-words, which are kept, and one above.
  const std::uint32_t word = Random(6).split(0).bits(0);
  for (const std::uint32_t more : {0u, 1u}) {
    const auto limit = [&](std::uint32_t half) { return (half + more) / 65536.0; };
    ops::dropout_mask(limit(word & 0xffffu), Random(6), keep);
    CHECK(keep[0] == (more == 0));
    ops::dropout_mask(limit(word >> 16), Random(6), keep);
    CHECK(keep[1] == (more == 0));
  }
}

TEST_CASE("a dropout mask is a function of seed, image and element", "[dropout]") {
  const Shape shape{5, 3, 7, 3}; // 63 features
  const auto mask = [&](const Shape& s, std::uint64_t seed) {
    Tensor<std::uint8_t> keep(s);
    ops::dropout_mask(0.5, Random(seed), keep);
    return values(keep);
  };
  CHECK(same_for_any_thread_count([&] { return mask(shape, 1); }));
  const auto five = mask(shape, 1), two = mask(shape.with_batch(2), 1);
  CHECK(std::equal(two.begin(), two.end(), five.begin())); // whatever else is in the batch
  CHECK(mask(shape, 2) != five);
  CHECK_FALSE(std::equal(five.begin(), five.begin() + 63, five.begin() + 63)); // images differ
}

TEST_CASE("masking scales what is kept, in place too, on numbers and on codes", "[dropout]") {
  for (index_t n : {1, 7, 8, 15, 16, 17, 33, 64, 65, 40000}) {
    const Tensor<float> x = random_tensor<float>({1, n}, 1);
    const auto codes = random_integers<std::uint8_t>({1, n}, 1, 0, 255);
    const auto keep = random_integers<std::uint8_t>({1, n}, 2, 0, 1);
    Tensor<float> y(x.shape()), in_place = x;
    Tensor<std::uint8_t> y_codes(x.shape());
    ops::mask<float>(x, keep, 4.0f / 3, y);
    ops::mask<float>(in_place, keep, 4.0f / 3, in_place);
    ops::mask<std::uint8_t>(codes, keep, 1, y_codes);
    index_t wrong = 0;
    for (index_t i = 0; i < n; ++i) {
      wrong += y[i] != (keep[i] ? x[i] * (4.0f / 3) : 0);
      wrong += y_codes[i] != (keep[i] ? codes[i] : 0);
    }
    CHECK(wrong == 0);
    CHECK(values(in_place) == values(y));
  }
  Tensor<float> x({2, 3});
  CHECK_SAYS(ops::mask<float>(x, Tensor<std::uint8_t>({3, 2}), 1.0f, x), shape_error, "dropout",
             "got [3, 2]");
}

template <class T>
void check_what_is_dropped() {
  const T huge = std::numeric_limits<T>::infinity();
  const Tensor<T> x({1, 5}, {std::numeric_limits<T>::quiet_NaN(), huge, -huge, T{-1}, T{-0.0}});
  Tensor<T> y(x.shape(), T{7});
  const Tensor<T> zeros(x.shape());
  ops::mask<T>(x, Tensor<std::uint8_t>(x.shape(), 0), T{2}, y);
  CHECK(std::memcmp(y.data(), zeros.data(), 5 * sizeof(T)) == 0);
  ops::mask<T>(x, Tensor<std::uint8_t>(x.shape(), 1), T{2}, y);
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == huge);
  CHECK(y[2] == -huge);
  CHECK(y[3] == -2);
  CHECK(std::signbit(y[4]));
}

TEST_CASE("what is dropped is +0, whatever it was", "[dropout]") {
  check_what_is_dropped<float>();
  check_what_is_dropped<double>();
}

TEST_CASE("max pooling keeps a NaN, wherever it lies in its window", "[pool]") {
  for (index_t kernel : {2, 3})
    for (index_t at = 0; at < kernel * kernel; ++at) {
      const ops::PoolGeometry g{.kernel = kernel, .stride = kernel};
      Tensor<float> x({1, 1, kernel, 9 * kernel}), y({1, 1, 1, 9});
      for (index_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
      for (index_t j = 0; j < 9; j += 2) // every other window
        x[at / kernel * 9 * kernel + j * kernel + at % kernel] =
            std::numeric_limits<float>::quiet_NaN();
      Tensor<std::uint8_t> where({1, 1, 1, 9});
      ops::max_pool_forward<float>(x, g, y, where);
      for (index_t j = 0; j < 9; ++j) CHECK(std::isnan(y[j]) == (j % 2 == 0));
      ops::max_pool_forward<float>(x, g, y, {});
      for (index_t j = 0; j < 9; ++j) CHECK(std::isnan(y[j]) == (j % 2 == 0));
    }
}

TEST_CASE("pools and shortcuts of other shapes are refused", "[pool]") {
  const ops::PoolGeometry g{.kernel = 2, .stride = 2};
  CHECK(g.out(1) == 0);
  CHECK(g.out(2) == 1);
  const Tensor<float> small({1, 1, 1, 1});
  Tensor<float> y({1, 1, 1, 1}), none({1, 1, 0, 0});
  CHECK_SAYS(ops::max_pool_forward<float>(small, g, y, {}), shape_error, "max pool",
             "expected [1, 1, 0, 0]", "got [1, 1, 1, 1]");
  CHECK_SAYS((ops::sum_pool_forward<float, float>(small, g, y)), shape_error,
             "sum pool: expected [1, 1, 0, 0]", "got [1, 1, 1, 1]");
  CHECK_SAYS(ops::sum_pool_backward<float>(small, g, 1.0f, y), shape_error, "sum pool backward",
             "expected [1, 1, 0, 0]", "got [1, 1, 1, 1]");
  ops::max_pool_forward<float>(small, g, none, {});
  Tensor<float> wide({1, 2, 2, 2}), narrow({1, 1, 4, 4});
  ops::shortcut_forward<float>(narrow, 2, wide);
  CHECK_SAYS(ops::shortcut_forward<float>(wide, 2, narrow), shape_error,
             "shortcut: expected [1, 2,", "got [1, 1, 4, 4]");
  CHECK_SAYS(ops::shortcut_backward<float>(narrow, 2, wide), shape_error, "shortcut backward",
             "expected [1, 2,", "got [1, 1, 4, 4]");
}

} // namespace test_pool
