// Materialised signals, ReLU and PACT on signals, and the reductions that layers use.
#include "sgq/ops/dropout.hpp"
#include "sgq/ops/finite.hpp"
#include "sgq/ops/pact.hpp"
#include "sgq/ops/reduce.hpp"
#include "sgq/ops/relu.hpp"
#include "sgq/quant/requantize.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace test_signal {

using namespace sgq;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

// Planes around the widths of vectors and of the 16 fixed lanes.
constexpr index_t planes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65};

enum class Store { real, acc, codes };
enum class Rest { none, real, codes };

/// A signal of every kind, with the memory behind it.
template <class T>
struct Sample {
  Tensor<T> real, mul, add, rest_real;
  Tensor<std::int32_t> acc;
  Tensor<std::uint8_t> codes, rest_codes;
  Signal<T> v, residual;

  Sample(const Shape& shape, Store store, Rest rest, bool per_channel, std::uint64_t seed)
      : real(random_tensor<T>(shape, seed)), mul(random_tensor<T>({shape[1]}, seed + 1)),
        add(random_tensor<T>({shape[1]}, seed + 2)), rest_real(random_tensor<T>(shape, seed + 3)),
        acc(random_integers<std::int32_t>(shape, seed, -(1 << 29), 1 << 29)),
        codes(random_integers<std::uint8_t>(shape, seed, 0, 255)),
        rest_codes(random_integers<std::uint8_t>(shape, seed + 3, 0, 15)) {
    v.shape = residual.shape = shape;
    if (store == Store::real) v.real = real.data();
    if (store == Store::acc) v.acc = acc.data();
    if (store == Store::codes) v.codes = codes.data();
    v.scale = store == Store::acc ? 0x1p-29 / 3 : store == Store::codes ? 1 / 299.3 : 0.7;
    if (per_channel) {
      for (T& m : mul) m *= static_cast<T>(v.scale);
      v.mul = mul.data();
      v.add = add.data();
    }
    if (rest == Rest::none) return;
    if (rest == Rest::real) residual.real = rest_real.data();
    if (rest == Rest::codes) {
      residual.codes = rest_codes.data();
      residual.scale = 1.0 / 7; // not a float: materialise and PACT must round it alike
      residual.max_code = 15;
    }
    v.residual = &residual;
  }
  Sample(const Sample&) = delete;

  double u(index_t i) const {
    return v.real  ? static_cast<double>(real[i])
           : v.acc ? static_cast<double>(acc[i])
                   : static_cast<double>(codes[i]);
  }
  /// The formula at the head of ops/signal.hpp, factors rounded to T.
  double value(index_t i) const {
    const index_t c = i / v.shape.plane() % v.shape[1];
    double value = u(i) * static_cast<double>(v.mul_at(c)) + static_cast<double>(v.add_at(c));
    if (v.residual)
      value +=
          static_cast<double>(static_cast<T>(residual.scale)) *
          (residual.real ? static_cast<double>(rest_real[i]) : static_cast<double>(rest_codes[i]));
    return value;
  }
};

template <class T, class F>
void for_all_samples(F&& f) {
  for (index_t plane : planes)
    for (Store store : {Store::real, Store::acc, Store::codes})
      for (Rest rest : {Rest::none, Rest::real, Rest::codes})
        for (bool per_channel : {false, true}) {
          const Sample<T> s({3, 2, 1, plane}, store, rest, per_channel, 7);
          INFO("plane " << plane << ", storage " << int(store) << ", residual " << int(rest)
                        << ", per channel " << per_channel);
          f(s);
        }
}

/// The number of elements i for which ok(i) does not hold.
template <class F>
index_t failures(index_t n, F&& ok) {
  index_t count = 0;
  for (index_t i = 0; i < n; ++i) count += ok(i) ? 0 : 1;
  return count;
}

} // namespace

TEST_CASE("a materialised signal is the formula, rounded once", "[signal]") {
  // In float every product is exact in double, so that the result has one bit pattern. In double
  // three roundings and a fused multiply-add may differ.
  for_all_samples<float>([](const Sample<float>& s) {
    Tensor<float> y(s.v.shape);
    ops::materialise(s.v, y.view());
    REQUIRE(failures(y.size(), [&](index_t i) { return y[i] == float(s.value(i)); }) == 0);
  });
  for_all_samples<double>([](const Sample<double>& s) {
    Tensor<double> y(s.v.shape);
    ops::materialise(s.v, y.view());
    const auto ok = [&](index_t i) { return std::abs(y[i] - s.value(i)) < 1e-14; };
    REQUIRE(failures(y.size(), ok) == 0);
  });
}

TEST_CASE("features [N, F] are channels of one element", "[signal]") {
  const Sample<float> s({3, 33}, Store::acc, Rest::codes, true, 1);
  Tensor<float> y(s.v.shape);
  ops::materialise(s.v, y.view());
  CHECK(failures(y.size(), [&](index_t i) { return y[i] == float(s.value(i)); }) == 0);
}

TEST_CASE("materialising works in place and for any thread count", "[signal]") {
  Sample<float> s({5, 3, 4, 9}, Store::real, Rest::real, true, 2);
  Tensor<float> y(s.v.shape);
  CHECK(same_for_any_thread_count([&] {
    ops::materialise(s.v, y.view());
    return values(y);
  }));
  ops::materialise(s.v, s.real.view());
  CHECK(values(s.real) == values(y));
  CHECK_SAYS(ops::materialise(s.v, y.view().reshape({5, 3, 9, 4})), shape_error, "materialise",
             "got [5, 3, 9, 4]");
}

TEST_CASE("what counts as plain, as codes, and as materialised", "[signal]") {
  using S = Signal<float>;
  const float number = 0;
  const std::int32_t sum = 0;
  const std::uint8_t code = 0;
  const S other{.shape = {1, 1}, .real = &number};
  CHECK(S{.real = &number}.is_plain());
  CHECK_FALSE(S{.real = &number, .scale = 2}.is_materialised());
  CHECK_FALSE(S{.real = &number, .add = &number}.is_materialised());
  CHECK_FALSE(S{.real = &number, .residual = &other}.is_materialised());
  CHECK(S{.real = &number, .scale = 2, .max_code = 3}.is_codes()); // integers held as numbers
  CHECK(S{.codes = &code, .scale = 2, .max_code = 3}.is_codes());
  CHECK_FALSE(S{.codes = &code, .add = &number, .max_code = 3}.is_materialised());
  // Layers read codes from `codes` or `real`: a signal of accumulators is not materialised.
  CHECK_FALSE(S{.acc = &sum, .scale = 2, .max_code = 3}.is_materialised());
}

// ---- ReLU ---------------------------------------------------------------------------------------

TEST_CASE("relu is max(v, 0) of every signal", "[relu]") {
  // At most three roundings of each term, half an epsilon each: of u, of its product and of a sum,
  // or of a product and two sums. The reference in double has no more.
  const auto check = [](const auto& s, auto zero) {
    using T = decltype(zero);
    Tensor<T> y(s.v.shape);
    ops::relu_forward(s.v, y.view());
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    const auto ok = [&](index_t i) {
      const index_t c = i / s.v.shape.plane() % s.v.shape[1];
      const double um = s.u(i) * static_cast<double>(s.v.mul_at(c)),
                   t = static_cast<double>(s.v.add_at(c)), rest = s.value(i) - um - t;
      const double size = std::abs(um) + std::abs(t) + std::abs(rest);
      const double error = std::abs(static_cast<double>(y[i]) - std::max(0.0, s.value(i)));
      return error <= 3 * eps * size;
    };
    REQUIRE(failures(y.size(), ok) == 0);
  };
  for_all_samples<float>([&](const Sample<float>& s) { check(s, 0.0f); });
  for_all_samples<double>([&](const Sample<double>& s) { check(s, 0.0); });
}

TEST_CASE("relu keeps NaN, so that a bad number cannot hide", "[relu]") {
  Tensor<float> x({1, 1, 1, 37}, 1.0f), y(x.shape());
  x[0] = x[20] = x[36] = not_a_number;
  x[1] = inf;
  x[2] = -inf;
  x[3] = -0.0f;
  ops::relu_forward(plain_signal<float>(x), y.view());
  CHECK(std::isnan(y[0]));
  CHECK(std::isnan(y[20]));
  CHECK(std::isnan(y[36]));
  CHECK(y[1] == inf);
  CHECK(y[2] == 0);
  CHECK(y[3] == 0);
}

TEST_CASE("relu's gradient passes above 0 only; at the kink it is 0", "[relu]") {
  for (index_t n : planes) {
    Tensor<double> x = random_tensor<double>({2, n}, 1), y(x.shape()), dx(x.shape());
    const Tensor<double> dy = random_tensor<double>(x.shape(), 2);
    for (double& v : x) v += v > 0 ? 0.01 : -0.01; // away from the kink
    const auto loss = [&] {
      ops::relu_forward(plain_signal<double>(x), y.view());
      return dot(y, dy);
    };
    loss();
    ops::relu_backward<double>(y, dy, dx);
    CHECK(gradient_error(loss, x, dx) < 1e-9);
    Tensor<double> in_place = dy;
    ops::relu_backward<double>(y, in_place, in_place);
    CHECK(values(in_place) == values(dx));
  }
  const Tensor<float> y({1, 3}, {0, -0.0f, 1e-45f}), dy({1, 3}, {5, 5, 5});
  Tensor<float> dx({1, 3});
  ops::relu_backward<float>(y, dy, dx);
  CHECK(values(dx) == std::vector<float>{0, 0, 5});
}

// ---- PACT ---------------------------------------------------------------------------------------

TEST_CASE("codes of a signal are those of the requantiser, bit for bit", "[pact]") {
  // All u and r here are integers: the case in which codes are promised.
  for (index_t plane : planes)
    for (Store store : {Store::acc, Store::codes})
      for (bool residual : {false, true})
        for (int bits : {1, 2, 4, 8}) {
          const Sample<float> s({3, 2, 1, plane}, store, residual ? Rest::codes : Rest::none, true,
                                3);
          const float alpha = 1.7f;
          Tensor<std::uint8_t> got(s.v.shape), expected(s.v.shape);
          ops::pact_codes(s.v, alpha, bits, got.view());

          const double scale = residual ? double(static_cast<float>(s.residual.scale)) : 0;
          for (index_t i = 0; i < expected.size(); ++i) {
            const index_t c = i / plane % 2;
            expected[i] = static_cast<std::uint8_t>(
                quant::requantize(s.u(i), s.mul[c], s.add[c], scale, s.rest_codes[i], double(alpha),
                                  quant::inverse_step(alpha, bits)));
          }
          REQUIRE(values(got) == values(expected));
        }
}

TEST_CASE("codes of a signal are those of its materialised value", "[pact]") {
  for_all_samples<double>([](const Sample<double>& s) {
    Tensor<double> v(s.v.shape);
    Tensor<std::uint8_t> got(s.v.shape), expected(s.v.shape);
    ops::materialise(s.v, v.view());
    ops::pact_codes(s.v, 1.5, 4, got.view());
    for (index_t i = 0; i < v.size(); ++i)
      expected[i] = quant::store_code(quant::pact_code(v[i], 1.5, quant::inverse_step(1.5, 4)));
    REQUIRE(values(got) == values(expected));
  });
  // Ties, both edges and beyond: alpha = 3 and 2 bits make code = rint(v).
  const Tensor<float> x({1, 1, 1, 11}, {-inf, -1, 0, .5f, 1, 1.5f, 2.5f, 2.75f, 3, 4, inf});
  Tensor<std::uint8_t> codes(x.shape());
  ops::pact_codes(plain_signal<float>(x), 3.0f, 2, codes.view());
  CHECK(values(codes) == std::vector<std::uint8_t>{0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 3});
}

/// The gradient of either kind, as a layer takes it: from the regions of a forward pass, or from v.
template <class T>
T pact_gradient(const Signal<T>& v, T alpha, int bits, quant::PactGradient gradient,
                View<const T> dy, View<T> dx) {
  if (gradient == quant::PactGradient::plus)
    return ops::pact_plus_codes_backward<T>(v, alpha, bits, dy, dx);
  Tensor<std::uint8_t> codes(v.shape), regions(v.shape);
  ops::pact_codes(v, alpha, bits, codes.view(), regions.view());
  return ops::pact_codes_backward<T>(regions, dy, dx);
}

TEST_CASE("noting regions changes no code, and a NaN is below the clip's range", "[pact]") {
  for_all_samples<float>([](const Sample<float>& s) {
    Tensor<std::uint8_t> alone(s.v.shape), beside(s.v.shape), regions(s.v.shape);
    ops::pact_codes(s.v, 1.5f, 4, alone.view());
    ops::pact_codes(s.v, 1.5f, 4, beside.view(), regions.view());
    REQUIRE(values(alone) == values(beside));
  });
  const Tensor<float> x({1, 1, 1, 8}, {-inf, -1, -0.0f, 1e-30f, 2.9999998f, 3, inf, not_a_number});
  Tensor<std::uint8_t> codes(x.shape()), regions(x.shape());
  ops::pact_codes(plain_signal<float>(x), 3.0f, 2, codes.view(), regions.view());
  CHECK(values(regions) == std::vector<std::uint8_t>{0, 0, 0, 1, 1, 2, 2, 0});
}

TEST_CASE("PACT's gradients on a signal are its definition on the materialised value", "[pact]") {
  using quant::PactGradient;
  for_all_samples<double>([](const Sample<double>& s) {
    for (PactGradient gradient : {PactGradient::paper, PactGradient::plus}) {
      const Tensor<double> dy = random_tensor<double>(s.v.shape, 9);
      Tensor<double> v(s.v.shape), dx(s.v.shape);
      ops::materialise(s.v, v.view());
      const double alpha = 0.8;
      const double dalpha = pact_gradient<double>(s.v, alpha, 4, gradient, dy, dx);
      double expected = 0, size = 1;
      const auto ok = [&](index_t i) {
        const bool inside = v[i] > 0 && v[i] < alpha;
        const double z = v[i] * (15 / alpha);
        double slope = v[i] >= alpha ? 1 : 0;
        if (gradient == PactGradient::plus && inside) slope = (std::rint(z) - z) / 15;
        expected += slope * dy[i];
        size += std::abs(slope * dy[i]);
        return dx[i] == (inside ? dy[i] : 0);
      };
      REQUIRE(failures(v.size(), ok) == 0);
      REQUIRE(std::abs(dalpha - expected) < 1e-13 * size);
      Tensor<double> in_place = dy;
      pact_gradient<double>(s.v, alpha, 4, gradient, in_place, in_place);
      REQUIRE(values(in_place) == values(dx));
    }
  });
}

/// The order of dalpha's sum as plain loops: element i of a plane to lane i mod 16, lanes in order.
template <class T>
void check_dalpha_order(index_t plane) {
  const Tensor<T> dy = random_tensor<T>({1, 1, 1, plane}, 8);
  const auto regions = random_integers<std::uint8_t>(dy.shape(), 9, 0, 2);
  double lanes[16] = {}, sum = 0;
  for (index_t i = 0; i < plane; ++i)
    lanes[i % 16] += regions[i] == 2 ? static_cast<double>(dy[i]) : 0.0;
  for (double lane : lanes) sum += lane;
  Tensor<T> dx(dy.shape(), T{7});
  INFO(plane << " elements");
  CHECK(ops::pact_codes_backward<T>(regions, dy, dx) == static_cast<T>(sum));
  const auto ok = [&](index_t i) { return dx[i] == (regions[i] == 1 ? dy[i] : T{0}); };
  CHECK(failures(plane, ok) == 0);
}

TEST_CASE("PACT's dalpha is summed in sixteen lanes, block after block", "[pact]") {
  for (index_t plane : {1, 15, 16, 17, 576, 1023, 1024, 1025, 2100}) {
    check_dalpha_order<float>(plane);
    check_dalpha_order<double>(plane);
  }
}

TEST_CASE("PACT's gradient at the edges of its window", "[pact]") {
  const Tensor<float> x({1, 1, 1, 6}, {-1, 0, 1e-30f, 2.9999998f, 3, 4});
  const Tensor<float> dy({1, 1, 1, 6}, {1, 2, 4, 8, 16, 32});
  Tensor<float> dx(x.shape());
  const float dalpha =
      pact_gradient<float>(plain_signal<float>(x), 3, 2, quant::PactGradient::paper, dy, dx);
  CHECK(values(dx) == std::vector<float>{0, 0, 4, 8, 0, 0});
  CHECK(dalpha == 48);
}

TEST_CASE("PACT on a signal does not depend on the number of threads", "[pact]") {
  const Sample<float> s({7, 5, 6, 7}, Store::acc, Rest::codes, true, 4);
  const Tensor<float> dy = random_tensor<float>(s.v.shape, 5);
  Tensor<std::uint8_t> codes(s.v.shape);
  Tensor<float> dx(s.v.shape);
  CHECK(same_for_any_thread_count([&] {
    ops::pact_codes(s.v, 1.0f, 2, codes.view());
    return values(codes);
  }));
  for (const auto gradient : {quant::PactGradient::paper, quant::PactGradient::plus})
    CHECK(same_for_any_thread_count([&] {
      const float dalpha = pact_gradient<float>(s.v, 1.0f, 2, gradient, dy, dx);
      auto all = values(dx);
      all.push_back(dalpha);
      return all;
    }));
}

TEST_CASE("PACT on a signal refuses bad bits, alphas and shapes", "[pact]") {
  const Tensor<float> x({1, 2, 2, 2});
  Tensor<std::uint8_t> codes(x.shape()), other({1, 2, 4, 1});
  const Signal<float> v = plain_signal<float>(x);
  struct Bad {
    float alpha;
    int bits;
    const char *what, *got;
  };
  for (const Bad& bad : {Bad{1, 0, "PACT: bits", "got 0"},
                         {1, 9, "PACT: bits", "got 9"},
                         {0, 4, "PACT: alpha", "got 0"},
                         {not_a_number, 4, "PACT: alpha", "got nan"}})
    CHECK_SAYS(ops::pact_codes(v, bad.alpha, bad.bits, codes.view()), value_error, bad.what,
               bad.got);
  CHECK_SAYS(ops::pact_codes(v, 1.0f, 4, other.view()), shape_error, "PACT", "got [1, 2, 4, 1]");
  CHECK_SAYS(ops::pact_codes(v, 1.0f, 4, codes.view(), other.view()), shape_error, "PACT: regions",
             "got [1, 2, 4, 1]");
  Tensor<float> dx(x.shape());
  CHECK_SAYS(ops::pact_codes_backward<float>(other, x, dx), shape_error, "PACT backward",
             "got [1, 2, 2, 2]");
  Tensor<float> short_dx({1, 2, 4, 1});
  CHECK_SAYS(ops::pact_codes_backward<float>(codes, x, short_dx), shape_error, "PACT backward: dx",
             "got [1, 2, 4, 1]");
  CHECK_SAYS(ops::pact_plus_codes_backward<float>(v, 1.0f, 4, x, short_dx), shape_error,
             "PACT+ backward: dx", "got [1, 2, 4, 1]");
}

// ---- sums, additions, finiteness ----------------------------------------------------------------

TEMPLATE_TEST_CASE("sums of a row agree with the definition at every length", "[reduce]", float,
                   double) {
  using T = TestType;
  const Tensor<T> x = random_tensor<T>({1, 2000}, 1);
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (index_t start : {0, 1, 3}) // also where the row is not aligned
    for (index_t n = 0; n < 1990; n = n < 70 ? n + 1 : n * 2) {
      long double sum = 0, abs_sum = 0;
      double got, got_abs;
      for (index_t i = start; i < start + n; ++i) {
        sum += x[i];
        abs_sum += std::abs(x[i]);
      }
      kernels::for_registers<ops::SumRow<T>>(x.data() + start, n, &got);
      kernels::for_registers<ops::SumRow<T, true>>(x.data() + start, n, &got_abs);
      const long double tolerance = eps * (static_cast<double>(n) / 8 + 2) * abs_sum;
      REQUIRE(std::abs(got - sum) <= tolerance);
      REQUIRE(std::abs(got_abs - abs_sum) <= tolerance);
    }
}

TEST_CASE("sums of integer codes are exact", "[reduce]") {
  const Tensor<float> x = random_integers<float>({1, 9216}, 2, -127, 127);
  index_t expected = 0;
  for (float v : x) expected += std::abs(static_cast<index_t>(v));
  double got;
  kernels::for_registers<ops::SumRow<float, true>>(x.data(), x.size(), &got);
  CHECK(got == static_cast<double>(expected));
}

TEST_CASE("channel sums add to what is there, for images and features", "[reduce]") {
  for (index_t plane : planes) {
    const Tensor<double> x = random_tensor<double>({3, 5, 1, plane}, 1);
    Tensor<double> sums({5}, 10.0);
    ops::add_channel_sums<double>(x, sums);
    for (index_t c = 0; c < 5; ++c) {
      double expected = 10;
      for (index_t n = 0; n < 3; ++n)
        for (index_t p = 0; p < plane; ++p) expected += x(n, c, 0, p);
      REQUIRE(sums[c] == Approx(expected).epsilon(1e-13));
    }
    const View<const double> features(x.data(), {3, 5 * plane});
    Tensor<double> ones({5 * plane}, 1.0);
    ops::add_channel_sums<double>(features, ones);
    for (index_t c = 0; c < 5 * plane; ++c)
      REQUIRE(ones[c] ==
              Approx(1 + features(0, c) + features(1, c) + features(2, c)).margin(1e-15));
  }
  const Tensor<float> x = random_tensor<float>({9, 7, 5, 5}, 1);
  CHECK(same_for_any_thread_count([&] {
    Tensor<float> sums({7});
    ops::add_channel_sums<float>(x, sums);
    return values(sums);
  }));
  Tensor<float> wrong({6});
  CHECK_SAYS(ops::add_channel_sums<float>(x, wrong), shape_error, "channel sums", "got [6]");
}

TEST_CASE("sums over a batch go block by block of eight images", "[reduce]") {
  // Numbers whose sum depends on the order: 2^54 + 1 is 2^54.
  const double big = 0x1p54;
  const std::vector<double> of_image{5, 1, big, 5, 1, 5, 5, 1, 3, 1, 5, -big, 1, 1, 1, 3, 1, 3, 1};
  const auto batch = static_cast<index_t>(of_image.size());
  const auto in_blocks_of = [&](index_t size) {
    double total = 0;
    for (index_t first = 0; first < batch; first += size) {
      double block = 0;
      for (index_t n = first; n < std::min(first + size, batch); ++n)
        block += of_image[static_cast<std::size_t>(n)];
      total += block;
    }
    return total;
  };
  const double expected = in_blocks_of(8);
  for (index_t other : {1, 4, 16, 19}) REQUIRE(expected != in_blocks_of(other));
  for (index_t plane : {1, 2}) { // a linear layer's bias, a convolution's
    Tensor<double> x({batch, 3, plane, 1});
    for (index_t n = 0; n < batch; ++n)
      for (index_t c = 0; c < 3; ++c)
        x[(n * 3 + c) * plane] = of_image[static_cast<std::size_t>(n)];
    Tensor<double> sums({3});
    ops::add_channel_sums<double>(x, sums);
    for (double sum : sums) CHECK(sum == expected);
    // The same for a clip: every gradient is clipped, and the channels of an image add up first.
    Tensor<std::uint8_t> regions({batch, 1, plane, 1}, 2);
    Tensor<double> dy({batch, 1, plane, 1}), dx(dy.shape());
    for (index_t n = 0; n < batch; ++n) dy[n * plane] = of_image[static_cast<std::size_t>(n)];
    CHECK(ops::pact_codes_backward<double>(regions, dy, dx) == expected);
  }
}

TEST_CASE("relu's gradient and dropout's output have the shape of what they are of", "[errors]") {
  const Tensor<float> y({4, 3}, 1.0f);
  const Tensor<std::uint8_t> keep({4, 3}, std::uint8_t{1});
  Tensor<float> small({3, 3});
  CHECK_SAYS(ops::relu_backward<float>(y, y, small), shape_error, "relu backward", "got [3, 3]");
  CHECK_SAYS(ops::mask<float>(y, keep, 2.0f, small), shape_error, "dropout", "got [3, 3]");
}

TEST_CASE("adding one tensor to another", "[reduce]") {
  for (index_t n : {1, 15, 17, 33, 70001}) {
    const Tensor<float> x = random_tensor<float>({1, n}, 1);
    Tensor<float> y = random_tensor<float>({1, n}, 2);
    const Tensor<float> before = y;
    ops::add_to<float>(x, y);
    for (index_t i = 0; i < n; ++i) REQUIRE(y[i] == before[i] + x[i]);
    CHECK_SAYS(ops::add_to<float>(x.view().reshape({n, 1, 1}), y), shape_error, "add",
               "got [" + to_text(n) + ", 1, 1]");
  }
}

TEST_CASE("the first number that is not finite is found wherever it is", "[finite]") {
  for (index_t n : planes)
    for (float bad : {not_a_number, -not_a_number, inf, -inf})
      for (index_t at = 0; at < n; ++at) {
        Tensor<float> x({n}, 1.0f);
        REQUIRE(ops::find_nonfinite<float>(x) == -1);
        x[at] = x[n - 1] = bad;
        REQUIRE(ops::find_nonfinite<float>(x) == at);
      }
  using Limits = std::numeric_limits<float>;
  const Tensor<float> extreme({4}, {Limits::max(), -Limits::max(), Limits::denorm_min(), -0.0f});
  CHECK(ops::find_nonfinite<float>(extreme) == -1);
  CHECK(ops::find_nonfinite<double>(Tensor<double>({0})) == -1);
}

} // namespace test_signal
