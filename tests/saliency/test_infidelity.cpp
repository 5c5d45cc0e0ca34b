#include "sgq/saliency/metrics/infidelity.hpp"

#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_infidelity {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

constexpr index_t images = 3, inputs = 2 * 8 * 8;
const Shape shape{images, 2, 8, 8};
const std::uint8_t targets[] = {2, 0, 1};

Tensor<float> image_batch() {
  Tensor<float> x(shape);
  for (index_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(Random(1).normal(i));
  return x;
}

InfidelityOptions options_with(Perturbation perturbation) {
  InfidelityOptions options;
  options.perturbation = perturbation;
  options.background.value = {-0.5f, 0.25f};
  return options;
}

// The gradient of each image's target, times a factor.
Tensor<float> weights_of_targets(const LinearModel& linear, float factor) {
  Tensor<float> phi(shape);
  for (index_t n = 0; n < images; ++n)
    for (index_t i = 0; i < inputs; ++i)
      phi[n * inputs + i] = factor * linear.weight(targets[n], i);
  return phi;
}

} // namespace

TEST_CASE("the gradient of a linear score has infidelity 0", "[infidelity]") {
  LinearModel linear(3, inputs, 2);
  const Classifier model(linear, 3, {.batch = 7});
  const Tensor<float> x = image_batch();
  for (Perturbation kind : {Perturbation::square, Perturbation::gaussian}) {
    const auto exact =
        infidelity(model, x, targets, weights_of_targets(linear, 1), options_with(kind));
    // Logits of magnitude 30 are floats: errors below 4e-6, squared.
    for (index_t n = 0; n < images; ++n) {
      CHECK(exact.plain[n] < 1e-10);
      CHECK(exact.scaled[n] < 1e-10);
      CHECK(exact.beta[n] == Approx(1).epsilon(1e-5));
    }
    // Twice the gradient: the plain number is E[dS^2], the optimal scale is a half.
    const auto twice =
        infidelity(model, x, targets, weights_of_targets(linear, 2), options_with(kind));
    const auto none = infidelity(model, x, targets, Tensor<float>(shape), options_with(kind));
    for (index_t n = 0; n < images; ++n) {
      CHECK(twice.plain[n] == Approx(none.plain[n]).epsilon(1e-5));
      CHECK(twice.scaled[n] < 1e-10);
      CHECK(twice.beta[n] == Approx(0.5).epsilon(1e-5));
      CHECK(none.beta[n] == 0); // an all-zero map
      CHECK(none.scaled[n] == none.plain[n]);
      CHECK(none.plain[n] > 0.1);
    }
  }
}

TEST_CASE("input times gradient is divided by x - x'", "[infidelity]") {
  LinearModel linear(3, inputs, 2);
  const Classifier model(linear, 3);
  Tensor<float> x = image_batch();
  Tensor<float> phi = weights_of_targets(linear, 1);
  for (index_t i = 0; i < phi.size(); ++i) phi[i] *= x[i] - (i / 64 % 2 ? 0.25f : -0.5f);
  for (Perturbation kind : {Perturbation::square, Perturbation::gaussian}) {
    InfidelityOptions options = options_with(kind);
    options.times_input = true;
    for (double v : infidelity(model, x, targets, phi, options).plain) CHECK(v < 1e-9);
    options.times_input = false;
    for (double v : infidelity(model, x, targets, phi, options).plain) CHECK(v > 0.1);
  }
  x[0] = -0.5f, phi[0] = 0; // x = x': squares do not change it, and 0 / 0 counts as 0
  InfidelityOptions options = options_with(Perturbation::square);
  options.times_input = true;
  for (double v : infidelity(model, x, targets, phi, options).plain) CHECK(v < 1e-9);
}

TEST_CASE("Gaussian perturbations give E[(sigma (phi - w))^2] = sigma^2 |phi - w|^2",
          "[infidelity]") {
  LinearModel linear(3, inputs, 2);
  const Classifier model(linear, 3);
  const Tensor<float> x = image_batch();
  Tensor<float> phi = weights_of_targets(linear, 1);
  double distance = 0;
  for (index_t i = 0; i < inputs; ++i) { // image 0
    const double off = 0.3 * Random(8).normal(i);
    phi[i] += static_cast<float>(off);
    distance += off * off;
  }
  InfidelityOptions options = options_with(Perturbation::gaussian);
  options.samples = 2000;
  const auto [low, high] = std::minmax_element(x.data(), x.data() + inputs);
  const double sigma = options.sigma * double(*high - *low);
  // chi^2 with one degree of freedom: relative standard error sqrt(2 / 2000) = .032
  CHECK(infidelity(model, x, targets, phi, options).plain[0] ==
        Approx(sigma * sigma * distance).epsilon(0.13));
}

TEST_CASE("squares are drawn evenly from all places", "[infidelity]") {
  // S = x_0 of class 0: dS is nonzero only for squares over the first position, one place of 36.
  auto corner = [](View<const float> in, View<float> logits) {
    for (index_t n = 0; n < in.shape()[0]; ++n) logits(n, 0) = in[n * inputs];
  };
  const Classifier model(corner, 1);
  Tensor<float> x(shape, 1.0f);
  InfidelityOptions options = options_with(Perturbation::square);
  options.background.value = {0};
  options.side = 3;
  options.samples = 3600;
  const std::uint8_t zero[] = {0, 0, 0};
  for (double v : infidelity(model, x, zero, Tensor<float>(shape), options).plain)
    CHECK(std::abs(v - 1.0 / 36) < 4 * 0.0028); // binomial standard error
}

TEST_CASE("the log-probability is a score of its own", "[infidelity]") {
  // Two classes whose logits are +s and -s: d log p_0 / ds = 2 p_1, nearly 2 where p_0 is small.
  auto pair = [](View<const float> in, View<float> logits) {
    for (index_t n = 0; n < in.shape()[0]; ++n) {
      float sum = -20;
      for (index_t i = 0; i < inputs; ++i) sum += in[n * inputs + i] / 64;
      logits(n, 0) = sum;
      logits(n, 1) = -sum;
    }
  };
  const Classifier model(pair, 2);
  const Tensor<float> x = image_batch();
  const std::uint8_t zero[] = {0, 0, 0};
  InfidelityOptions options = options_with(Perturbation::gaussian);
  for (Target target : {Target::logit, Target::log_probability}) {
    options.target = target;
    const float slope = target == Target::logit ? 1.0f / 64 : 2.0f / 64;
    for (double v : infidelity(model, x, zero, Tensor<float>(shape, slope), options).plain)
      CHECK(v < 1e-9);
  }
}

TEST_CASE("infidelity repeats with the seed and for any batch and thread count", "[infidelity]") {
  LinearModel linear(3, inputs, 2);
  const Tensor<float> x = image_batch(), phi(shape, 0.1f);
  auto options = options_with(Perturbation::square);
  set_num_threads(1);
  const auto one = infidelity(Classifier(linear, 3, {.batch = 1}), x, targets, phi, options);
  set_num_threads(3);
  const auto three = infidelity(Classifier(linear, 3, {.batch = 64}), x, targets, phi, options);
  set_num_threads(0);
  CHECK(std::equal(one.plain.begin(), one.plain.end(), three.plain.begin()));

  const Classifier model(linear, 3);
  Tensor<float> twins = x; // two equal images have squares of their own
  std::copy(x.data(), x.data() + inputs, twins.data() + inputs);
  const std::uint8_t same[] = {2, 2, 2};
  const auto of_twins = infidelity(model, twins, same, phi, options);
  CHECK(of_twins.plain[0] != of_twins.plain[1]);
  options.seed = 1;
  CHECK(infidelity(model, x, targets, phi, options).plain[0] != one.plain[0]);
}

TEST_CASE("infidelity's borders", "[infidelity]") {
  LinearModel linear(3, inputs, 2);
  const Classifier model(linear, 3);
  const Tensor<float> x = image_batch();
  const auto run = [&](const InfidelityOptions& options) {
    return infidelity(model, x, targets, x, options);
  };
  auto options = options_with(Perturbation::square);
  options.side = 9;
  CHECK_SAYS(run(options), value_error, "square within the image", "got side 9");
  options = options_with(Perturbation::square);
  options.samples = 0;
  CHECK_SAYS(run(options), value_error, "samples >= 1", "samples 0");
  options = options_with(Perturbation::square);
  options.side = -1;
  CHECK_SAYS(run(options), value_error, "square within the image", "got side -1");
  for (const double sigma : {0.0, HUGE_VAL}) {
    options = options_with(Perturbation::gaussian);
    options.sigma = sigma;
    CHECK_SAYS(run(options), value_error, "infidelity", ", sigma " + to_text(sigma) + ", samples");
  }
  CHECK_SAYS(run({}), value_error, "infidelity", "background", "got none"); // no background stated
  const std::uint8_t wrong[] = {0, 1, 3};
  CHECK_SAYS(infidelity(model, x, wrong, x, options_with(Perturbation::square)), value_error,
             "less than 3 classes", "got 3");
  CHECK_SAYS(infidelity(model, x, targets, Tensor<float>({images, 8, 8}), {}), shape_error,
             "attributions", "got [3, 8, 8]");
  LinearModel single(1, inputs, 2);
  const std::uint8_t first[] = {0, 0, 0};
  options = options_with(Perturbation::square);
  options.target = Target::log_probability; // which is always 0
  CHECK_SAYS(infidelity(Classifier(single, 1, {.background = {0}}), x, first, x, options),
             value_error, "infidelity", "2 or more classes");
}

} // namespace test_infidelity
