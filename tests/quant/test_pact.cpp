// PACT as it runs (ops/pact.hpp) against its definition, its derivatives and PyTorch.
#include "sgq/ops/pact.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_pact {

using namespace sgq;
using namespace sgq::quant;
using test::gaussian;
using test::golden_tensor;
using test::same_bits;

namespace {

/// x as one plane, which is what PACT reads.
template <class T>
Signal<T> one_plane(const Tensor<T>& x) {
  return plain_signal<T>(x.view().reshape({1, 1, 1, x.size()}));
}

template <class T>
Tensor<T> codes_of(const Tensor<T>& x, T alpha, int bits) {
  Tensor<std::uint8_t> q({1, 1, 1, x.size()});
  ops::pact_codes(one_plane(x), alpha, bits, q.view());
  Tensor<T> codes(x.shape());
  std::copy(q.begin(), q.end(), codes.begin());
  return codes;
}

template <class T>
struct Gradients {
  Tensor<T> dx;
  T dalpha;
};

/// dx may be dy.
template <class T>
T backward(const Tensor<T>& x, T alpha, int bits, View<const T> dy, View<T> dx,
           PactGradient gradient = PactGradient::paper) {
  const Signal<T> v = one_plane(x);
  const View<const T> dy_plane = dy.reshape({1, 1, 1, dy.size()});
  const View<T> dx_plane = dx.reshape({1, 1, 1, dx.size()});
  if (gradient == PactGradient::plus)
    return ops::pact_plus_codes_backward<T>(v, alpha, bits, dy_plane, dx_plane);
  Tensor<std::uint8_t> codes(v.shape), regions(v.shape);
  ops::pact_codes(v, alpha, bits, codes.view(), regions.view());
  return ops::pact_codes_backward<T>(regions, dy_plane, dx_plane);
}

template <class T>
Gradients<T> gradients(const Tensor<T>& x, T alpha, int bits, const Tensor<T>& dy,
                       PactGradient gradient = PactGradient::paper) {
  Gradients<T> g{Tensor<T>(x.shape(), T(99)), T(0)};
  g.dalpha = backward<T>(x, alpha, bits, dy, g.dx, gradient);
  return g;
}

} // namespace

TEMPLATE_TEST_CASE("PACT: values and gradients at and around every edge", "[quant]", float,
                   double) {
  using T = TestType;
  const T alpha = T(1.5), eps = std::numeric_limits<T>::epsilon();
  const T inf = std::numeric_limits<T>::infinity();
  const T least = std::numeric_limits<T>::denorm_min();
  const T below = alpha - alpha * eps;
  struct Case {
    T x;
    int code; // of 2 bits: levels 0, 0.5, 1, 1.5; ties at 0.25, 0.75, 1.25
    T dx, dalpha;
  };
  const Case cases[] = {
      {-inf, 0, 0, 0},
      {T(-3), 0, 0, 0},
      {-least, 0, 0, 0},
      {T(-0.0), 0, 0, 0},
      {T(0), 0, 0, 0},
      {least, 0, 1, 0},
      {T(0.2), 0, 1, 0},
      {T(0.25), 0, 1, 0},
      {T(0.26), 1, 1, 0},
      {T(0.74), 1, 1, 0},
      {T(0.75), 2, 1, 0},
      {T(1.25), 2, 1, 0},
      {T(1.25) + eps * 2, 3, 1, 0},
      {below, 3, 1, 0},
      {alpha, 3, 0, 1},
      {alpha + eps * 2, 3, 0, 1},
      {T(100), 3, 0, 1},
      {inf, 3, 0, 1},
  };
  for (const Case& c : cases) {
    CAPTURE(static_cast<double>(c.x));
    const Tensor<T> x({1}, c.x), one({1}, T(1));
    CHECK(codes_of(x, alpha, 2)[0] == T(c.code));
    const auto g = gradients(x, alpha, 2, one);
    CHECK(g.dx[0] == c.dx);
    CHECK(g.dalpha == c.dalpha);
    const auto plus = gradients(x, alpha, 2, one, PactGradient::plus);
    CHECK(plus.dx[0] == c.dx);
    const T error = c.dx == T(1) ? T(c.code) / 3 - c.x / alpha : c.dalpha; // (rint z - z)/n
    CHECK(plus.dalpha == Approx(error).epsilon(0).margin(4 * eps));
  }
}

TEST_CASE("PACT: k = 1 and k = 8, alpha at its floor", "[quant]") {
  const Tensor<double> x({5}, {0.4999, 0.5, 0.5001, 0.75, 2.0}); // alpha = 1
  const Tensor<double> one_bit = codes_of(x, 1.0, 1), eight = codes_of(x, 1.0, 8);
  CHECK(one_bit[0] == 0);
  CHECK(one_bit[1] == 0); // a tie
  CHECK(one_bit[2] == 1);
  CHECK(one_bit[4] == 1);
  CHECK(eight[3] == 191); // 0.75 * 255 = 191.25
  CHECK(eight[4] == 255);

  const float alpha = static_cast<float>(alpha_floor);
  const Tensor<float> small({3}, {0.0004f, 0.00051f, 1.0f});
  const Tensor<float> q = codes_of(small, alpha, 1);
  CHECK(q[0] == 0);
  CHECK(q[1] == 1);
  CHECK(q[2] == 1);
  CHECK(pact_scale(alpha, 1) == alpha);
}

TEST_CASE("PACT: every code is reached, and alpha is worth n codes", "[quant]") {
  for (int bits = 1; bits <= 8; ++bits) {
    const int n = max_code(bits);
    const float alpha = 0.7f * static_cast<float>(bits);
    Tensor<float> x({n + 1});
    for (int q = 0; q <= n; ++q) x[q] = static_cast<float>(q) * pact_scale(alpha, bits);
    const Tensor<float> codes = codes_of(x, alpha, bits);
    for (int q = 0; q <= n; ++q) REQUIRE(codes[q] == static_cast<float>(q));
  }
}

TEST_CASE("PACT: dalpha is the sum over the tensor, not its mean", "[quant]") {
  const Tensor<float> x({2, 3, 50, 50}, 2.0f), dy(x.shape(), 0.25f);
  const auto g = gradients(x, 2.0f, 4, dy);
  CHECK(g.dalpha == 0.25f * static_cast<float>(x.size()));
}

TEST_CASE("PACT: without rounding, the gradients are true derivatives", "[quant]") {
  // L = sum dy y(x, alpha) with y the clip; central differences of a piecewise linear function are
  // exact up to rounding / h where no element crosses a kink.
  const double alpha = 0.9, h = 1e-6;
  const int bits = 3;
  Tensor<double> x = gaussian<double>({4, 37}, 1.0, 1);
  const Tensor<double> dy = gaussian<double>(x.shape(), 1.0, 2);
  for (double& v : x)
    if (std::abs(v) < 1e-3 || std::abs(v - alpha) < 1e-3) v += 5e-3;
  const auto value = [&](const Tensor<double>& at, double a) { // y itself
    Tensor<double> y(at.shape());
    for (index_t i = 0; i < y.size(); ++i)
      y[i] = pact_code<identity>(at[i], a, inverse_step(a, bits)) * pact_scale(a, bits);
    return y;
  };
  Tensor<double> dx(x.shape()), up = x, down = x;
  const double dalpha = backward<double>(x, alpha, bits, dy, dx);
  const Tensor<double> larger = value(x, alpha + h), smaller = value(x, alpha - h);
  double expected = 0, plus = 0;
  for (index_t i = 0; i < x.size(); ++i) {
    expected += dy[i] * (larger[i] - smaller[i]) / (2 * h);
    plus += dy[i] * pact_plus_dalpha<identity>(x[i], alpha, inverse_step(alpha, bits),
                                               1.0 / max_code(bits));
  }
  CHECK(std::abs(expected) > 1);
  CHECK(dalpha == Approx(expected).epsilon(1e-8));
  CHECK(plus == Approx(expected).epsilon(1e-8));
  for (index_t i = 0; i < x.size(); ++i) up[i] += h, down[i] -= h;
  const Tensor<double> y_up = value(up, alpha), y_down = value(down, alpha);
  for (index_t i = 0; i < x.size(); ++i)
    REQUIRE(dx[i] == Approx(dy[i] * (y_up[i] - y_down[i]) / (2 * h)).epsilon(0).margin(1e-8));
}

TEST_CASE("PACT+ is unsigned LSQ with the step alpha/n", "[quant]") {
  for (int bits : {1, 2, 4, 8}) {
    const double n = max_code(bits), alpha = 1.1, s = alpha / n;
    const Tensor<double> x = gaussian<double>({3000}, 0.8, 3),
                         dy = gaussian<double>({3000}, 1.0, 4);
    double ds = 0; // arXiv 1902.08153, eq. 3, with Q_N = 0 and Q_P = n
    for (index_t i = 0; i < x.size(); ++i) {
      const double u = x[i] / s;
      ds += dy[i] * (u <= 0 ? 0 : u >= n ? n : std::rint(u) - u);
    }
    const auto g = gradients(x, alpha, bits, dy, PactGradient::plus);
    CHECK(g.dalpha == Approx(ds / n).epsilon(1e-11));
    CHECK(std::abs(g.dalpha - gradients(x, alpha, bits, dy).dalpha) > 1e-6); // and not eq. 3
  }
}

TEMPLATE_TEST_CASE("PACT: as PyTorch's autograd has it", "[quant][golden]", float, double) {
  using T = TestType;
  const Tensor<T> x = golden_tensor<T>("pact.x"), dy = golden_tensor<T>("pact.dy");
  const T alpha = static_cast<T>(1.3f);
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (int bits : {1, 2, 4, 8})
    for (PactGradient gradient : {PactGradient::paper, PactGradient::plus}) {
      const std::string way = gradient == PactGradient::paper ? ".paper" : ".plus";
      const std::string key = "pact." + std::to_string(bits) + way;
      CAPTURE(key);
      CHECK(same_bits(codes_of(x, alpha, bits), golden_tensor<T>(key + ".codes")));
      const auto g = gradients(x, alpha, bits, dy, gradient);
      const Tensor<T> dx = golden_tensor<T>(key + ".dx"); // there times n/alpha and alpha/n
      for (index_t i = 0; i < x.size(); ++i) REQUIRE(g.dx[i] == Approx(dx[i]).epsilon(4 * eps));
      // A sum of 48 terms of size 1, each rounded once.
      CHECK(g.dalpha == Approx(golden_tensor<T>(key + ".dalpha")[0]).epsilon(0).margin(48 * eps));
    }
}

TEST_CASE("PACT: the same bits for any thread count, and in place", "[quant]") {
  const Tensor<float> x = gaussian<float>({5, 7, 33, 41}, 1.0, 5);
  const Tensor<float> dy = gaussian<float>(x.shape(), 1.0, 6);
  const Tensor<float> codes = codes_of(x, 1.2f, 4);
  const auto g = gradients(x, 1.2f, 4, dy, PactGradient::plus);
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    CHECK(same_bits(codes_of(x, 1.2f, 4), codes));
    const auto again = gradients(x, 1.2f, 4, dy, PactGradient::plus);
    CHECK(same_bits(again.dx, g.dx));
    CHECK(again.dalpha == g.dalpha);
  }
  set_num_threads(0);

  Tensor<float> dx = dy;
  CHECK(backward<float>(x, 1.2f, 4, dx, dx, PactGradient::plus) == g.dalpha);
  CHECK(same_bits(dx, g.dx));
}

TEST_CASE("PACT: a NaN is stored as 0, and bad settings are named", "[quant]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> x({2}, {nan, 1.0f}), dy({2}, 1.0f);
  CHECK(std::isnan(pact_code(nan, 1.0f, 15.0)));
  CHECK(codes_of(x, 1.0f, 4)[0] == 0);
  CHECK(codes_of(x, 1.0f, 4)[1] == 15);

  for (int bits : {0, 9, -1})
    CHECK(
        contains(message_of<value_error>([&] { codes_of(x, 1.0f, bits); }), std::to_string(bits)));
  for (float alpha : {nan, 0.0f, -1.0f, std::numeric_limits<float>::infinity()})
    CHECK(contains(message_of<value_error>([&] { gradients(x, alpha, 4, dy); }), "alpha"));
  Tensor<float> other({3});
  Tensor<std::uint8_t> other_codes({1, 1, 1, 3});
  CHECK_SAYS(ops::pact_codes(one_plane(x), 1.0f, 4, other_codes.view()), shape_error, "PACT",
             "got [1, 1, 1, 3]");
  for (PactGradient gradient : {PactGradient::paper, PactGradient::plus}) {
    CHECK_SAYS(backward<float>(x, 1.0f, 4, dy, other, gradient), shape_error, "backward: dx",
               "got [1, 1, 1, 3]");
    CHECK_SAYS(backward<float>(x, 1.0f, 4, other, other, gradient), shape_error,
               "backward: expected", "got [1, 1, 1, 3]");
  }
}

} // namespace test_pact
