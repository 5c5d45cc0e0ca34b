// The teacher's term: against its formula, against finite differences, and that plain and guided
// steps add it to the loss in the same way.
#include "sgq/train/distillation.hpp"

#include "sgq/train/saliency_guided.hpp"
#include "sgq/train/sgd.hpp"

#include "small_run.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"
#include "support/raise_to.hpp"

#include <cmath>
#include <limits>

namespace test_distillation {

using namespace sgq;
using namespace sgq::train;

namespace {

const std::vector<std::uint8_t> labels{0, 1, 2, 3, 4, 0};

/// w T^2 mean KL, as the formula has it.
double by_formula(View<const double> s, View<const double> t, double weight, double temperature) {
  const index_t n = s.shape()[0], k = s.shape()[1];
  const auto softmax = [&](View<const double> z, index_t row) {
    std::vector<double> p(static_cast<std::size_t>(k));
    double sum = 0;
    for (index_t j = 0; j < k; ++j)
      sum += p[static_cast<std::size_t>(j)] = std::exp(z[row * k + j] / temperature);
    for (double& v : p) v /= sum;
    return p;
  };
  double kl = 0;
  for (index_t i = 0; i < n; ++i) {
    const auto p = softmax(t, i), q = softmax(s, i);
    for (std::size_t j = 0; j < p.size(); ++j) kl += p[j] * std::log(p[j] / q[j]);
  }
  return weight * temperature * temperature * kl / static_cast<double>(n);
}

data::Batch<double> batch_of(const Tensor<double>& x) {
  return {.x = x, .codes = {}, .labels = labels, .indices = {}};
}

std::vector<double> weights_of(nn::Net<double>& net) {
  std::vector<double> all;
  for (auto& p : net.parameters())
    all.insert(all.end(), p.parameter->value().begin(), p.parameter->value().end());
  return all;
}

/// What a step of SGD at rate 1 subtracts: the gradient of its loss. `step` gets net and optimiser.
template <class Step>
std::vector<double> gradient_of(const std::string& name, Step&& step) {
  nn::Net<double> net = small_net<double>(name);
  Sgd<double> sgd(net, {.lr = 1, .momentum = 0});
  std::vector<double> gradient = weights_of(net);
  step(net, sgd);
  const std::vector<double> after = weights_of(net);
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] -= after[i];
  return gradient;
}

} // namespace

TEST_CASE("the term and its gradient are those of the formula", "[distillation]") {
  const auto t = random_tensor<double>({4, 5}, 1, 3);
  auto s = random_tensor<double>({4, 5}, 2, 3);
  for (const double temperature : {1.0, 2.5, 8.0})
    for (const double weight : {0.0, 0.3, 2.0}) {
      const DistillationOptions options{.weight = weight, .temperature = temperature};
      Tensor<double> ds({4, 5}, 0.25), ignored({4, 5});
      const double term = by_formula(s, t, weight, temperature);
      CHECK(add_distillation<double>(1.5, s, t, options, ds) == Approx(1.5 + term).epsilon(1e-13));
      for (double& v : ds) v -= 0.25; // it was added to
      const auto loss = [&] { return add_distillation<double>(0, s, t, options, ignored); };
      CHECK(gradient_error(loss, s.view(), ds.view()) < 1e-10);
    }
  Tensor<double> ds({4, 5});
  const DistillationOptions usual;
  CHECK(add_distillation<double>(0, t, t, usual, ds) == 0);
  for (const double v : ds) CHECK(v == 0);
}

TEST_CASE("a hot teacher asks for its logits: the gradient of half their squared distance",
          "[distillation]") {
  // Section 2.1 of the paper: for T -> infinity and logits of mean 0, dL/ds = (s - t)/K.
  auto s = random_tensor<double>({3, 4}, 5), t = random_tensor<double>({3, 4}, 6);
  for (Tensor<double>* z : {&s, &t})
    for (index_t n = 0; n < 3; ++n) {
      const View<double> row = z->view().slice(n, 1);
      double mean = 0;
      for (const double v : row) mean += v / 4;
      for (double& v : row) v -= mean;
    }
  Tensor<double> ds({3, 4});
  add_distillation<double>(0, s, t, {.weight = 1, .temperature = 1e4}, ds);
  for (index_t i = 0; i < ds.size(); ++i)
    CHECK(ds[i] == Approx((s[i] - t[i]) / 4 / 3).epsilon(1e-3).margin(1e-6)); // and the batch of 3
}

TEST_CASE("a plain step with a teacher goes down the gradient of the whole loss",
          "[distillation]") {
  const nn::Net<double> teacher_net = small_net<double>("residual fp32");
  const DistillationOptions options{.weight = 0.7, .temperature = 3};
  Distillation<double> teacher(teacher_net, options);
  const auto x = random_tensor<double>({6, 2, 8, 8}, 3);
  const StepContext at{.random = Random(9)};
  nn::Tape<double> tape;
  double said = 0;
  const auto gradient = gradient_of("plain fp32", [&](auto& net, auto& sgd) {
    said = train_step(net, tape, batch_of(x), sgd, at, &teacher).loss;
  });

  // The teacher's logits are those of evaluation mode: no dropout, running statistics.
  nn::Tape<double> of_teacher;
  Tensor<double> t({6, 5});
  const auto seen = teacher_net.forward(x, of_teacher, nn::Mode::eval());
  std::copy(seen.begin(), seen.end(), t.begin());
  nn::Net<double> net = small_net<double>("plain fp32");
  const auto loss = [&] {
    const auto z = net.forward(x, tape, nn::Mode::train(*at.random));
    return ops::cross_entropy<double>(z, labels) + by_formula(z, t, 0.7, 3);
  };
  CHECK(said == Approx(loss()).epsilon(1e-13));
  std::size_t first = 0;
  for (auto& p : net.parameters()) {
    INFO(p.name);
    Tensor<double> dw(p.parameter->shape());
    std::copy_n(gradient.begin() + static_cast<std::ptrdiff_t>(first), dw.size(), dw.begin());
    first += static_cast<std::size_t>(dw.size());
    // ReLU and maxima have kinks: a small h, and 1e-16/h of error.
    CHECK(gradient_error(loss, p.parameter->edit(), dw.view(), 20, 1e-6) < 1e-8);
  }
  CHECK(first == gradient.size());
}

TEST_CASE("a guided step adds the same gradient as a plain one", "[distillation][guided]") {
  const nn::Net<double> teacher_net = small_net<double>("plain fp32", "sawb");
  const auto x = random_tensor<double>({6, 2, 8, 8}, 4);
  const StepContext at{.random = Random(5)}, as_plain{.random = at.random->split(0)};
  for (const char* name : small_net_names)
    for (const bool attached : {true, false}) {
      INFO(name << (attached ? ", attached" : ", detached"));
      const GuidedOptions options{.lambda = 0.5, .kl_attached = attached};
      const auto gradients = [&](Distillation<double>* teacher) {
        return std::pair(gradient_of(name,
                                     [&](auto& net, auto& sgd) {
                                       nn::Tape<double> tape;
                                       train_step(net, tape, batch_of(x), sgd, as_plain, teacher);
                                     }),
                         gradient_of(name, [&](auto& net, auto& sgd) {
                           GuidedStep<double> step(net, sgd, options, teacher);
                           if (teacher) CHECK_FALSE(step.one_backward());
                           step(batch_of(x), at);
                         }));
      };
      Distillation<double> teacher(teacher_net, {.weight = 2, .temperature = 2});
      const auto without = gradients(nullptr), with = gradients(&teacher);
      double largest = 0, difference = 0;
      for (std::size_t i = 0; i < without.first.size(); ++i) {
        const double plain = with.first[i] - without.first[i];
        largest = std::max(largest, std::abs(plain));
        raise_to(difference, std::abs(with.second[i] - without.second[i] - plain));
      }
      CHECK(largest > 1e-3);
      CHECK(difference < 1e-12 * (1 + largest)); // sums in another order
    }
}

TEST_CASE("before guiding begins the teacher teaches, too", "[distillation][guided]") {
  const nn::Net<double> teacher_net = small_net<double>("plain fp32");
  Distillation<double> teacher(teacher_net);
  const auto x = random_tensor<double>({6, 2, 8, 8}, 4);
  const StepContext at{.random = Random(5), .progress = 0.1};
  const auto plain = gradient_of("residual fp32", [&](auto& net, auto& sgd) {
    nn::Tape<double> tape;
    train_step(net, tape, batch_of(x), sgd, at, &teacher);
  });
  const auto guided = gradient_of("residual fp32", [&](auto& net, auto& sgd) {
    GuidedStep<double>(net, sgd, {.start = 0.5}, &teacher)(batch_of(x), at);
  });
  CHECK(plain == guided);
}

TEST_CASE("a teacher without weight changes nothing, and no teacher ever moves", "[distillation]") {
  nn::Net<float> a = small_run::net(), b = small_run::net(), teacher_net = small_run::net();
  const std::string before = small_run::bytes(teacher_net);
  Distillation<float> teacher(teacher_net, {.weight = 0});
  auto batches = small_run::batches();
  nn::Tape<float> tape;
  Sgd<float> sgd_a(a), sgd_b(b);
  for (index_t i = 0; i < 3; ++i) {
    train_step(a, tape, batches.batch(i), sgd_a);
    train_step(b, tape, batches.batch(i), sgd_b, {}, &teacher);
  }
  CHECK((small_run::bytes(a) == small_run::bytes(b)));
  CHECK((small_run::bytes(teacher_net) == before));
}

TEST_CASE("a quantised net learns from a real-valued teacher", "[distillation]") {
  const small_run::Threads one(1);
  nn::Net<float> teacher_net = small_run::net();
  auto batches = small_run::batches();
  Sgd<float> first(teacher_net, {.lr = 0.02});
  fit(teacher_net, batches, first, {.epochs = 5});
  const auto distance = [&](double weight) { // from the teacher's probabilities
    nn::Net<float> net = small_run::net();
    nn::quantize(
        net, {.bits = quant::parse_bit_policy("w4a4"), .input = data::normalization("synthetic")});
    batches.begin_epoch(0);
    nn::calibrate(net, batches.batch(0).x);
    Sgd<float> sgd(net, {.lr = 0.01});
    Distillation<float> teacher(teacher_net, {.weight = weight, .temperature = 2});
    nn::Tape<float> tape;
    fit<float>(batches, {.epochs = 6}, [&](const auto& batch, const auto& at) {
      return train_step(net, tape, batch, sgd, at, &teacher);
    });
    Distillation<float> judge(teacher_net, {.weight = 1, .temperature = 1});
    const auto batch = batches.batch(0);
    const auto z = forward(net, batch, tape, nn::Mode::eval());
    Tensor<float> ignored(z.shape());
    return judge.add(0, z, batch, ignored);
  };
  CHECK(distance(4) < 0.8f * distance(0));
}

TEST_CASE("what a teacher cannot be", "[distillation]") {
  const nn::Net<double> net = small_net<double>("plain fp32");
  const auto message = [&](const DistillationOptions& o) {
    return message_of<value_error>([&] { Distillation<double>(net, o); });
  };
  CHECK(contains(message({.weight = -1}), "weight: expected a number >= 0, got -1"));
  CHECK(contains(message({.weight = std::numeric_limits<double>::infinity()}), "got inf"));
  CHECK(contains(message({.temperature = 0}), "temperature: expected a number > 0, got 0"));
  CHECK(contains(message({.temperature = std::nan("")}), "temperature"));
  const Tensor<double> logits({2, 5});
  Tensor<double> ds({2, 5});
  CHECK_SAYS(add_distillation<double>(0, logits, logits, {.temperature = -4}, ds), value_error,
             "temperature", "got -4");

  nn::Net<double> other({2, 8, 8}), student = small_net<double>("plain fp32");
  other.add("flatten", nn::Flatten<double>());
  other.add("fc", nn::Linear<double>({.in = 128, .out = 3}));
  nn::initialize(other, 1);
  Distillation<double> of_three(other);
  Sgd<double> sgd(student);
  nn::Tape<double> tape;
  const auto x = random_tensor<double>({6, 2, 8, 8}, 3);
  const std::vector<double> before = weights_of(student);
  CHECK(contains(
      message_of<shape_error>([&] { train_step(student, tape, batch_of(x), sgd, {}, &of_three); }),
      "the teacher's logits: expected [6, 5], got [6, 3]"));
  CHECK(weights_of(student) == before);

  nn::Net<double> uncalibrated = small_plain_net<double>();
  nn::quantize(uncalibrated, {.bits = quant::parse_bit_policy("w4a4"),
                              .input = {.scale = 1 / 64.0f, .zero_point = {100, 128}}});
  Distillation<double> silent(uncalibrated);
  CHECK_SAYS(train_step(student, tape, batch_of(x), sgd, {}, &silent), value_error,
             "distillation: the teacher: 'relu1.alpha'");
  CHECK(weights_of(student) == before);
}

} // namespace test_distillation
