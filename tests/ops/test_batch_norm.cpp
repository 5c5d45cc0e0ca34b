#include "sgq/ops/batch_norm.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"
#include "support/raise_to.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace test_batch_norm {

using namespace sgq;

namespace {

struct Moments {
  double mean, variance;
};

/// Mean and biased variance of channel c by two sweeps in long double.
template <class T>
Moments exact_moments(const Tensor<T>& x, index_t c) {
  const index_t plane = x.shape().plane(), channels = x.shape()[1], batch = x.shape()[0];
  const auto each = [&](auto&& f) {
    for (index_t n = 0; n < batch; ++n)
      for (index_t p = 0; p < plane; ++p)
        f(static_cast<long double>(x[(n * channels + c) * plane + p]));
  };
  const long double count = static_cast<long double>(batch * plane);
  long double sum = 0, squares = 0;
  each([&](long double v) { sum += v; });
  const long double mean = sum / count;
  each([&](long double v) { squares += (v - mean) * (v - mean); });
  return {static_cast<double>(mean), static_cast<double>(squares / count)};
}

template <class T>
struct Computed {
  Tensor<T> mean, variance;
  explicit Computed(const Signal<T>& s) : mean({s.channels()}), variance({s.channels()}) {
    ops::channel_moments(s, mean.view(), variance.view());
  }
};

/// How far a variance may be off, relatively: half an epsilon for each rounding. A lane adds its
/// share of the squares; a deviation is rounded, which counts twice, and so are its square and the
/// result. All else is in double and counts there only: 8 lanes and up to 7 numbers behind them are
/// added, and to join a plane to those before it takes fewer than 12 roundings.
template <class T>
double variance_tolerance(const Shape& shape) {
  constexpr bool in_double = std::is_same_v<T, double>;
  const index_t roundings =
      shape.plane() / (in_double ? 8 : 16) + 4 + (in_double ? 15 + 12 * shape[0] : 0);
  return static_cast<double>(roundings) * static_cast<double>(std::numeric_limits<T>::epsilon()) /
         2;
}

/// Mean to a few roundings of T; variance to its tolerance and `more`.
template <class T>
void check_moments(const Tensor<T>& x, double more = 0) {
  const double tolerance = variance_tolerance<T>(x.shape()) + more;
  const Computed<T> got(plain_signal<T>(x));
  for (index_t c = 0; c < x.shape()[1]; ++c) {
    const Moments m = exact_moments(x, c);
    const double deviation = std::sqrt(m.variance);
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    CHECK(std::abs(static_cast<double>(got.mean[c]) - m.mean) <=
          4 * eps * (std::abs(m.mean) + deviation));
    CHECK(std::abs(static_cast<double>(got.variance[c]) - m.variance) <= tolerance * m.variance);
  }
}

template <class T>
Tensor<T> shifted(const Shape& shape, double mean, double deviation) {
  Tensor<T> x = random_tensor<T>(shape, 11, deviation);
  for (T& v : x) v = static_cast<T>(mean + static_cast<double>(v));
  return x;
}

} // namespace

TEST_CASE("moments agree with two sweeps in long double at every plane size", "[batch_norm]") {
  for (index_t plane : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 784})
    for (index_t batch : {1, 2, 5}) {
      if (batch * plane == 1) continue; // variance 0: see below
      check_moments(random_tensor<float>({batch, 3, 1, plane}, 1));
      check_moments(random_tensor<double>({batch, 3, 1, plane}, 1));
    }
  check_moments(random_tensor<float>({64, 5}, 1)); // features
}

TEST_CASE("moments survive a mean far above the deviation", "[batch_norm]") {
  // The variance of the stored floats, which differs from that of the numbers before rounding.
  check_moments(shifted<float>({4, 2, 13, 13}, 1e4, 1));
  check_moments(shifted<float>({4, 2, 13, 13}, -1e6, 1));
  check_moments(shifted<float>({4, 2, 13, 13}, 1, 1e-6));
  check_moments(shifted<float>({64, 2}, 1e6, 1));
  check_moments(shifted<double>({4, 2, 13, 13}, 1e8, 1), 1e-8); // planes meet at rounded means
  check_moments(shifted<float>({4, 2, 13, 13}, 0, 1e-18));      // squares near the underflow
  check_moments(shifted<float>({4, 2, 13, 13}, 0, 1e15));
  // Images far from each other: the merge of planes must not cancel either.
  Tensor<float> x = random_tensor<float>({6, 2, 5, 7}, 3);
  for (index_t i = 0; i < x.size(); ++i) x[i] += static_cast<float>(i / 70) * 1000;
  check_moments(x);
}

TEST_CASE("a constant channel has variance 0, never less", "[batch_norm]") {
  for (float value : {0.0f, 1.0f, -3.3f, 1e6f, 0.1f})
    for (index_t plane : {1, 5, 16, 33}) {
      const Computed<float> got(plain_signal<float>(Tensor<float>({7, 2, 1, plane}, value)));
      for (index_t c = 0; c < 2; ++c) {
        CHECK(got.mean[c] == Approx(value).epsilon(1e-7));
        CHECK(got.variance[c] >= 0);
        CHECK(got.variance[c] <= 1e-13f * value * value); // one rounding of the mean, squared
      }
    }
  const Computed<double> one(plain_signal<double>(Tensor<double>({1, 1}, 5.0)));
  CHECK(one.mean[0] == 5);
  CHECK(one.variance[0] == 0);
}

TEST_CASE("moments of codes and accumulators are those of their numbers", "[batch_norm]") {
  const Shape shape{3, 2, 5, 7};
  const auto codes = random_integers<std::uint8_t>(shape, 1, 0, 15);
  const auto sums = random_integers<std::int32_t>(shape, 2, -100000, 100000);
  Signal<double> s{.shape = shape, .codes = codes.data()};
  Tensor<double> x(shape);
  for (int kind = 0; kind < 2; ++kind) {
    if (kind == 1) s = {.shape = shape, .acc = sums.data()};
    for (index_t i = 0; i < x.size(); ++i) x[i] = kind == 0 ? codes[i] : sums[i];
    const Computed<double> got(s), expected(plain_signal<double>(x));
    for (index_t c = 0; c < 2; ++c) {
      CHECK(got.mean[c] == expected.mean[c]);
      CHECK(got.variance[c] == expected.variance[c]);
    }
  }
}

namespace {

/// Batch norm of x = s u + b as a function, with all its gradients by the library.
struct Norm {
  static constexpr double eps = 1e-5;
  Tensor<double> u, gamma, beta, weight; // loss = sum weight * y
  double s = 0.7, b = 0.3;
  bool constant = false;
  Tensor<double> mean, variance; // of u, held where `constant`

  Norm(const Shape& shape, bool constant_statistics)
      : u(random_tensor<double>(shape, 1)), gamma(random_tensor<double>({shape[1]}, 2)),
        beta(random_tensor<double>({shape[1]}, 3)), weight(random_tensor<double>(shape, 4)),
        constant(constant_statistics), mean({shape[1]}), variance({shape[1]}) {
    ops::channel_moments(plain_signal<double>(u), mean.view(), variance.view());
  }

  double loss() {
    if (!constant) ops::channel_moments(plain_signal<double>(u), mean.view(), variance.view());
    double sum = 0;
    for (index_t i = 0; i < u.size(); ++i) {
      const index_t c = i / u.shape().plane() % u.shape()[1];
      const double x = s * u[i] + b, mu = s * mean[c] + b, var = s * s * variance[c];
      sum += weight[i] * (gamma[c] * (x - mu) / std::sqrt(var + eps) + beta[c]);
    }
    return sum;
  }

  struct Gradients {
    Tensor<double> dx, dgamma, dbeta; // dx: of x, not of u
  };
  Gradients gradients() {
    const index_t channels = u.shape()[1];
    Tensor<double> inv_std({channels}), gain({channels});
    for (index_t c = 0; c < channels; ++c) {
      inv_std[c] = s / std::sqrt(s * s * variance[c] + eps);
      gain[c] = gamma[c] / std::sqrt(s * s * variance[c] + eps);
    }
    Gradients g{Tensor<double>(u.shape()), Tensor<double>({channels}), Tensor<double>({channels})};
    ops::batch_norm_backward<double>(plain_signal<double>(u), {mean, inv_std, gain}, weight,
                                     constant, g.dx, g.dgamma, g.dbeta);
    return g;
  }
};

} // namespace

TEST_CASE("batch norm's gradients equal finite differences", "[batch_norm]") {
  for (bool constant : {false, true})
    for (const Shape& shape :
         {Shape{3, 2, 3, 3}, Shape{2, 3, 4, 5}, Shape{6, 4}, Shape{1, 2, 1, 17}}) {
      INFO(shape.str() << (constant ? ", constant statistics" : ""));
      Norm norm(shape, constant);
      auto g = norm.gradients();
      for (double& v : g.dx) v *= norm.s; // from x to u
      CHECK(gradient_error([&] { return norm.loss(); }, norm.u, g.dx) < 1e-8);
      CHECK(gradient_error([&] { return norm.loss(); }, norm.gamma, g.dgamma) < 1e-9);
      CHECK(gradient_error([&] { return norm.loss(); }, norm.beta, g.dbeta) < 1e-9);
    }
}

TEST_CASE("batch norm backward: adds to dgamma, may overwrite dy, leaves out what is empty",
          "[batch_norm]") {
  Norm norm({2, 3, 4, 5}, false);
  const auto g = norm.gradients();
  Tensor<double> inv_std({3}), gain({3});
  for (index_t c = 0; c < 3; ++c) {
    const double deviation = std::sqrt(norm.s * norm.s * norm.variance[c] + Norm::eps);
    inv_std[c] = norm.s / deviation;
    gain[c] = norm.gamma[c] / deviation;
  }
  const Signal<double> u = plain_signal<double>(norm.u);
  const ops::NormChannels<double> at{norm.mean, inv_std, gain};
  Tensor<double> in_place = norm.weight, dgamma({3}, 10.0), dbeta({3}, 20.0);
  ops::batch_norm_backward<double>(u, at, in_place, false, in_place, {}, {});
  CHECK(std::equal(in_place.begin(), in_place.end(), g.dx.begin()));
  ops::batch_norm_backward<double>(u, at, norm.weight, false, {}, dgamma, dbeta);
  for (index_t c = 0; c < 3; ++c) {
    CHECK(dgamma[c] == Approx(10 + g.dgamma[c]).epsilon(1e-14));
    CHECK(dbeta[c] == Approx(20 + g.dbeta[c]).epsilon(1e-14));
  }
  CHECK_SAYS(ops::batch_norm_backward<double>(u, at, norm.weight.view().reshape({2, 3, 5, 4}),
                                              false, {}, dgamma, dbeta),
             shape_error, "batch norm backward", "got [2, 3, 5, 4]");
  Tensor<double> small({1, 3, 4, 5});
  CHECK_SAYS(ops::batch_norm_backward<double>(u, at, norm.weight, false, small, dgamma, dbeta),
             shape_error, "batch norm backward: dx", "got [1, 3, 4, 5]");
  Tensor<double> long_sums({4});
  CHECK_SAYS(ops::batch_norm_backward<double>(u, at, norm.weight, false, {}, long_sums, dbeta),
             shape_error, "batch norm backward: dgamma, dbeta", "got [4]");
  CHECK_SAYS(ops::batch_norm_backward<double>(u, at, norm.weight, false, {}, dgamma, long_sums),
             shape_error, "batch norm backward: dgamma, dbeta", "got [4]");
}

TEST_CASE("batch norm backward in float survives a mean far above the deviation", "[batch_norm]") {
  // The same stored floats through the double and the float path. u - mean is exact to
  // eps |mean| / deviation of a deviation at worst if it is formed first, and dx is of order 1.
  const Shape shape{4, 2, 8, 8};
  const Tensor<float> u = shifted<float>(shape, 3000, 1), dy = random_tensor<float>(shape, 5);
  Tensor<double> u_double(shape), dy_double(shape), dx_double(shape);
  for (index_t i = 0; i < u.size(); ++i) {
    u_double[i] = static_cast<double>(u[i]);
    // correlated with u, so that the term mean(dy xhat) counts
    dy_double[i] = static_cast<double>(dy[i]) + u_double[i] - 3000;
  }
  Tensor<float> dy_float(shape), dx(shape), mean({2}), inv_std({2}), gain({2});
  Tensor<double> mean_double({2}), variance({2}), inv_std_double({2}), gain_double({2});
  for (index_t i = 0; i < u.size(); ++i) dy_float[i] = static_cast<float>(dy_double[i]);
  ops::channel_moments(plain_signal<double>(u_double), mean_double.view(), variance.view());
  for (index_t c = 0; c < 2; ++c) {
    inv_std_double[c] = gain_double[c] = 1 / std::sqrt(variance[c] + 1e-5);
    mean[c] = static_cast<float>(mean_double[c]);
    inv_std[c] = gain[c] = static_cast<float>(inv_std_double[c]);
  }
  ops::batch_norm_backward<double>(plain_signal<double>(u_double),
                                   {mean_double, inv_std_double, gain_double}, dy_double, false,
                                   dx_double, {}, {});
  ops::batch_norm_backward<float>(plain_signal<float>(u), {mean, inv_std, gain}, dy_float, false,
                                  dx, {}, {});
  double error = 0;
  for (index_t i = 0; i < dx.size(); ++i)
    raise_to(error, std::abs(static_cast<double>(dx[i]) - dx_double[i]));
  CHECK(error < 4e-4); // the mean rounded to float is off by up to 1.2e-4
}

TEST_CASE("batch norm does not depend on the number of threads", "[batch_norm]") {
  const Shape shape{6, 5, 7, 9};
  const Tensor<float> u = random_tensor<float>(shape, 1), dy = random_tensor<float>(shape, 2);
  const Tensor<float> ones({5}, 1.0f);
  CHECK(same_for_any_thread_count([&] {
    Computed<float> m(plain_signal<float>(u));
    Tensor<float> dx(shape), dgamma({5}), dbeta({5});
    ops::batch_norm_backward<float>(plain_signal<float>(u), {m.mean, m.variance, ones}, dy, false,
                                    dx, dgamma, dbeta);
    std::vector<float> all;
    for (Tensor<float>* t : {&m.mean, &m.variance, &dx, &dgamma, &dbeta})
      all.insert(all.end(), t->begin(), t->end());
    return all;
  }));
}

TEST_CASE("gradients of gamma and beta are made where they are wanted", "[batch_norm]") {
  const Tensor<double> x = random_tensor<double>({3, 2, 4, 5}, 1),
                       dy = random_tensor<double>(x.shape(), 2);
  const Tensor<double> mean({2}, {0.1, -0.2}), inv_std({2}, {1.5, 0.7}), gain({2}, {1, 2});
  const ops::NormChannels<double> at{.mean = mean, .inv_std = inv_std, .gain = gain};
  Tensor<double> dgamma({2}), dbeta({2}), gamma_alone({2}), beta_alone({2});
  const auto in = plain_signal(x.view());
  ops::batch_norm_backward<double>(in, at, dy, true, {}, dgamma, dbeta);
  ops::batch_norm_backward<double>(in, at, dy, true, {}, gamma_alone, {});
  ops::batch_norm_backward<double>(in, at, dy, true, {}, {}, beta_alone);
  for (index_t c = 0; c < 2; ++c) {
    CHECK(gamma_alone[c] == dgamma[c]);
    CHECK(beta_alone[c] == dbeta[c]);
    CHECK(dbeta[c] != 0);
  }
}

} // namespace test_batch_norm
