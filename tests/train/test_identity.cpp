// What a training loop can get wrong must be an error: tapes and optimisers of another net, passes
// that were not recorded, values that nobody has chosen.
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/train/adamw.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/progressive.hpp"
#include "sgq/train/saliency_guided.hpp"
#include "sgq/train/sgd.hpp"

#include "small_run.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"

#include <optional>

namespace test_identity {

using namespace sgq;
using namespace sgq::nn;

namespace {

Net<float> mlp(index_t hidden) {
  Net<float> net({4});
  net.add("fc1", Linear<float>({.in = 4, .out = hidden}));
  net.add("relu", Relu<float>());
  net.add("fc2", Linear<float>({.in = hidden, .out = 2}));
  initialize(net, 1);
  return net;
}

const Tensor<float> four_numbers = random_tensor<float>({2, 4}, 1);
const Tensor<float> two_gradients = random_tensor<float>({2, 2}, 2);

/// Misuse is a value_error, no other.
template <class F>
std::string refusal(F&& f) {
  return message_of<value_error>(std::forward<F>(f));
}

/// Quantised, but not yet calibrated.
Net<float> quantised_net(const char* bits) {
  Net<float> net = small_plain_net<float>();
  quantize(net, {.bits = quant::parse_bit_policy(bits), .input = {1 / 64.0f, {100, 128}}});
  return net;
}

void choose_clips(Net<float>& net) {
  for (ValueId i : pact_layers(net)) dynamic_cast<Pact<float>&>(net.layer(i)).set_alpha(2);
}

/// A training step by hand; x and the gradient of the output are noise.
void step_by_hand(Net<float>& net, Tape<float>& tape, train::Optimizer<float>& optimizer) {
  const Tensor<float> x = random_tensor<float>({2, 2, 8, 8}, 3);
  const auto z = net.forward(x, tape, Mode::train(Random(0)));
  net.zero_grad();
  net.backward(random_tensor<float>(z.shape(), 4, 0.01), tape, Want::params);
  optimizer.step(tape);
}

} // namespace

// ---- Tapes --------------------------------------------------------------------------------------

TEST_CASE("a tape of another net is refused by every pass that reads one", "[identity]") {
  Net<float> a = mlp(8), b = mlp(4096); // as many layers, of other sizes
  Tape<float> tape;
  a.forward(four_numbers, tape, Mode::train(Random(0)));
  const std::string text = "a recorded pass of this net, got one of another net";
  CHECK(contains(refusal([&] { b.backward(two_gradients, tape, Want::params); }), text));
  CHECK(contains(refusal([&] { b.backward(two_gradients, tape, Want::both); }), text));
  CHECK(contains(refusal([&] { b.input_gradient(two_gradients, tape); }), text));
  CHECK(contains(refusal([&] { b.gradient_at(1, two_gradients, tape); }), text));
  CHECK(contains(refusal([&] { b.update_statistics(tape); }), text));
  CHECK_NOTHROW(a.backward(two_gradients, tape, Want::params));
  // One that stands where another stood is another.
  a = mlp(8);
  CHECK(contains(refusal([&] { a.backward(two_gradients, tape, Want::params); }), text));
}

TEST_CASE("a tape is refused once the net has got other layers", "[identity]") {
  const std::string text = "before quantize(), replace() or add()";
  const auto after = [&](auto change) {
    Net<float> net = mlp(8);
    Tape<float> tape;
    net.forward(four_numbers, tape, Mode::train(Random(0)));
    change(net);
    return refusal([&] { net.input_gradient(two_gradients, tape); });
  };
  CHECK(contains(after([](Net<float>& net) { net.add("end", Relu<float>()); }), text));
  CHECK(contains(after([](Net<float>& net) { net.replace(2, std::make_unique<Swish<float>>()); }),
                 text));
  CHECK(contains(after([](Net<float>& net) {
                   quantize(net, {.bits = quant::parse_bit_policy("w4a4", quant::FirstLast::same),
                                  .input = {1, {0, 0, 0, 0}}});
                 }),
                 text));
  CHECK(after([](Net<float>&) {}) == "");
}

TEST_CASE("a net that is moved stays itself", "[identity]") {
  Net<float> net = mlp(8);
  Tape<float> tape;
  net.forward(four_numbers, tape, Mode::train(Random(0)));
  train::Sgd<float> optimizer(net, {});
  Net<float> moved = std::move(net);
  CHECK_NOTHROW(moved.backward(two_gradients, tape, Want::params));
  CHECK_NOTHROW(optimizer.step(tape));
  CHECK(&optimizer.net() == &moved);
  CHECK(contains(refusal([&] { net.forward(four_numbers, tape); }), "a net that was moved from"));
}

TEST_CASE("a pass that was not recorded gives no gradient", "[identity]") {
  Net<float> net = small_plain_net<float>();
  const Tensor<float> x = random_tensor<float>({2, 2, 8, 8}, 3);
  for (const bool used : {false, true}) {
    Tape<float> tape;
    if (used) net.forward(x, tape, Mode::train(Random(0)));
    const auto z = net.forward(x, tape, Mode::infer());
    const Tensor<float> dz(z.shape(), 1.0f);
    CHECK(contains(refusal([&] { net.input_gradient(dz, tape); }), "not recorded"));
    CHECK(contains(refusal([&] { net.backward(dz, tape, Want::params); }), "not recorded"));
    net.forward(x, tape, Mode::eval());
    CHECK_NOTHROW(net.input_gradient(dz, tape));
  }
}

TEST_CASE("a pass from before a step is not gone back through", "[identity]") {
  Net<float> net = small_plain_net<float>();
  train::Sgd<float> optimizer(net, {});
  Tape<float> old, tape;
  const auto z = net.forward(random_tensor<float>({2, 2, 8, 8}, 3), old, Mode::train(Random(0)));
  const Tensor<float> dz(z.shape(), 0.1f);
  step_by_hand(net, tape, optimizer);
  CHECK(contains(refusal([&] { net.backward(dz, old, Want::params); }), "before they changed"));
  CHECK(contains(refusal([&] { optimizer.step(old); }), "before they changed"));
}

// ---- Optimisers ---------------------------------------------------------------------------------

TEST_CASE("an optimiser belongs to the net that it was made for", "[identity]") {
  const std::string text = "quantize(), replace() or add() has changed since";
  Tape<float> tape;

  Net<float> net = small_plain_net<float>(); // made before the first quantize()
  train::Sgd<float> early(net, {});
  quantize(net, {.bits = quant::parse_bit_policy("w8a8"), .input = {1 / 64.0f, {100, 128}}});
  choose_clips(net);
  net.forward(random_tensor<float>({2, 2, 8, 8}, 3), tape, Mode::train(Random(0)));
  CHECK(contains(refusal([&] { early.step(tape); }), text));

  train::Adamw<float> late(net); // quantised once more after it was made
  CHECK_NOTHROW(step_by_hand(net, tape, late));
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = {1 / 64.0f, {100, 128}}});
  CHECK(contains(refusal([&] { step_by_hand(net, tape, late); }), text));
  CHECK(contains(refusal([&] { late.net(); }), text));

  std::optional<Net<float>> gone(small_plain_net<float>());
  train::Sgd<float> orphan(*gone, {});
  gone.reset();
  CHECK(contains(refusal([&] { orphan.step(tape); }), "one that is gone"));

  Net<float> other = small_plain_net<float>();
  train::Sgd<float> of_other(other, {});
  CHECK(contains(refusal([&] { step_by_hand(net, tape, of_other); }), "one of another net"));
}

TEST_CASE("gradients serve one step", "[identity]") {
  Net<float> net = small_plain_net<float>();
  train::Sgd<float> optimizer(net, {});
  Tape<float> tape;
  const Tensor<float> x = random_tensor<float>({2, 2, 8, 8}, 3), dz({2, 5}, 0.1f);
  const auto forward = [&] { net.forward(x, tape, Mode::train(Random(0))); };
  const auto backward = [&] { net.backward(dz, tape, Want::params); };
  forward(), net.zero_grad(), backward(), backward(); // two passes may add up
  optimizer.step(tape);
  forward();
  CHECK(contains(refusal([&] { optimizer.step(tape); }), "those of the last step"));
  CHECK(contains(refusal(backward), "call net.zero_grad() first"));
  CHECK_NOTHROW(net.input_gradient(dz, tape));
  net.zero_grad(), backward();
  CHECK_NOTHROW(optimizer.step(tape));
}

TEST_CASE("a step needs a training pass", "[identity]") {
  Net<float> net = small_residual_net<float>();
  train::Sgd<float> optimizer(net, {});
  Tape<float> tape;
  CHECK(contains(refusal([&] { optimizer.step(tape); }), "none or a failed one"));
  const auto x = random_tensor<float>({2, 2, 8, 8}, 3);
  net.forward(x, tape, Mode::eval());
  net.backward(Tensor<float>({2, 5}, 0.1f), tape, Want::params);
  CHECK(contains(refusal([&] { optimizer.step(tape); }), "a training pass"));
  net.forward(random_tensor<float>({2, 2, 8, 8}, 3), tape, Mode::train(Random(0)));
  CHECK(contains(refusal([&] { optimizer.step(tape, -1); }), "learning rate factor"));
}

TEST_CASE("one call ends a step: parameters, running statistics, weight codes", "[identity]") {
  Net<float> net = small_net<float>("residual w4a4");
  train::Sgd<float> optimizer(net, {.lr = 0.1});
  const auto numbers = [&] {
    std::vector<float> all;
    for (auto& p : net.parameters())
      all.insert(all.end(), p.parameter->value().begin(), p.parameter->value().end());
    const std::size_t parameters = all.size();
    for (auto& b : net.buffers()) all.insert(all.end(), b.tensor->begin(), b.tensor->end());
    return std::pair(all, parameters);
  };
  const auto before = numbers();
  Tape<float> tape;
  step_by_hand(net, tape, optimizer);
  const auto after = numbers();
  const auto differ = [&](std::size_t begin, std::size_t end) {
    index_t count = 0;
    for (std::size_t i = begin; i < end; ++i) count += before.first[i] != after.first[i];
    return count;
  };
  CHECK(differ(0, before.second) > 100);
  CHECK(differ(before.second, before.first.size()) > 20);
  CHECK_NOTHROW(net.forward(random_tensor<float>({2, 2, 8, 8}, 3), tape)); // no stale codes
}

TEST_CASE("a loop by hand, with batch norm and dropout, trains what fit() trains", "[identity]") {
  auto batches = small_run::batches();
  Net<float> fitted = small_run::net(), by_hand = small_run::net();
  train::Adamw<float> a(fitted, {.lr = 3e-3}), b(by_hand, {.lr = 3e-3});
  std::vector<ImageRandom> drawn; // what fit() hands to each step
  Tape<float> tape;
  train::fit(batches, {.epochs = 2, .seed = 2}, [&](const auto& batch, const auto& at) {
    drawn.push_back(*at.random);
    return train::train_step(fitted, tape, batch, a, at);
  });
  Tensor<float> dlogits;
  for (index_t epoch = 0, step = 0; epoch < 2; ++epoch) {
    batches.begin_epoch(epoch);
    for (index_t i = 0; i < batches.count(); ++i, ++step) {
      const auto batch = batches.batch(i);
      const Mode mode = Mode::train(drawn[static_cast<std::size_t>(step)]);
      const auto logits = by_hand.forward(batch.x, tape, mode);
      dlogits.resize(logits.shape());
      ops::cross_entropy(logits, batch.labels, dlogits);
      by_hand.zero_grad();
      by_hand.backward(dlogits, tape, Want::params);
      b.step(tape);
    }
  }
  CHECK((small_run::bytes(by_hand) == small_run::bytes(fitted)));
}

/// AMSGrad, as a user would write it: three tensors of state.
class AmsGrad final : public train::Optimizer<float> {
public:
  explicit AmsGrad(Net<float>& net)
      : Optimizer<float>(net, 1e-3, {}, train::DecayKind::coupled, {"mean", "square", "largest"}) {}
  std::string_view name() const override { return "amsgrad"; }

private:
  void update(const train::Update<float>& u) const override {
    float *m = u.state(0), *v = u.state(1), *top = u.state(2);
    for (index_t i = 0; i < u.n; ++i) {
      m[i] = 0.9f * m[i] + 0.1f * u.grad[i];
      v[i] = 0.999f * v[i] + 0.001f * u.grad[i] * u.grad[i];
      top[i] = std::max(top[i], v[i]);
      u.value[i] -= u.lr * m[i] / (std::sqrt(top[i]) + 1e-8f);
    }
  }
};

TEST_CASE("an optimiser of one's own has as much state as it asks for", "[identity]") {
  Net<float> net = mlp(5000); // fc1.weight: two blocks of 16,384 elements
  AmsGrad optimizer(net);
  CHECK(optimizer.state().size() == 12);
  Tape<float> tape;
  for (int t = 0; t < 2; ++t) {
    net.forward(four_numbers, tape, Mode::train(Random(0)));
    net.zero_grad();
    net.backward(two_gradients, tape, Want::params);
    optimizer.step(tape);
  }
  for (const auto& state : optimizer.state()) {
    const auto* end = std::find_if(state.tensor->begin(), state.tensor->end(),
                                   [](float v) { return !std::isfinite(v); });
    CHECK(end == state.tensor->end());
  }
  const auto state = optimizer.state(); // "largest.fc1.weight" is "square.fc1.weight" as it grew
  CHECK(state[2].name == "largest.fc1.weight");
  for (index_t i = 0; i < state[2].tensor->size(); ++i)
    REQUIRE((*state[2].tensor)[i] >= (*state[1].tensor)[i]);
}

// ---- Values that nobody has chosen --------------------------------------------------------------

TEST_CASE("training without first weights is an error", "[identity]") {
  Net<float> net({4});
  net.add("fc1", Linear<float>({.in = 4, .out = 3}));
  net.add("fc2", Linear<float>({.in = 3, .out = 2}));
  Tape<float> tape;
  net.forward(four_numbers, tape, Mode::train(Random(0)));
  const auto train = [&] { net.backward(two_gradients, tape, Want::params); };
  CHECK(contains(refusal(train), "'fc1.weight': expected initial weights, got only zeros"));
  CHECK(contains(refusal(train), "initialize(net, seed)"));
  CHECK_NOTHROW(net.input_gradient(two_gradients, tape)); // to look is allowed
  initialize(net, 1);
  net.forward(four_numbers, tape, Mode::train(Random(0)));
  CHECK_NOTHROW(train());
  net.add("fc3", Linear<float>({.in = 2, .out = 2})); // a layer that came later
  net.forward(four_numbers, tape, Mode::train(Random(0)));
  CHECK(contains(refusal(train), "'fc3.weight'"));
  for (auto& p : net.parameters())
    if (p.name == "fc3.weight") p.parameter->edit().fill(0); // a choice of the user's
  net.forward(four_numbers, tape, Mode::train(Random(0)));
  CHECK_NOTHROW(train());
}

TEST_CASE("training with a clip that nobody has chosen is an error", "[identity]") {
  const Tensor<float> x = random_tensor<float>({4, 2, 8, 8}, 3);
  Tape<float> tape;
  Net<float> net = quantised_net("w4a4");
  train::Sgd<float> optimizer(net, {});
  CHECK(contains(refusal([&] { step_by_hand(net, tape, optimizer); }), "relu1.alpha"));
  calibrate(net, x);
  CHECK_NOTHROW(step_by_hand(net, tape, optimizer));
  // Quantised again, the net keeps its clips.
  quantize(net, {.bits = quant::parse_bit_policy("w2a2"), .input = {1 / 64.0f, {100, 128}}});
  train::Sgd<float> second(net, {});
  CHECK_NOTHROW(step_by_hand(net, tape, second));
  // A constant is a choice.
  Net<float> constant = small_plain_net<float>();
  quantize(
      constant,
      {.bits = quant::parse_bit_policy("w4a4"), .alpha = 10, .input = {1 / 64.0f, {100, 128}}});
  train::Sgd<float> third(constant, {});
  CHECK_NOTHROW(step_by_hand(constant, tape, third));
  CHECK_SAYS(quantize(constant, {.bits = quant::parse_bit_policy("w4a4"),
                                 .alpha = -1,
                                 .input = {1 / 64.0f, {100, 128}}}),
             value_error, "alpha", "got -1");
}

TEST_CASE("there is nothing to calibrate before quantize()", "[identity]") {
  Net<float> net = small_plain_net<float>();
  const Tensor<float> x = random_tensor<float>({4, 2, 8, 8}, 3);
  CHECK(contains(refusal([&] { calibrate(net, x); }),
                 "call quantize() first, on a net that has Relu layers"));
}

TEST_CASE("LSQ's step must come from weights that mean something", "[identity]") {
  Net<float> net({4});
  net.add("fc1", Linear<float>({.in = 4, .out = 3}));
  net.add("relu", Relu<float>());
  net.add("fc2", Linear<float>({.in = 3, .out = 3}));
  net.add("relu2", Relu<float>());
  net.add("fc3", Linear<float>({.in = 3, .out = 2}));
  const QuantizeOptions how{.bits = quant::parse_bit_policy("w4a4", quant::FirstLast::fp32),
                            .weights = "lsq",
                            .alpha = 2};
  Tape<float> tape;
  const auto train = [&] {
    net.forward(four_numbers, tape, Mode::train(Random(0)));
    net.backward(two_gradients, tape, Want::params);
  };
  quantize(net, how);
  initialize(net, 1); // too late for the step
  CHECK(contains(refusal(train), "fc2.step"));
  quantize(net, how);
  CHECK_NOTHROW(train());
}

TEST_CASE("quantize() warns of layers that get real numbers", "[identity]") {
  Net<float> net({2, 8, 8});
  net.add("conv1", Conv2d<float>({.in = 2, .out = 3, .kernel = 3}));
  net.add("swish", Swish<float>()); // an activation of the user's own
  net.add("conv2", Conv2d<float>({.in = 3, .out = 3, .kernel = 3}));
  net.add("relu", Relu<float>());
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 48, .out = 5}));
  initialize(net, 1);
  const QuantizeOptions how{.bits = quant::parse_bit_policy("w4a4"),
                            .input = {1 / 64.0f, {100, 128}}};
  const auto warnings = quantize(net, how);
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "layer 'conv2' has quantised weights, but its input from 'swish' "
                              "(swish) is real numbers"));
  QuantizeOptions with_clips = how;
  with_clips.alpha = 2;
  CHECK(train::change_bits(net, with_clips, random_tensor<float>({2, 2, 8, 8}, 3)) == warnings);
  Net<float> usual = small_plain_net<float>();
  CHECK(quantize(usual, how).empty());
  QuantizeOptions real_activations = how;
  real_activations.bits = quant::parse_bit_policy("w4a32");
  CHECK(quantize(usual, real_activations).empty());
  Net<float> residual = small_residual_net<float>();
  CHECK(quantize(residual, how).empty());
  Net<float> early({2});
  early.add("relu", Relu<float>());
  early.add("fc", Linear<float>({.in = 2, .out = 2}));
  initialize(early, 1);
  const auto of_early =
      quantize(early, {.bits = quant::parse_bit_policy("w4a4"), .input = {1 / 64.0f, {100, 128}}});
  REQUIRE(of_early.size() == 1);
  CHECK(contains(of_early[0], "from 'relu' (relu) is real numbers: only a ReLU after the first "
                              "layer with weights is replaced by a PACT"));
}

TEST_CASE("images of another grid than the net's are refused", "[identity]") {
  auto batches = small_run::plain_batches();
  Net<float> net = small_run::net();
  QuantParams other = data::normalization("synthetic");
  other.zero_point[0] += 5;
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 2, .input = other});
  train::Sgd<float> optimizer(net, {});
  const std::string text = "expected those of the net's input, scale ";
  CHECK(contains(refusal([&] { train::fit(net, batches, optimizer, {}); }), text));
  CHECK(contains(refusal([&] { train::evaluate(net, batches); }), text));
  train::GuidedStep guided(net, optimizer, {});
  CHECK(contains(refusal([&] { guided(batches.batch(0), {}); }), text));
  train::GuidedOptions options;
  options.mask.fill.grid = data::normalization("synthetic");
  CHECK(contains(refusal([&] { train::GuidedStep(net, optimizer, options); }), "grid of the fill"));
  Net<float> real = small_run::net(); // which has no grid of its own
  train::Sgd<float> its_optimizer(real, {});
  options.mask.fill.grid = other;
  train::GuidedStep step(real, its_optimizer, options);
  CHECK(contains(refusal([&] { step(batches.batch(0), {}); }), "grid of the fill"));
  Net<float> another = small_run::net();
  CHECK(
      contains(refusal([&] { train::GuidedStep(another, optimizer, {}); }), "one of another net"));
}

// ---- What strangers tried -----------------------------------------------------------------------

TEST_CASE("a guided step follows its net, and says when it is gone", "[identity]") {
  auto batches = small_run::batches();
  auto net = std::make_unique<Net<float>>(small_run::net());
  train::Sgd<float> optimizer(*net, {});
  train::GuidedStep step(*net, optimizer, {});
  Net<float> moved = std::move(*net);
  CHECK_NOTHROW(step(batches.batch(0), {}));
  { const Net<float> gone = std::move(moved); }
  CHECK(contains(refusal([&] { step(batches.batch(0), {}); }), "one that is gone"));
}

TEST_CASE("a tape that was moved from is empty", "[identity]") {
  Net<float> net = mlp(8);
  train::Sgd<float> optimizer(net, {});
  Tape<float> tape;
  net.forward(four_numbers, tape, Mode::train(Random(0)));
  Tape<float> other = std::move(tape);
  CHECK(contains(refusal([&] { net.backward(two_gradients, tape, Want::params); }), "none"));
  CHECK(contains(refusal([&] { optimizer.step(tape); }), "none"));
  CHECK_NOTHROW(net.backward(two_gradients, other, Want::params));
}

TEST_CASE("layers go where layers are", "[identity]") {
  Net<float> net = mlp(8);
  for (const ValueId i : {ValueId{0}, ValueId{4}, ValueId{99}})
    CHECK(contains(refusal([&] { net.replace(i, std::make_unique<Relu<float>>()); }),
                   "a layer from 1 to 3"));
  CHECK(contains(refusal([&] { net.replace(2, nullptr); }), "a layer, got null"));
  CHECK(contains(refusal([&] { net.add("end", std::unique_ptr<Layer<float>>()); }), "got null"));
}

TEST_CASE("quantize() that fails leaves the net as it was", "[identity]") {
  Net<float> net = small_plain_net<float>();
  train::Sgd<float> optimizer(net, {});
  const QuantizeOptions how{.bits = quant::parse_bit_policy("w4a4", quant::FirstLast::same),
                            .alpha = 2,
                            .input = {1 / 64.0f, {100, 128}}};
  const std::string text = refusal([&] {
    quantize(net, how, [](const std::string& layer, int bits) {
      if (layer == "fc1") throw value_error("mine");
      return quant::make_weight_quantizer<float>("lsq", bits);
    });
  });
  CHECK(text == "mine");
  CHECK(net.precision().empty());
  Tape<float> tape;
  CHECK_NOTHROW(step_by_hand(net, tape, optimizer)); // still the optimiser's net
}

TEST_CASE("what is measured has clips that somebody chose", "[identity]") {
  auto batches = small_run::plain_batches();
  Net<float> net = small_run::net();
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = batches.norm()});
  CHECK(contains(refusal([&] { train::evaluate(net, batches); }), "evaluate: 'relu1.alpha'"));
  calibrate(net, batches.batch(0).x);
  CHECK_NOTHROW(train::evaluate(net, batches));
}

TEST_CASE("a net of NaN has no accuracy", "[identity]") {
  auto batches = small_run::plain_batches();
  Net<float> net = small_run::net();
  net.parameters()[0].parameter->edit()[0] = std::nanf("");
  CHECK(contains(refusal([&] { train::evaluate(net, batches); }), "evaluate: 'conv1.weight'"));
  nn::Tape<float> tape;
  CHECK(contains(refusal([&] { train::evaluate_batch(net, tape, batches.batch(0)); }),
                 "layer 'conv1' (its weight"));
}

TEST_CASE("one backward pass does not serve a layer that may mix images", "[identity]") {
  Net<float> net({1, 2, 2});
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 4, .out = 3}));
  initialize(net, 1);
  train::GuidedOptions options;
  options.kl_attached = false;
  train::Sgd<float> first(net, {});
  CHECK(train::GuidedStep(net, first, options).one_backward());
  net.add("own", Swish<float>()); // whose kind nobody knows
  train::Sgd<float> second(net, {});
  CHECK_FALSE(train::GuidedStep(net, second, options).one_backward());
}

} // namespace test_identity
