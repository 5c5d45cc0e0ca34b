// What all optimisers share, and each of the three against PyTorch.
#include "sgq/nn/activation.hpp"
#include "sgq/nn/linear.hpp"
#include "sgq/train/optimizers.hpp"

#include "golden/optimizers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>

namespace test_optimizer {

using namespace sgq;
using namespace sgq::train;

namespace {

constexpr index_t weights = 6, biases = 2;

/// Six weights and two biases at the start of make_optimizers.py.
template <class T>
nn::Net<T> small_net() {
  nn::Net<T> net({3});
  net.add("fc", nn::Linear<T>({.in = 3, .out = 2}));
  const auto parameters = net.parameters();
  for (index_t i = 0; i < weights; ++i)
    parameters[0].parameter->edit()[i] = static_cast<T>(std::cos(static_cast<double>(i)));
  for (index_t i = 0; i < biases; ++i)
    parameters[1].parameter->edit()[i] = static_cast<T>(0.5 - static_cast<double>(i));
  return net;
}

template <class T>
void set_gradients(nn::Net<T>& net, int t) {
  for (auto& p : net.parameters())
    for (index_t i = 0; i < p.parameter->size(); ++i)
      p.parameter->grad()[i] = static_cast<T>(std::sin(1 + 0.7 * static_cast<double>(i) + 1.3 * t));
}

template <class T>
std::vector<double> values(nn::Net<T>& net) {
  std::vector<double> all;
  for (auto& p : net.parameters())
    for (T v : p.parameter->value()) all.push_back(static_cast<double>(v));
  return all;
}

// Values stay below 2 and every step rounds a handful of times.
template <class T>
void check_golden(nn::Net<T>& net, const double (&expected)[8]) {
  const double tolerance = 50 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const std::vector<double> got = values(net);
  REQUIRE(got.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) CHECK(std::abs(got[i] - expected[i]) < tolerance);
}

/// Ends a step as a training loop does; the gradients are those that lie there.
template <class T>
void end_step(nn::Net<T>& net, Optimizer<T>& optimizer, double lr_factor = 1) {
  nn::Tape<T> tape;
  net.forward(Tensor<T>(net.input_shape()), tape, nn::Mode::train(Random(0)));
  net.identity()->gradients = nn::GradientState::made; // written by hand
  optimizer.step(tape, lr_factor);
}

template <template <class> class Kind, class T, class Options>
void check_against(const Options& options, const double (&expected)[8]) {
  nn::Net<T> net = small_net<T>();
  Kind<T> optimizer(net, options);
  for (int t = 0; t < golden::optimizer_steps; ++t) {
    set_gradients(net, t);
    end_step(net, optimizer);
  }
  CHECK(optimizer.steps() == golden::optimizer_steps);
  check_golden(net, expected);
}

/// A net whose only clip is PACT's alpha, 10; gradients are zero.
nn::Net<double> net_with_clip() {
  nn::Net<double> net({3});
  net.add("fc", nn::Linear<double>({.in = 3, .out = 2}));
  net.add("pact", nn::Pact<double>({.bits = 4, .alpha = 10}));
  return net;
}

double alpha_of(nn::Net<double>& net) {
  return net.parameters().back().parameter->value()[0];
}

} // namespace

TEMPLATE_TEST_CASE("SGD equals PyTorch's", "[train]", float, double) {
  check_against<Sgd, TestType>(SgdOptions{.lr = 0.1, .momentum = 0}, golden::sgd);
  check_against<Sgd, TestType>(
      SgdOptions{.lr = 0.1,
                 .momentum = 0.9,
                 .groups = {.weight = {.decay = 0.02}, .bias = {.lr_scale = 0.5, .decay = 0.3}}},
      golden::sgd_momentum);
  check_against<Sgd, TestType>(
      SgdOptions{.lr = 0.05,
                 .momentum = 0.8,
                 .nesterov = true,
                 .groups = {.weight = {.decay = 0.1}, .bias = {.lr_scale = 2}}},
      golden::sgd_nesterov);
}

TEMPLATE_TEST_CASE("AdamW equals PyTorch's", "[train]", float, double) {
  check_against<Adamw, TestType>(
      AdamwOptions{.lr = 0.03,
                   .beta2 = 0.99,
                   .eps = 1e-6,
                   .groups = {.weight = {.decay = 0.2}, .bias = {.lr_scale = 0.5, .decay = 0.1}}},
      golden::adamw);
}

TEMPLATE_TEST_CASE("Adadelta equals PyTorch's", "[train]", float, double) {
  check_against<Adadelta, TestType>(
      AdadeltaOptions{.lr = 0.7,
                      .rho = 0.8,
                      .eps = 1e-4,
                      .groups = {.weight = {.decay = 0.05}, .bias = {.lr_scale = 2}}},
      golden::adadelta);
}

TEST_CASE("a schedule's factor scales the step, the decay of AdamW included", "[train]") {
  nn::Net<double> a = small_net<double>(), b = small_net<double>();
  Adamw<double> whole(a, {.lr = 0.02, .groups = decayed(0.5)});
  Adamw<double> halved(b, {.lr = 0.04, .groups = decayed(0.5)});
  for (int t = 0; t < 3; ++t) {
    set_gradients(a, t), set_gradients(b, t);
    end_step(a, whole), end_step(b, halved, 0.5);
  }
  CHECK(values(a) == values(b));
}

TEST_CASE("the decay of a clip is the gradient l alpha, once, whatever the optimiser", "[train]") {
  const ParameterGroups groups{.clip = {.decay = 0.3}};
  SECTION("SGD: alpha shrinks by lr l") {
    nn::Net<double> net = net_with_clip();
    Sgd<double> optimizer(net, {.lr = 0.1, .momentum = 0, .groups = groups});
    end_step(net, optimizer);
    CHECK(std::abs(alpha_of(net) - 10 * (1 - 0.1 * 0.3)) < 1e-14);
  }
  SECTION("AdamW: a gradient like any other, so the first step is lr long") {
    nn::Net<double> net = net_with_clip();
    Adamw<double> optimizer(net, {.lr = 0.1, .groups = groups});
    end_step(net, optimizer);
    // g / (|g| + eps) with g = 3
    CHECK(std::abs(alpha_of(net) - (10 - 0.1 * 3 / (3 + 1e-8))) < 1e-14);
  }
  SECTION("none for the other groups, and none without decay") {
    nn::Net<double> net = net_with_clip();
    Sgd<double> optimizer(net, {.lr = 0.1, .groups = {.weight = {.decay = 1}}});
    end_step(net, optimizer);
    CHECK(alpha_of(net) == 10);
  }
}

TEST_CASE("decayed() spares biases and batch norm", "[train]") {
  const ParameterGroups groups = decayed(0.25);
  CHECK(groups[nn::ParameterGroup::weight].decay == 0.25);
  CHECK(groups[nn::ParameterGroup::clip].decay == 0.25);
  CHECK(groups[nn::ParameterGroup::bias].decay == 0);
  CHECK(groups[nn::ParameterGroup::norm].decay == 0);
}

TEST_CASE("state tensors bear the name of their parameter", "[train]") {
  nn::Net<float> net = small_net<float>();
  for (const std::string& name : names_of(optimizers<float>)) {
    const auto optimizer = make_optimizer<float>(name, net, {.lr = 0.1});
    CHECK(optimizer->name() == name);
    const auto state = optimizer->state();
    REQUIRE(state.size() == (name == "sgd" ? 2 : 4));
    CHECK(contains(state[0].name, ".fc.weight"));
    CHECK(contains(state.back().name, ".fc.bias"));
    CHECK(state[0].tensor->shape() == Shape{2, 3});
  }
}

TEST_CASE("settings say all that decides an optimiser's steps", "[train]") {
  nn::Net<float> net = small_net<float>();
  const auto says = [](const Optimizer<float>& optimizer, const char* own) {
    return optimizer.settings().ends_with(own);
  };
  CHECK(says(Sgd<float>(net, {.momentum = 0.5}), "\nmomentum 0.5\nNesterov no\n"));
  CHECK(says(Sgd<float>(net, {.nesterov = true}), "\nNesterov yes\n"));
  CHECK(says(Adamw<float>(net, {.beta1 = 0.5, .beta2 = 0.75, .eps = 0.25}),
             "\nbeta1 0.5\nbeta2 0.75\neps 0.25\n"));
  CHECK(says(Adadelta<float>(net, {.rho = 0.5, .eps = 0.25}), "\nrho 0.5\neps 0.25\n"));
}

TEST_CASE("a parameter of many blocks is moved as its elements alone would be", "[train]") {
  nn::Net<float> net({300});
  net.add("fc", nn::Linear<float>({.in = 300, .out = 150, .bias = false}));
  nn::Parameter<float>& p = *net.parameters()[0].parameter;
  Sgd<float> optimizer(net, {.lr = 0.5, .momentum = 0.5});
  for (int t = 0; t < 2; ++t) {
    for (index_t i = 0; i < p.size(); ++i) p.grad()[i] = static_cast<float>(i % 1024);
    end_step(net, optimizer);
  }
  index_t wrong = 0; // w = -lr (g + 1.5 g), exactly
  for (index_t i = 0; i < p.size(); ++i)
    wrong += p.value()[i] != -0.5f * 2.5f * static_cast<float>(i % 1024);
  CHECK(wrong == 0);
}

TEST_CASE("impossible settings of optimisers", "[train]") {
  nn::Net<float> net = small_net<float>();
  const auto message = [&](const auto& make) { return message_of<value_error>(make); };
  CHECK(contains(message([&] { Sgd<float>(net, {.lr = -1}); }), "learning rate"));
  CHECK(contains(message([&] { Sgd<float>(net, {.lr = std::nan("")}); }), "learning rate"));
  CHECK(contains(message([&] { Sgd<float>(net, {.lr = INFINITY}); }), "learning rate"));
  CHECK(contains(message([&] { Sgd<float>(net, {.momentum = 1}); }), "momentum"));
  CHECK(contains(message([&] { Adamw<float>(net, {.beta2 = 1}); }), "beta2"));
  CHECK(contains(message([&] { Adamw<float>(net, {.beta1 = -0.1}); }), "beta1"));
  CHECK(contains(message([&] { Adamw<float>(net, {.eps = -1}); }), "eps"));
  CHECK(contains(message([&] { Adadelta<float>(net, {.rho = 1.5}); }), "rho"));
  CHECK(contains(message([&] { Sgd<float>(net, {.groups = decayed(-1)}); }),
                 "decay of group weight"));
  CHECK(contains(message([&] { Sgd<float>(net, {.groups = {.clip = {.lr_scale = -1}}}); }),
                 "scale of group clip"));
  Sgd<float> sgd(net, {});
  CHECK_SAYS(sgd.set_steps(-1), value_error, "optimizer steps", "0 or more", "got -1");
  CHECK(contains(message([&] { make_optimizer<float>("lion", net, {}); }),
                 "expected sgd, adamw or adadelta, got 'lion'"));
}

} // namespace test_optimizer
