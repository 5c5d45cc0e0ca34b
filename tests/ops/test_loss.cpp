#include "sgq/ops/loss.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"
#include "support/raise_to.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace test_loss {

using namespace sgq;

namespace {

using Labels = std::vector<std::uint8_t>;

/// Softmax of one row in long double.
template <class T>
std::vector<long double> softmax(const T* row, index_t k) {
  std::vector<long double> p;
  long double largest = row[0], sum = 0;
  for (index_t j = 1; j < k; ++j) largest = std::max(largest, static_cast<long double>(row[j]));
  for (index_t j = 0; j < k; ++j) {
    p.push_back(std::exp(static_cast<long double>(row[j]) - largest));
    sum += p.back();
  }
  for (long double& v : p) v /= sum;
  return p;
}

} // namespace

TEMPLATE_TEST_CASE("log-softmax is the logarithm of softmax", "[loss]", float, double) {
  using T = TestType;
  // Rows are computed in double and rounded to T once. In double, k exponentials and their sum err
  // by less than k 2^-52; log p, of less than 32, and its reference are rounded, by 8 2^-52 each.
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (index_t k : {1, 2, 7, 10, 100}) {
    const Tensor<T> z = random_tensor<T>({5, k}, 1, 3);
    Tensor<T> out(z.shape());
    ops::log_softmax<T>(z, out);
    for (index_t n = 0; n < 5; ++n) {
      const auto p = softmax(z.data() + n * k, k);
      for (index_t j = 0; j < k; ++j) {
        const double exact = static_cast<double>(std::log(p[static_cast<std::size_t>(j)]));
        REQUIRE(std::abs(static_cast<double>(out(n, j)) - exact) <=
                eps / 2 * std::abs(exact) + (static_cast<double>(k) + 20) * 0x1p-52);
      }
    }
    Tensor<T> in_place = z;
    ops::log_softmax<T>(in_place, in_place);
    CHECK(std::equal(out.begin(), out.end(), in_place.begin()));
  }
  Tensor<T> other({2, 5});
  CHECK_SAYS(ops::log_softmax<T>(Tensor<T>({5, 2}), other), shape_error, "log-softmax",
             "got [2, 5]");
}

TEST_CASE("extreme logits give their closed form", "[loss]") {
  Tensor<float> z({3, 3}, {1e4f, 0, -1e4f, 1e4f, 1e4f, 1e4f, -1e30f, 3e38f, 0}), out(z.shape());
  ops::log_softmax<float>(z, out);
  CHECK(out(0, 0) == 0);
  CHECK(out(0, 1) == -1e4f);
  CHECK(out(0, 2) == -2e4f);
  for (index_t j = 0; j < 3; ++j) CHECK(out(1, j) == Approx(-std::log(3.0)).epsilon(1e-3));
  CHECK(out(2, 1) == 0);
  CHECK(out(2, 2) == -3e38f);

  Tensor<float> dz(z.shape());
  CHECK(ops::cross_entropy<float>(z.view().slice(0, 1), Labels{2}, dz.view().slice(0, 1)) == 2e4f);
  CHECK(std::vector<float>(dz.data(), dz.data() + 3) == std::vector<float>{1, 0, -1});
  CHECK(ops::cross_entropy<float>(z.view().slice(0, 1), Labels{0}) == 0);
}

TEST_CASE("cross-entropy is the mean of -log p of the labels", "[loss]") {
  const Tensor<double> z = random_tensor<double>({7, 10}, 1, 2);
  const Labels labels{3, 0, 9, 9, 1, 5, 7};
  long double expected = 0;
  for (index_t n = 0; n < 7; ++n)
    expected -= std::log(softmax(z.data() + n * 10, 10)[labels[static_cast<std::size_t>(n)]]) / 7;
  CHECK(ops::cross_entropy<double>(z, labels) ==
        Approx(static_cast<double>(expected)).epsilon(1e-14));
  const Tensor<double> even({4, 10}, 0.3);
  CHECK(ops::cross_entropy<double>(even, Labels{0, 1, 2, 3}) ==
        Approx(std::log(10.0)).epsilon(1e-14));
}

TEST_CASE("cross-entropy's gradient equals finite differences", "[loss]") {
  Tensor<double> z = random_tensor<double>({4, 6}, 1, 2), dz(z.shape(), 99.0);
  const Labels labels{5, 0, 2, 2};
  ops::cross_entropy<double>(z, labels, dz.view()); // overwritten
  CHECK(gradient_error([&] { return ops::cross_entropy<double>(z, labels); }, z, dz) < 1e-11);
  for (index_t n = 0; n < 4; ++n) { // softmax does not see a common shift
    double sum = 0;
    for (index_t j = 0; j < 6; ++j) sum += dz(n, j);
    CHECK(std::abs(sum) < 1e-16);
  }
}

TEST_CASE("labels that do not fit are errors", "[loss]") {
  const Tensor<float> z({2, 3});
  Tensor<float> small({2, 2});
  const Labels good{0, 1}, high{0, 3}, one{0}, three{0, 1, 2};
  CHECK_SAYS(ops::cross_entropy<float>(z, high), value_error, "label of image 1", "got 3");
  CHECK_SAYS(ops::count_correct<float>(z, high), value_error, "less than 3 classes", "got 3");
  CHECK_SAYS(ops::cross_entropy<float>(z, one), shape_error, "labels", "expected 2", "got 1");
  CHECK_SAYS(ops::cross_entropy<float>(z, three), shape_error, "labels", "expected 2", "got 3");
  CHECK_SAYS(ops::cross_entropy<float>(z, good, small.view()), shape_error,
             "cross-entropy gradient", "got [2, 2]");
}

TEST_CASE("KL divergence is its definition, times the weight", "[loss]") {
  const Tensor<double> z = random_tensor<double>({3, 5}, 1), zt = random_tensor<double>({3, 5}, 2);
  long double expected = 0;
  for (index_t n = 0; n < 3; ++n) {
    const auto p = softmax(z.data() + n * 5, 5), q = softmax(zt.data() + n * 5, 5);
    for (std::size_t j = 0; j < 5; ++j) expected += p[j] * std::log(p[j] / q[j]) / 3;
  }
  CHECK(ops::kl_divergence<double>(z, zt, 1.0, {}, {}) ==
        Approx(static_cast<double>(expected)).epsilon(1e-13));
  CHECK(ops::kl_divergence<double>(z, zt, 2.5, {}, {}) ==
        Approx(2.5 * static_cast<double>(expected)).epsilon(1e-13));
  // p = (3/4, 1/4), q even: 3/4 log 3/2 + 1/4 log 1/2
  const Tensor<double> a({1, 2}, {std::log(3.0), 0}), b({1, 2});
  CHECK(ops::kl_divergence<double>(a, b, 1.0, {}, {}) ==
        Approx(0.75 * std::log(1.5) + 0.25 * std::log(0.5)).epsilon(1e-14));
}

TEST_CASE("KL's gradients to both arguments equal finite differences", "[loss]") {
  Tensor<double> z = random_tensor<double>({3, 5}, 1), zt = random_tensor<double>({3, 5}, 2);
  Tensor<double> dz(z.shape()), dzt(z.shape());
  const double weight = 1.7;
  const auto loss = [&] { return ops::kl_divergence<double>(z, zt, weight, {}, {}); };
  ops::kl_divergence<double>(z, zt, weight, dz, dzt);
  CHECK(gradient_error(loss, z, dz) < 1e-11);
  CHECK(gradient_error(loss, zt, dzt) < 1e-11);
  // Gradients are added to what is there; with p detached only q's is made.
  Tensor<double> more(z.shape(), 1.0);
  ops::kl_divergence<double>(z, zt, weight, {}, more);
  for (index_t i = 0; i < z.size(); ++i) CHECK(more[i] == Approx(1 + dzt[i]).epsilon(1e-15));
}

TEST_CASE("KL of equal logits is 0 and of extreme ones finite", "[loss]") {
  const Tensor<float> z = random_tensor<float>({4, 10}, 1, 3);
  Tensor<float> dz(z.shape()), dzt(z.shape());
  CHECK(ops::kl_divergence<float>(z, z, 1.0f, dz, dzt) == 0);
  for (index_t i = 0; i < z.size(); ++i) CHECK((dz[i] == 0 && dzt[i] == 0));

  const Tensor<float> a({2, 2}, {1e4f, 0, 0, 1e4f}), b({2, 2}, {0, 1e4f, 0, 1e4f});
  Tensor<float> da(a.shape()), db(a.shape());
  CHECK(ops::kl_divergence<float>(a, b, 1.0f, da, db) == 5e3f); // (1e4 + 0) / 2
  CHECK(std::vector<float>(da.begin(), da.end()) == std::vector<float>{0, 0, 0, 0});
  CHECK(std::vector<float>(db.begin(), db.end()) == std::vector<float>{-.5f, .5f, 0, 0});
  Tensor<float> other({2, 3});
  CHECK_SAYS(ops::kl_divergence<float>(a, other, 1.0f, {}, {}), shape_error, "KL divergence",
             "got [2, 3]");
}

TEST_CASE("the gradient of a target is that of the logit or of its log-probability", "[loss]") {
  Tensor<double> z = random_tensor<double>({3, 4}, 1), ds(z.shape(), 7.0);
  const Labels classes{2, 0, 3};
  ops::target_gradient<double>(z, classes, ops::Target::logit, ds);
  for (index_t n = 0; n < 3; ++n)
    for (index_t j = 0; j < 4; ++j)
      CHECK(ds(n, j) == (j == classes[static_cast<std::size_t>(n)] ? 1 : 0));
  ops::target_gradient<double>(z, classes, ops::Target::log_probability, ds);
  const auto sum = [&] { return -3 * ops::cross_entropy<double>(z, classes); };
  CHECK(gradient_error(sum, z, ds) < 1e-11);
}

// ---- Images of which a net is nearly sure: every difference must be a sum.

namespace {

/// A row of float logits and what long double makes of it, without a difference of near numbers.
struct Exact {
  std::vector<long double> p, log_p;
  explicit Exact(const float* z, index_t k) {
    const index_t top = std::max_element(z, z + k) - z;
    long double others = 0;
    for (index_t j = 0; j < k; ++j)
      if (j != top) others += std::exp(static_cast<long double>(z[j]) - z[top]);
    for (index_t j = 0; j < k; ++j) {
      log_p.push_back(static_cast<long double>(z[j]) - z[top] - std::log1p(others));
      p.push_back(std::exp(log_p.back()));
    }
  }
  /// sum over j != c of p_j f(j)
  template <class F>
  long double over_others(index_t c, F f) const {
    long double sum = 0;
    for (index_t j = 0; j < static_cast<index_t>(p.size()); ++j)
      if (j != c) sum += p[static_cast<std::size_t>(j)] * f(j);
    return sum;
  }
};

/// The largest relative error of `got`; values below 1e-30 count as 1e-30.
void widen(double& error, double got, long double exact) {
  raise_to(error, static_cast<double>(std::abs(got - exact) / std::max(std::abs(exact), 1e-30L)));
}

} // namespace

TEST_CASE("saliency of confident images keeps its digits in float", "[loss]") {
  const auto gradient = [](float confident) {
    const Tensor<float> z({1, 3}, {confident, 0, 0});
    Tensor<float> ds(z.shape());
    ops::target_gradient(z.view(), Labels{0}, ops::Target::log_probability, ds);
    return ds;
  };
  const Tensor<float> at20 = gradient(20), at16 = gradient(16), at14 = gradient(14);
  CHECK(at20[0] == Approx(4.122307e-9).epsilon(1e-6));
  CHECK(at20[1] == Approx(-2.061154e-9).epsilon(1e-6));
  CHECK(at20[2] == Approx(-2.061154e-9).epsilon(1e-6));
  CHECK(at16[0] == Approx(2.250703e-7).epsilon(1e-6));
  CHECK(at14[0] == Approx(1.663055e-6).epsilon(1e-6));
  const Tensor<float> z({1, 3}, {20, 0, 0});
  CHECK(ops::cross_entropy(z.view(), Labels{0}) == Approx(4.122307e-9).epsilon(1e-6));
  CHECK(ops::log_probability(z.data(), 3, 0) == Approx(-4.122307236e-9).epsilon(1e-9));
}

TEST_CASE("cross-entropy and its gradient in float are exact up to logits of 80", "[loss]") {
  double loss_error = 0, gradient_error = 0, target_error = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Tensor<float> z = random_tensor<float>({1, 10}, seed, seed % 2 == 0 ? 2 : 25);
    if (*std::max_element(z.begin(), z.end()) > 80 || *std::min_element(z.begin(), z.end()) < -80)
      continue;
    const Exact exact(z.data(), 10);
    Tensor<float> dz(z.shape()), ds(z.shape());
    for (std::uint8_t y = 0; y < 10; ++y) {
      const float loss = ops::cross_entropy(z.view(), Labels{y}, dz);
      ops::target_gradient(z.view(), Labels{y}, ops::Target::log_probability, ds);
      widen(loss_error, static_cast<double>(loss), -exact.log_p[y]);
      for (index_t j = 0; j < 10; ++j) {
        const long double expected =
            j == y ? -exact.over_others(y, [](index_t) { return 1.0L; }) : exact.p[std::size_t(j)];
        widen(gradient_error, static_cast<double>(dz[j]), expected);
        widen(target_error, static_cast<double>(ds[j]), -expected);
      }
    }
  }
  // One rounding to float, 2^-24.
  CHECK(loss_error < 1e-7);
  CHECK(gradient_error < 1e-7);
  CHECK(target_error < 1e-7);
}

TEST_CASE("KL and its gradients in float are exact up to logits of 80", "[loss]") {
  double kl_error = 0, dz_error = 0, dzt_error = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const double apart[] = {1e-5, 1e-3, 0.1, 1, 10, 25};
    Tensor<float> z = random_tensor<float>({1, 10}, seed, seed % 2 == 0 ? 2 : 25), zt = z;
    const Tensor<float> noise = random_tensor<float>({1, 10}, seed + 1000, apart[seed % 6]);
    for (index_t j = 0; j < 10; ++j) {
      z[j] = std::clamp(z[j], -80.0f, 80.0f);
      zt[j] = std::clamp(z[j] + noise[j], -80.0f, 80.0f);
    }
    const Exact p(z.data(), 10), q(zt.data(), 10);
    const auto d = [&](index_t j) { return static_cast<long double>(z[j]) - zt[j]; };
    const index_t top = std::max_element(z.begin(), z.end()) - z.begin();
    // Of rows far apart the definition; of near ones, where it would cancel, the same as
    // sum p_j d_j - log sum q_j exp(d_j), with d measured from the top class.
    long double expected = 0;
    const long double rest =
        q.over_others(top, [&](index_t j) { return std::expm1(d(j) - d(top)); });
    if (std::abs(rest) < 0.5L)
      expected = p.over_others(top, [&](index_t j) { return d(j) - d(top); }) - std::log1p(rest);
    else
      for (std::size_t j = 0; j < 10; ++j) expected += p.p[j] * (p.log_p[j] - q.log_p[j]);
    Tensor<float> dz(z.shape()), dzt(z.shape());
    const float kl = ops::kl_divergence<float>(z, zt, 1, dz, dzt);
    widen(kl_error, static_cast<double>(kl), expected);
    for (index_t k = 0; k < 10; ++k) {
      const auto at = static_cast<std::size_t>(k);
      widen(dz_error, static_cast<double>(dz[k]),
            p.p[at] * p.over_others(k, [&](index_t j) { return d(k) - d(j); }));
      const bool sure = p.p[at] > 0.5L && q.p[at] > 0.5L;
      long double sum = 0;
      for (std::size_t j = 0; j < 10; ++j) sum += j == at ? 0 : p.p[j] - q.p[j];
      widen(dzt_error, static_cast<double>(dzt[k]), sure ? sum : q.p[at] - p.p[at]);
    }
  }
  // One rounding to float; the reference itself loses some digits where logits are 1e-5 apart.
  CHECK(kl_error < 1e-6);
  CHECK(dz_error < 1e-6);
  CHECK(dzt_error < 1e-6);
}

TEST_CASE("KL's gradient keeps its digits where a third class moves far", "[loss]") {
  const Tensor<float> z({1, 3}, {30, 29, -10}), zt({1, 3}, {30, 29, -20});
  Tensor<float> dz(z.shape()), dzt(z.shape());
  ops::kl_divergence<float>(z, zt, 1, dz, dzt);
  CHECK(dzt[0] == Approx(2.2704e-18).epsilon(1e-4)); // in quad precision
  const Tensor<double> a({1, 3}, {1, 1, -40}), b({1, 3}, {1, 1, -60});
  Tensor<double> da(a.shape()), db(a.shape());
  ops::kl_divergence<double>(a, b, 1, da, db);
  CHECK(db[0] == Approx(3.907e-19).epsilon(1e-3));
  CHECK(db[1] == db[0]);
}

TEST_CASE("gradients of another shape are refused", "[loss][errors]") {
  const Tensor<float> z({4, 8}), zt({4, 8});
  Tensor<float> whole({4, 8}), row({1, 8}), empty({4, 0});
  CHECK_SAYS(ops::kl_divergence<float>(z, zt, 1, whole, row), shape_error, "KL divergence: dzt",
             "got [1, 8]");
  CHECK_SAYS(ops::kl_divergence<float>(z, zt, 1, row, whole), shape_error,
             "KL divergence: dz:", "got [1, 8]");
  CHECK_SAYS(ops::log_softmax<float>(empty, empty), shape_error, "log-softmax", "got [4, 0]");
}

TEST_CASE("a row is correct where its first largest logit is at the label", "[loss]") {
  const Tensor<float> z({4, 3}, {1, 2, 3, 5, 5, 1, 5, 5, 1, -1, -2, -3});
  CHECK(ops::count_correct<float>(z, Labels{2, 0, 1, 0}) == 3);
  CHECK(ops::count_correct<float>(z, Labels{0, 1, 2, 2}) == 0);
}

} // namespace test_loss
