// Saliency-guided training: against PyTorch (tests/golden/make_guided.py), against finite
// differences, and against the same step composed by hand.
#include "sgq/train/optimizers.hpp"
#include "sgq/train/saliency_guided.hpp"

#include "golden/guided.hpp"
#include "golden/nets.hpp"
#include "small_run.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"
#include "support/raise_to.hpp"

#include <limits>
#include <vector>

namespace test_saliency_guided {

using namespace sgq;
using namespace sgq::train;

namespace {

using ops::Target;

template <class T>
data::Batch<T> as_batch(Tensor<T>& x, const std::vector<std::uint8_t>& labels) {
  return {.x = x, .codes = {}, .labels = labels, .indices = {}};
}

/// Ten steps of the golden net of that name; SGD as in make_guided.py.
void check_losses(const char* net_name, const double (&losses)[10], const double (&logits)[10],
                  const GuidedOptions& options) {
  INFO(net_name);
  auto net = golden::golden_net<double>(net_name);
  const double rate = std::string(net_name).starts_with("resnet") ? 0.02 : 0.002;
  Sgd<double> sgd(net, {.lr = rate, .momentum = 0.9, .groups = decayed(1e-3)});
  GuidedStep<double> step(net, sgd, options);
  for (index_t i = 0; i < 10; ++i) {
    auto b = golden::batch(net, 8 * i, 8);
    const StepResult result = step(as_batch(b.x, b.labels), {});
    INFO("step " << i);
    CHECK(result.loss == Approx(losses[i]).epsilon(1e-10));
    CHECK(result.images == 8);
  }
  nn::Tape<double> tape;
  const View<const double> z = net.forward(golden::batch(net, 0, 1).x, tape);
  for (index_t k = 0; k < 10; ++k) CHECK(z[k] == Approx(logits[k]).epsilon(1e-9).margin(1e-9));
}

GuidedOptions mean_fill() {
  GuidedOptions options;
  options.mask.fill.fill = ops::Fill::mean;
  return options;
}

GuidedOptions constant_fill(float value) {
  GuidedOptions options;
  options.mask.fill = {.fill = ops::Fill::constant, .value = {value}};
  return options;
}

/// Everything that a net learned, as numbers.
std::vector<double> learned(nn::Net<double>& net) {
  std::vector<double> all;
  for (auto& p : net.parameters()) {
    const View<const double> v = p.parameter->value();
    all.insert(all.end(), v.begin(), v.end());
  }
  for (auto& b : net.buffers()) all.insert(all.end(), b.tensor->begin(), b.tensor->end());
  return all;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) raise_to(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// One step as the formulas have it, nothing shared: a saliency pass, a clean pass, a masked pass.
/// Only the numbers drawn at random are those of GuidedStep.
void step_by_hand(nn::Net<double>& net, Optimizer<double>& optimizer,
                  const data::Batch<double>& batch, const StepContext& at, GuidedOptions o) {
  if (net.input().grid()) o.mask.fill.grid = net.input().grid();
  const nn::Mode clean = nn::Mode::train(at.random->split(0));
  const nn::Mode masked = nn::Mode::train(at.random->split(1));
  nn::Tape<double> for_saliency, tape, masked_tape;
  Tensor<double> ds, dz, dzm, xm(batch.x.shape());
  const bool separate = o.pass == SaliencyPass::separate;
  const auto zs = net.forward(batch.x, for_saliency, separate ? nn::Mode::eval() : clean);
  ds.resize(zs.shape());
  ops::target_gradient<double>(zs, batch.labels, o.target, ds.view());
  const auto dx = net.input_gradient(ds, for_saliency);
  ops::mask_lowest<double>(batch.x, dx, o.mask, at.random->split(2), xm.view());

  const auto z = net.forward(batch.x, tape, clean);
  const auto zm = net.forward(xm, masked_tape, masked);
  dz.resize(z.shape());
  dzm = Tensor<double>(zm.shape());
  ops::cross_entropy<double>(z, batch.labels, dz.view());
  ops::kl_divergence<double>(z, zm, o.lambda, o.kl_attached ? dz.view() : View<double>(), dzm);
  net.zero_grad();
  net.backward(dz, tape, nn::Want::params);
  net.backward(dzm, masked_tape, nn::Want::params);
  optimizer.step(tape, at.lr_factor * o.lr_factor);
  if (o.statistics == StatisticsFrom::both) net.update_statistics(masked_tape);
}

/// The largest difference after three steps of GuidedStep and of step_by_hand().
double difference_by_hand(const std::string& net_name, const GuidedOptions& options) {
  auto a = small_net<double>(net_name), b = small_net<double>(net_name);
  Sgd<double> sgd_a(a, {.lr = 0.05}), sgd_b(b, {.lr = 0.05});
  GuidedStep<double> step(a, sgd_a, options);
  auto x = random_tensor<double>({6, 2, 8, 8}, 3);
  const std::vector<std::uint8_t> labels{0, 1, 2, 3, 4, 0};
  const auto before = learned(a);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const StepContext at{.random = Random(11).split(i), .lr_factor = 0.5};
    step(as_batch(x, labels), at);
    step_by_hand(b, sgd_b, as_batch(x, labels), at, options);
  }
  CHECK(largest_difference(learned(a), before) > 1e-3);
  return largest_difference(learned(a), learned(b));
}

} // namespace

// ---- against PyTorch ----------------------------------------------------------------------------

TEST_CASE("ten losses of guided training equal PyTorch's", "[golden][guided]") {
  using namespace golden::guided;
  check_losses("mnist_cnn", mnist_cnn, mnist_cnn_logits, constant_fill(-0.75f));

  GuidedOptions options = mean_fill();
  options.mask.rank_by = ops::Rank::magnitude;
  options.kl_attached = false;
  options.lambda = 0.5;
  check_losses("mnist_cnn", mnist_cnn_magnitude_detached, mnist_cnn_magnitude_detached_logits,
               options);
}

TEST_CASE("ten losses of guided training with batch norm equal PyTorch's", "[golden][guided]") {
  using namespace golden::guided;
  GuidedOptions options = constant_fill(-0.75f);
  options.statistics = StatisticsFrom::both;
  check_losses("resnet20", resnet20, resnet20_logits, options);

  options = mean_fill();
  options.target = Target::logit;
  options.pass = SaliencyPass::separate;
  options.statistics = StatisticsFrom::clean;
  options.lambda = 2;
  check_losses("resnet20", resnet20_separate, resnet20_separate_logits, options);
}

TEST_CASE("ten losses of guided, quantised training equal PyTorch's", "[golden][guided][quant]") {
  GuidedOptions options = mean_fill();
  options.mask.fill.grid = {.scale = 0x1p-6f, .zero_point = {100}};
  check_losses("mnist_cnn_w4a4", golden::guided::mnist_cnn_w4a4,
               golden::guided::mnist_cnn_w4a4_logits, options);
}

// ---- against finite differences -----------------------------------------------------------------

TEST_CASE("the step's gradient is that of the guided loss with the mask held fixed", "[guided]") {
  for (const char* name : {"plain fp32", "residual fp32"})
    for (bool attached : {true, false}) {
      INFO(name << (attached ? ", attached" : ", detached"));
      auto net = small_net<double>(name);
      auto x = random_tensor<double>({4, 2, 8, 8}, 3);
      const std::vector<std::uint8_t> labels{0, 1, 2, 4};
      const GuidedOptions options{.lambda = 0.7, .kl_attached = attached};
      const StepContext at{.random = Random(9)};

      // The images that the step will mask, by the rule of the paper.
      nn::Tape<double> tape, masked_tape;
      Tensor<double> ds, xm(x.shape());
      const nn::Mode clean = nn::Mode::train(at.random->split(0));
      const nn::Mode masked = nn::Mode::train(at.random->split(1));
      const auto z = net.forward(x, tape, clean);
      ds.resize(z.shape());
      ops::target_gradient<double>(z, labels, options.target, ds.view());
      ops::mask_lowest<double>(x, net.input_gradient(ds, tape), options.mask, at.random->split(2),
                               xm.view());
      Tensor<double> held; // f(x), where KL is detached from it
      held.copy_from(z);

      Sgd<double> still(net, {.lr = 0});
      GuidedStep<double> step(net, still, options);
      const double stepped = step(as_batch(x, labels), at).loss;
      const auto loss = [&] {
        net.quantize_weights();
        const auto clean_z = net.forward(x, tape, clean);
        const auto masked_z = net.forward(xm, masked_tape, masked);
        return ops::cross_entropy<double>(clean_z, labels) +
               ops::kl_divergence<double>(attached ? clean_z : held.view(), masked_z,
                                          options.lambda, {}, {});
      };
      CHECK(loss() == Approx(stepped).epsilon(1e-13));
      for (auto& p : net.parameters()) {
        INFO(p.name);
        Tensor<double> gradient;
        gradient.copy_from(p.parameter->grad());
        // h = 1e-6 steps over few kinks; rounding then allows 1e-16 / 1e-6.
        CHECK(gradient_error(loss, p.parameter->edit(), gradient, 12, 1e-6) < 1e-8);
      }
    }
}

// ---- against the step by hand -------------------------------------------------------------------

TEST_CASE("every option: GuidedStep is the step by hand", "[guided]") {
  for (const char* name : small_net_names) {
    INFO(name);
    GuidedOptions options;
    CHECK(difference_by_hand(name, options) == 0);
    options = GuidedOptions::authors();
    CHECK(difference_by_hand(name, options) == 0);
    options = {.lambda = 3, .target = Target::logit, .kl_attached = false};
    options.mask.share = 0.25;
    options.mask.fill.fill = ops::Fill::blur;
    options.statistics = StatisticsFrom::both;
    CHECK(difference_by_hand(name, options) == 0);
    options = {.lr_factor = 0.25};
    options.mask.rank_by = ops::Rank::random;
    CHECK(difference_by_hand(name, options) == 0);
  }
}

TEST_CASE("one backward pass for saliency and gradients gives the same step", "[guided]") {
  GuidedOptions options;
  options.kl_attached = false;
  for (const char* name : {"plain fp32", "plain w4a4"}) {
    auto net = small_net<double>(name);
    Sgd<double> sgd(net, {});
    CHECK(GuidedStep<double>(net, sgd, options).one_backward());
    CHECK(difference_by_hand(name, options) < 1e-13); // -batch dCE/dx rounds otherwise than dS/dx
  }
}

TEST_CASE("one backward pass serves only where it is the same", "[guided]") {
  const auto one = [](const char* name, const GuidedOptions& options) {
    auto net = small_net<double>(name);
    Sgd<double> sgd(net, {});
    return GuidedStep<double>(net, sgd, options).one_backward();
  };
  CHECK_FALSE(one("plain fp32", {}));
  CHECK_FALSE(one("plain fp32", {.target = Target::logit, .kl_attached = false}));
  CHECK_FALSE(one("plain fp32", {.kl_attached = false, .pass = SaliencyPass::separate}));
  CHECK_FALSE(one("residual fp32", {.kl_attached = false})); // batch norm
}

TEST_CASE("shares of 0 and 100 %, and lambda 0", "[guided]") {
  GuidedOptions options;
  options.mask.fill = {.fill = ops::Fill::constant, .value = {0.25f}};
  for (double share : {0.0, 1.0}) {
    options.mask.share = share;
    CHECK(difference_by_hand("plain fp32", options) == 0);
  }
  // Nothing masked and no dropout: KL is 0, the step is the plain one.
  options.mask.share = 0;
  const auto make = [] { return golden::golden_net<double>("mnist_cnn"); };
  auto guided = make(), plain = make(), unweighed = make();
  Sgd<double> a(guided, {.lr = 0.01}), b(plain, {.lr = 0.01}), c(unweighed, {.lr = 0.01});
  auto images = golden::batch(guided, 0, 4);
  const auto batch = as_batch(images.x, images.labels);
  nn::Tape<double> tape;
  const StepResult expected = train_step(plain, tape, batch, b);
  const StepResult result = GuidedStep<double>(guided, a, options)(batch, {});
  CHECK(result.loss == Approx(expected.loss).epsilon(1e-14));
  CHECK(result.correct == expected.correct);
  CHECK(largest_difference(learned(guided), learned(plain)) < 1e-14);
  const GuidedOptions no_weight{.lambda = 0};
  CHECK(GuidedStep<double>(unweighed, c, no_weight)(batch, {}).loss == expected.loss);
  CHECK(largest_difference(learned(unweighed), learned(plain)) == 0);
}

TEST_CASE("a guided step counts the hits of the clean images", "[guided]") {
  nn::Net<double> net({1, 2, 2});
  net.add("flatten", nn::Flatten<double>());
  net.add("fc", nn::Linear<double>({.in = 4, .out = 2}));
  nn::initialize(net, 1);
  const View<double> w = net.parameters()[0].parameter->edit();
  for (index_t i = 0; i < 8; ++i) w[i] = i < 4 ? 1 : -1; // class 0 is bright, class 1 dark
  net.quantize_weights();
  Tensor<double> x({4, 1, 2, 2}, 1.0);
  for (index_t i = 8; i < 16; ++i) x[i] = -1;
  const std::vector<std::uint8_t> labels(4, 1);
  GuidedOptions options = constant_fill(0.25f); // masked, all are bright
  options.mask.share = 1;
  Sgd<double> still(net, {.lr = 0});
  nn::Tape<double> tape;
  CHECK(train_step(net, tape, as_batch(x, labels), still).correct == 2);
  CHECK(GuidedStep<double>(net, still, options)(as_batch(x, labels), {}).correct == 2);
}

// ---- when guiding begins -----------------------------------------------------------------------

/// The weights after a run of two epochs, four steps each.
std::string run_of(const GuidedOptions& options) {
  auto net = small_run::net();
  Adamw<float> optimizer(net, {.lr = 3e-3});
  auto batches = small_run::batches();
  GuidedStep step(net, optimizer, options);
  fit(batches, {.epochs = 2, .seed = 2}, step);
  return small_run::bytes(net);
}

TEST_CASE("before its start guided training is plain training", "[guided]") {
  auto net = small_run::net();
  Adamw<float> optimizer(net, {.lr = 3e-3});
  auto batches = small_run::batches();
  fit(net, batches, optimizer, {.epochs = 2, .seed = 2});
  const std::string plain = small_run::bytes(net);
  CHECK(run_of({.start = 1}) == plain);
  CHECK(run_of({.start = 1, .lr_factor = 0.1}) == plain); // the rate is that of guided steps
  CHECK(run_of({.start = 0.8}) != plain);
  CHECK(run_of({.start = 0.8}) != run_of({}));
}

TEST_CASE("lambda rises in a line, and the rate changes with the start", "[guided]") {
  // Steps at progress 0, 0.25, 0.5, 0.75 of a ramp over half of the run that begins at 0.25.
  const double expected[] = {0, 0, 0.4, 0.8};
  auto x = random_tensor<double>({4, 2, 8, 8}, 3);
  const std::vector<std::uint8_t> labels{0, 1, 2, 4};
  for (int i = 0; i < 4; ++i) {
    GuidedOptions ramped{.lambda = 0.8, .start = 0.25, .ramp = 0.5, .lr_factor = 0.5};
    const StepContext at{.random = Random(9), .lr_factor = 0.5, .progress = i * 0.25};
    auto a = small_net<double>("plain fp32"), b = small_net<double>("plain fp32");
    Sgd<double> sgd_a(a, {.lr = 0.05}), sgd_b(b, {.lr = 0.05});
    const double loss = GuidedStep(a, sgd_a, ramped)(as_batch(x, labels), at).loss;
    const GuidedOptions fixed{.lambda = expected[i], .lr_factor = 0.5};
    nn::Tape<double> tape;
    const double same = i == 0 ? train_step(b, tape, as_batch(x, labels), sgd_b, at).loss
                               : GuidedStep(b, sgd_b, fixed)(as_batch(x, labels), at).loss;
    CHECK(loss == same);
    CHECK(learned(a) == learned(b));
  }
}

TEST_CASE("a start or a ramp needs to know how far the run is", "[guided][errors]") {
  auto net = small_net<double>("plain fp32");
  Sgd<double> sgd(net, {});
  auto x = random_tensor<double>({2, 2, 8, 8}, 3);
  for (const GuidedOptions& o : {GuidedOptions{.start = 0.5}, GuidedOptions{.ramp = 0.5}}) {
    GuidedStep step(net, sgd, o);
    CHECK(contains(message_of<value_error>([&] {
                     step(as_batch(x, {0, 1}), {});
                   }),
                   "StepContext::progress"));
  }
  const auto fails = [&](const GuidedOptions& o) {
    return message_of<value_error>([&] { GuidedStep(net, sgd, o); });
  };
  CHECK(contains(fails({.start = 0.7, .ramp = 0.4}), "together at most 1, got 0.7 and 0.4"));
  CHECK(contains(fails({.start = -0.1}), "start and ramp"));
  CHECK(contains(fails({.lr_factor = -1}), "learning-rate factor"));
}

// ---- the control, slices, statistics ------------------------------------------------------------

TEST_CASE("the control masks as many positions, drawn without the gradient", "[guided]") {
  const auto x = random_tensor<float>({8, 1, 10, 10}, 1);
  const auto dx = random_tensor<float>({8, 1, 10, 10}, 2);
  ops::MaskOptions options{.share = 0.3, .rank_by = ops::Rank::random};
  options.fill = {.fill = ops::Fill::constant, .value = {99}};
  const auto masked = [&](View<const float> gradient, std::uint64_t seed) {
    Tensor<float> out(x.shape());
    ops::mask_lowest<float>(x, gradient, options, Random(seed), out);
    return std::vector<float>(out.begin(), out.end());
  };
  const auto control = masked({}, 5);
  CHECK(masked(dx, 5) == control);
  CHECK(masked(dx, 6) != control);
  for (int n = 0; n < 8; ++n)
    CHECK(std::count(control.begin() + 100 * n, control.begin() + 100 * (n + 1), 99.0f) == 30);
  options.rank_by = ops::Rank::with_sign;
  CHECK(masked(dx, 5) != control);
}

TEST_CASE("a slice of a batch masks, fills and drops as the whole does", "[guided]") {
  const auto x = random_tensor<float>({9, 2, 8, 8}, 1);
  Tensor<float> dx(x.shape()); // all tied
  const ops::MaskOptions options;
  const Random random(5);
  Tensor<float> whole(x.shape()), part(Shape{4, 2, 8, 8});
  ops::mask_lowest<float>(x, dx, options, random, whole);
  ops::mask_lowest<float>(x.view().slice(5, 4), dx.view().slice(5, 4), options,
                          ImageRandom(random, 5), part);
  CHECK(std::equal(part.begin(), part.end(), whole.view().slice(5, 4).begin()));

  auto net = small_net<float>("plain w4a4"); // two dropout layers
  nn::Tape<float> tape;
  const auto z = net.forward(x, tape, nn::Mode::train(random));
  const std::vector<float> all(z.begin(), z.end());
  const auto zs = net.forward(x.view().slice(5, 4), tape, nn::Mode::train(ImageRandom(random, 5)));
  CHECK(std::equal(zs.begin(), zs.end(), all.begin() + 5 * 5));
}

TEST_CASE("the clean pass alone moves the running statistics by default", "[guided]") {
  const auto statistics = [](StatisticsFrom from, bool guided) {
    auto net = small_net<double>("residual fp32");
    Sgd<double> still(net, {.lr = 0});
    auto x = random_tensor<double>({4, 2, 8, 8}, 3);
    const std::vector<std::uint8_t> labels{0, 1, 2, 4};
    const auto batch = as_batch(x, labels);
    nn::Tape<double> tape;
    if (guided)
      GuidedStep(net, still, {.statistics = from})(batch, {});
    else
      train_step(net, tape, batch, still);
    std::vector<double> all;
    for (auto& b : net.buffers()) all.insert(all.end(), b.tensor->begin(), b.tensor->end());
    return all;
  };
  CHECK(GuidedOptions{}.statistics == StatisticsFrom::clean);
  CHECK(GuidedOptions::authors().statistics == StatisticsFrom::both);
  CHECK(statistics(StatisticsFrom::clean, true) == statistics(StatisticsFrom::clean, false));
  CHECK(statistics(StatisticsFrom::both, true) != statistics(StatisticsFrom::clean, false));
}

// ---- as a whole ---------------------------------------------------------------------------------

TEST_CASE("guided training is bitwise the same for any number of threads", "[guided]") {
  GuidedOptions options;
  options.mask.fill.grid = data::normalization("synthetic");
  CHECK(same_for_any_thread_count([&] {
    auto net = small_run::net();
    Adamw<float> optimizer(net, {.lr = 3e-3});
    auto batches = small_run::batches();
    GuidedStep<float> step(net, optimizer, options);
    fit(batches, {.epochs = 2, .seed = 2}, step);
    return small_run::bytes(net);
  }));
}

TEST_CASE("guided training learns", "[guided]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  Adamw<float> optimizer(net, {.lr = 3e-3});
  auto batches = small_run::batches();
  GuidedStep<float> step(net, optimizer, {});
  struct Losses : Callbacks {
    std::vector<double> epochs;
    bool after_epoch(const TrainState&, const Meter& meter) override {
      epochs.push_back(meter.loss());
      return true;
    }
  } losses;
  fit(batches, {.epochs = 4, .seed = 2}, step, {}, &losses);
  CHECK(losses.epochs.back() < 0.8 * losses.epochs.front());
}

TEST_CASE("what guided training refuses", "[guided][errors]") {
  auto net = small_net<double>("plain fp32");
  Sgd<double> sgd(net, {});
  const auto fails = [&](const GuidedOptions& options) {
    return message_of<value_error>([&] { GuidedStep<double>(net, sgd, options); });
  };
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (double lambda : {-1.0, inf, std::nan("")})
    CHECK(contains(fails({.lambda = lambda}), "lambda"));
  for (double share : {-0.1, 1.1, std::nan("")}) {
    GuidedOptions options;
    options.mask.share = share;
    CHECK(contains(fails(options), "share"));
  }
  auto x = random_tensor<double>({2, 2, 8, 8}, 1);
  GuidedStep<double> step(net, sgd, {});
  const auto before = learned(net);
  CHECK_SAYS(step(as_batch(x, {0, 5}), {}), value_error, "less than 5 classes", "got 5");
  CHECK_SAYS(step(as_batch(x, {0}), {}), shape_error, "labels", "expected 2", "got 1");
  x[7] = std::nan("");
  CHECK(contains(message_of<value_error>([&] { step(as_batch(x, {0, 1}), {}); }), "element 7"));
  CHECK(largest_difference(learned(net), before) == 0);
  x[7] = 0;
  net.parameters().back().parameter->edit()[1] = inf;
  const auto spoilt = learned(net);
  CHECK(contains(message_of<value_error>([&] {
                   step(as_batch(x, {0, 1}), {});
                 }),
                 "layer 'fc2' (its bias"));
  CHECK(learned(net) == spoilt);
}

} // namespace test_saliency_guided
