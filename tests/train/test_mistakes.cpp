// What the user of a training loop may forget or mix up: each is an error, and loses nothing.
#include "sgq/data/load.hpp"
#include "sgq/infer/float_engine.hpp"
#include "sgq/infer/onnx.hpp"
#include "sgq/io/safetensors.hpp"
#include "sgq/nn/model_file.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/saliency/explainer.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/metrics/map_metrics.hpp"
#include "sgq/saliency/net_function.hpp"
#include "sgq/saliency/score_cam.hpp"
#include "sgq/train/checkpoint.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/saliency_guided.hpp"

#include "small_run.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

using namespace sgq;
using nn::Net;
using train::train_step;

namespace {
using small_run::plain_batches;

Net<float> quantised(const char* policy = "w4a4") {
  Net<float> net = nn::lenet5();
  nn::quantize(net, {.bits = quant::parse_bit_policy(policy),
                     .alpha = 2,
                     .input = data::normalization("synthetic")});
  return net;
}

nn::Parameter<float>& parameter(Net<float>& net, const std::string& name) {
  for (auto& p : net.parameters())
    if (p.name == name) return *p.parameter;
  throw value_error("no " + name);
}
} // namespace

TEST_CASE("a layer gets as many inputs as it reads", "[mistakes]") {
  Net<float> net({4});
  const nn::ValueId y = net.add("fc1", nn::Linear<float>({.in = 4, .out = 3}));
  const nn::ValueId r = net.add("fc2", nn::Linear<float>({.in = 3, .out = 3}));
  CHECK(contains(refusal([&] {
                   net.add("relu", nn::Relu<float>(), {y, r});
                 }),
                 "layer 'relu': expected as many inputs as kind 'relu' reads, 1, got 2"));
  CHECK(contains(refusal([&] { net.add("pact", nn::Pact<float>({}), {y, r}); }), "got 2"));
  CHECK(contains(refusal([&] { net.add("dropout", nn::Dropout<float>(0.5), {y, r}); }), "got 2"));
  CHECK(contains(refusal([&] { net.add("flatten", nn::Flatten<float>(), {y, r}); }), "got 2"));
  CHECK(contains(refusal([&] {
                   net.add("fc3", nn::Linear<float>({.in = 3, .out = 3}), {y, r});
                 }),
                 "got 2"));
  CHECK(contains(refusal([&] { net.replace(r, std::make_unique<nn::Add<float>>()); }), "got 1"));
  CHECK(net.last() == r);
}

TEST_CASE("a step needs gradients of its own", "[mistakes]") {
  Net<float> net = small_run::net();
  train::Sgd<float> sgd(net, {.lr = 0.1});
  auto batches = plain_batches();
  const auto batch = batches.batch(0);
  nn::Tape<float> tape;
  const auto forward = [&] { return net.forward(batch.x, tape, nn::Mode::train(Random(1))); };
  Tensor<float> dz({batch.size(), 10}, 0.1f);
  const std::string before = small_run::bytes(net);
  forward();
  net.zero_grad();
  CHECK(contains(refusal([&] { sgd.step(tape); }), "since the last step, got none"));
  net.input_gradient(dz, tape); // no gradients of parameters either
  CHECK(contains(refusal([&] { sgd.step(tape); }), "since the last step, got none"));
  CHECK((small_run::bytes(net) == before));
  net.backward(dz, tape, nn::Want::params);
  sgd.step(tape);
  CHECK((small_run::bytes(net) != before));
  forward();
  CHECK(contains(refusal([&] { sgd.step(tape); }), "got those of the last step"));
}

TEST_CASE("a pass from before a parameter was written is over", "[mistakes]") {
  Net<float> net = small_run::net();
  auto batches = plain_batches();
  nn::Tape<float> tape;
  net.forward(batches.batch(0).x, tape);
  parameter(net, "fc.bias").edit()[0] = 1;
  Tensor<float> dz({16, 10}, 0.1f);
  CHECK(contains(refusal([&] { net.input_gradient(dz, tape); }), "before they changed"));
}

TEST_CASE("every step of a loop by hand draws dropout anew", "[mistakes]") {
  Net<float> net = small_run::net();
  train::Sgd<float> sgd(net, {.lr = 0});
  auto batches = plain_batches();
  nn::Tape<float> tape;
  const auto mask = [&] {
    const View<const std::uint8_t> bytes = tape[net.find("dropout")].bytes;
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  };
  train_step(net, tape, batches.batch(0), sgd);
  const auto first = mask();
  train_step(net, tape, batches.batch(0), sgd);
  CHECK(mask() != first);
  train_step(net, tape, batches.batch(0), sgd, {.random = Random(1)});
  const auto fixed = mask();
  train_step(net, tape, batches.batch(0), sgd, {.random = Random(1)});
  CHECK(mask() == fixed);
}

TEST_CASE("a batch whose images were replaced is trained on", "[mistakes]") {
  Net<float> net = quantised(), same = quantised();
  auto batches = plain_batches();
  data::Batch<float> batch = batches.batch(0);
  nn::Tape<float> tape;
  const auto meter = [&](Net<float>& n) { return train::evaluate_batch(n, tape, batch).loss(); };
  const double own = meter(net);
  Tensor<float> copy(batch.x.shape());
  std::copy(batch.x.begin(), batch.x.end(), copy.begin());
  batch.x = copy; // the same numbers by way of real ones
  CHECK(meter(same) == own);
  const Tensor<float> other(batch.x.shape(), 0.25f);
  batch.x = other;
  CHECK(meter(net) != own);
  batch = batches.batch(0);
  batch.x = batch.x.slice(0, 4); // the same place, fewer images
  batch.labels = batch.labels.first(4);
  batch.whole = 0;
  CHECK(train::evaluate_batch(net, tape, batch).images == 4);
}

TEST_CASE("numbers that are not finite do not vanish in codes", "[mistakes]") {
  auto batches = plain_batches();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Net<float> net = quantised();
  parameter(net, "conv1.bias").edit()[2] = nan;
  net.quantize_weights();
  nn::Tape<float> tape;
  CHECK(contains(refusal([&] { net.forward(batches.batch(0).codes, tape); }), "PACT, channel 2"));
  CHECK(contains(refusal([&] { train::evaluate(net, batches); }), "evaluate: 'conv1.bias'"));
  Net<float> real_weights = quantised("w32a4");
  parameter(real_weights, "conv2.weight").edit()[7] = nan;
  real_weights.quantize_weights();
  CHECK(contains(refusal([&] { train::evaluate(real_weights, batches); }), "'conv2.weight'"));
}

TEST_CASE("batch norm does not train on one value", "[mistakes]") {
  Net<float> net({784});
  net.add("fc", nn::Linear<float>({.in = 784, .out = 10}));
  net.add("bn", nn::BatchNorm<float>({.channels = 10}));
  nn::initialize(net, 1);
  nn::Tape<float> tape;
  const Tensor<float> one({1, 784}, 0.5f), two({2, 784}, 0.5f);
  CHECK(contains(refusal([&] { net.forward(one, tape, nn::Mode::train(Random(1))); }),
                 "2 or more values per channel"));
  CHECK_NOTHROW(net.forward(two, tape, nn::Mode::train(Random(1))));
  CHECK_NOTHROW(net.forward(one, tape));
}

TEST_CASE("weights that no codes stand for leave a net as it was", "[mistakes]") {
  TempDir dir;
  Net<float> net = nn::lenet5();
  train::Sgd<float> sgd(net, {.lr = 0.1});
  parameter(net, "conv2.weight").edit().fill(0);
  CHECK(contains(refusal([&] {
                   nn::quantize(net, {.bits = quant::parse_bit_policy("w2a2"),
                                      .input = data::normalization("synthetic")});
                 }),
                 "conv2"));
  CHECK(net.precision().empty());
  CHECK(&sgd.net() == &net); // the same edition

  Net<float> from = quantised("w2a2"), into = quantised("w2a2");
  parameter(into, "conv1.weight").edit()[0] += 0.5f;
  into.quantize_weights();
  const std::string before = small_run::bytes(into);
  const std::string path = dir / "zeros.safetensors";
  nn::save_model(path, from);
  io::SafeTensors file = io::read_safetensors(path), zeros;
  zeros.metadata = file.metadata;
  const Tensor<float> nothing(parameter(from, "conv2.weight").shape());
  for (auto& p : from.parameters())
    zeros.add(p.name, p.name == "conv2.weight" ? nothing.view() : p.parameter->value());
  for (auto& b : from.buffers()) zeros.add(b.name, *b.tensor);
  CHECK(contains(message_of<io_error>([&] { nn::load_weights(zeros, into); }), "conv2"));
  CHECK((small_run::bytes(into) == before));
}

TEST_CASE("a checkpoint of weights that no codes stand for changes nothing", "[mistakes]") {
  const TempDir dir;
  Net<float> from = quantised("w2a2"), into = quantised("w2a2");
  train::Sgd<float> first(from, {.lr = 0.1}), sgd(into, {.lr = 0.1});
  train::WeightAverage<float> of_from(from, 0.9), average(into, 0.9);
  parameter(from, "conv2.weight").edit().fill(0);
  train::save_checkpoint(dir / "c", from, first, {}, &of_from);

  auto batches = plain_batches();
  nn::Tape<float> tape;
  train_step(into, tape, batches.batch(0), sgd);
  average.update();
  const auto everything = [&] {
    std::string bytes = small_run::bytes(into);
    for (const auto& state : {sgd.state(), average.state()})
      for (const auto& s : state)
        bytes.append(reinterpret_cast<const char*>(s.tensor->data()),
                     static_cast<std::size_t>(s.tensor->size()) * sizeof(float));
    return bytes;
  };
  const std::string before = everything();
  CHECK_SAYS(train::load_checkpoint(dir / "c", into, sgd, {}, &average), io_error, "conv2");
  CHECK((everything() == before));
  CHECK(sgd.steps() == 1);
  CHECK(average.steps() == 1);
  CHECK_NOTHROW(train::evaluate(into, batches)); // its codes are current
}

TEST_CASE("averages that no codes stand for leave a net its own numbers", "[mistakes]") {
  Net<float> net = quantised("w2a2");
  train::Sgd<float> sgd(net, {.lr = 0.1});
  train::WeightAverage<float> average(net, 0.9);
  average.update();
  for (auto& s : average.state())
    if (s.name == "conv2.weight") s.tensor->view().fill(0);
  const std::string before = small_run::bytes(net);
  CHECK_SAYS(train::WeightAverage<float>::Use(&average), value_error, "conv2");
  CHECK((small_run::bytes(net) == before));
  auto batches = plain_batches();
  nn::Tape<float> tape;
  CHECK_NOTHROW(train_step(net, tape, batches.batch(0), sgd));
}

TEST_CASE("what a tape does not have is an error", "[mistakes]") {
  Net<float> net = small_run::net();
  nn::Tape<float> tape;
  CHECK(contains(refusal([&] { tape[1]; }), "run net.forward() on it first"));
  auto batches = plain_batches();
  net.forward(batches.batch(0).x, tape);
  CHECK(contains(refusal([&] { tape[net.find("bn1")].out.view(); }), "ops::materialise()"));
  CHECK_NOTHROW(tape[net.last()].out.view());
}

TEST_CASE("batches notice that their set is gone", "[mistakes]") {
  data::Dataset set = data::synthetic(50, 3, data::Split::train);
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 16});
  const data::Dataset elsewhere = std::move(set);
  CHECK(contains(refusal([&] { batches.count(); }), "has been moved"));
  CHECK(contains(refusal([&] { batches.batch(0); }), "has been moved"));
}

TEST_CASE("what refers to a net follows it, and is not made of a temporary", "[mistakes]") {
  static_assert(!std::is_constructible_v<saliency::NetFunction, Net<float>>);
  static_assert(!std::is_constructible_v<saliency::NetFeatureMaps, Net<float>>);
  auto net = std::make_unique<Net<float>>(small_run::net());
  auto batches = plain_batches();
  const auto batch = batches.batch(0);
  saliency::NetFunction f(*net);
  saliency::Explainer<float> explain(*net);
  train::Distillation<float> teacher(*net);
  auto moved = std::make_unique<Net<float>>(std::move(*net));
  Tensor<float> logits({batch.size(), 10}), ds({batch.size(), 10});
  f(batch.x, logits);
  CHECK(&explain.net() == moved.get());
  CHECK_NOTHROW(teacher.add(0, logits, batch, ds));
  moved.reset();
  CHECK(contains(refusal([&] { f(batch.x, logits); }), "one that is gone"));
  CHECK(contains(refusal([&] { explain.net(); }), "one that is gone"));
  CHECK(contains(refusal([&] { teacher.add(0, logits, batch, ds); }), "one that is gone"));
}

TEST_CASE("a net that was moved from is an error wherever it is used", "[mistakes]") {
  Net<float> net = small_run::net();
  const Net<float> elsewhere = std::move(net);
  auto batches = plain_batches();
  CHECK(contains(refusal([&] { train::evaluate(net, batches); }), "moved from"));
  CHECK(contains(refusal([&] { net.input(); }), "moved from"));
  CHECK(contains(refusal([&] { net.zero_grad(); }), "moved from"));
  CHECK(contains(refusal([&] { train::Sgd<float>(net, {}); }), "moved from"));
  CHECK(contains(refusal([&] { saliency::logits_of(net, batches.batch(0).x); }), "moved from"));
  CHECK(contains(refusal([&] { net.replace(1, std::make_unique<nn::Relu<float>>()); }), "moved"));
  CHECK(contains(refusal([&] { net.add("more", nn::Relu<float>(), {0}); }), "moved from"));
  CHECK(contains(refusal([&] { net.layers_changed(); }), "moved from"));
  CHECK(contains(refusal([&] { net.parameters(); }), "moved from"));
  CHECK(contains(refusal([&] { net.check_initialized("test"); }), "moved from"));
  CHECK(contains(refusal([&] { net.find("conv1"); }), "moved from"));
  CHECK(contains(refusal([&] { nn::to_json(net); }), "moved from"));
  CHECK(contains(refusal([&] { nn::quantize(net, {}); }), "moved from"));
  CHECK(contains(refusal([&] { nn::calibrate(net, batches.batch(0).x); }), "moved from"));
  Net<float> whole = small_run::net();
  CHECK_SAYS(whole.layer(99), value_error, "net", "got 99");
}

TEST_CASE("a net whose weights were never set is not used", "[mistakes]") {
  Net<float> net({1, 28, 28});
  net.add("flat", nn::Flatten<float>());
  net.add("fc1", nn::Linear<float>({.in = 784, .out = 10}));
  auto batches = plain_batches();
  const TempDir dir;
  CHECK_SAYS(train::evaluate(net, batches), value_error, "evaluate: 'fc1.weight'", "initialize");
  CHECK_SAYS(saliency::logits_of(net, batches.batch(0).x), value_error, "initial weights");
  saliency::Explainer explain(net);
  CHECK_SAYS(saliency::gradient(explain, batches.batch(0).x, batches.batch(0).labels), value_error,
             "explainer: 'fc1.weight'");
  CHECK_SAYS(nn::save_model(dir / "m.safetensors", net), value_error, "save_model: 'fc1.weight'");
  train::Sgd<float> sgd(net, {});
  CHECK_SAYS(train::save_checkpoint(dir / "c", net, sgd, {}), value_error, "checkpoint: 'fc1");
  train::WeightAverage<float> average(net, 0.9); // a checkpoint may fill both
  CHECK_SAYS(train::WeightAverage<float>::Use(&average), value_error, "an update, or initial");
  CHECK_SAYS(infer::FloatEngine<float>(net), value_error, "float engine: 'fc1.weight'");
  CHECK_SAYS(infer::to_onnx(net, {.form = infer::OnnxForm::real}), value_error,
             "ONNX export: 'fc1");
  Net<float> later({1, 28, 28}); // whose clips would all be calibrated to what zeros give
  later.add("conv1", nn::Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
  later.add("relu1", nn::Relu<float>());
  nn::quantize(
      later, {.bits = quant::parse_bit_policy("w4a4"), .input = data::normalization("synthetic")});
  CHECK_SAYS(nn::calibrate(later, batches.batch(0).x), value_error, "calibrate: 'conv1.weight'");
  initialize(net, 1);
  CHECK_NOTHROW(train::evaluate(net, batches));
  CHECK_SAYS(train::WeightAverage<float>::Use(&average), value_error, "neither",
             "after initialize");
  average.update();
  CHECK_NOTHROW(train::WeightAverage<float>::Use(&average));
}

TEST_CASE("accuracy is not measured on augmented images", "[mistakes]") {
  auto batches = small_run::batches();
  CHECK_SAYS(train::evaluate(small_run::net(), batches), value_error, "augmented");
}

TEST_CASE("a quantised net refuses pixels that nobody normalised", "[mistakes]") {
  Net<float> net = quantised();
  Tensor<float> raw({2, 1, 28, 28}, 255);
  CHECK_SAYS(saliency::logits_of(net, raw), value_error, "net input", "normalize", "got 255");
  CHECK_SAYS(nn::calibrate(net, raw), value_error, "net input", "got 255");
  const Tensor<float> bright({2, 1, 28, 28}, 4.0f); // clipped, as noise may have to be
  CHECK_NOTHROW(saliency::logits_of(net, bright));
}

TEST_CASE("settings in other units, and names that are taken", "[mistakes]") {
  TempDir dir;
  Net<float> net = small_run::net();
  CHECK(contains(refusal([&] {
                   train::Schedule{.kind = "step", .milestones = {60, 120}}.check();
                 }),
                 "shares of the run"));
  CHECK(contains(refusal([&] { train::Adamw<float>(net, {.eps = 0}); }), "eps"));
  CHECK(contains(refusal([&] { train::Adamw<float>(net, {.eps = 1e-50}); }), "eps"));
  CHECK(contains(refusal([&] { train::Adadelta<float>(net, {.eps = 0}); }), "eps"));
  CHECK_SAYS(train::Adamw<float>(net, {.beta1 = 0.99999999}), value_error, "beta1", "rounded");
  CHECK(!contains(refusal([&] { train::Adamw<float>(net, {.beta1 = -1}); }), "rounded"));
  train::Sgd<float> sgd(net, {}); // not half-way through the run
  train::GuidedOptions late{.start = 0.5};
  late.mask.fill.fill = ops::Fill::constant;
  CHECK_SAYS(train::GuidedStep<float>(net, sgd, late), value_error, "constant fill", "got 0");
  CHECK(contains(refusal([&] {
                   nn::save_model(dir / "m.safetensors", net, {{"version", "my data v7"}});
                 }),
                 "'version'"));
  const std::string path = dir / "net.safetensors"; // what a file says may go into the next one
  nn::save_model(path, net, {{"mine", "kept"}});
  nn::Model<float> loaded = nn::load_model(path);
  CHECK_NOTHROW(nn::save_model(path, loaded.net, loaded.metadata));
  CHECK(nn::load_model(path).metadata.at("mine") == "kept");
  const Tensor<float> wide({1, 300});
  CHECK(contains(refusal([&] { saliency::predictions(wide); }), "1 to 256 classes"));
  CHECK(contains(refusal([&] { saliency::predictions(Tensor<float>({3, 0})); }), "1 to 256"));
  Tensor<float> diverged({2, 3});
  diverged[3] = std::nanf("");
  CHECK_SAYS(saliency::predictions(diverged), value_error, "finite logits", "nan for image 1");
  CHECK(contains(refusal([&] { saliency::predictions(Tensor<float>({3})); }), "[N, K]"));
}

TEST_CASE("a net knows which grid its training images had", "[mistakes]") {
  TempDir dir;
  Net<float> net = small_run::net();
  train::Adamw<float> optimizer(net, {.lr = 1e-3});
  data::Batches<float> batches = plain_batches();
  QuantParams other = data::normalization("synthetic");
  other.zero_point[0] += 3; // a test set that was measured by itself
  data::Batches<float> others(small_run::images(), other, {.size = 16});
  CHECK_NOTHROW(train::evaluate(net, others)); // not trained yet
  nn::Tape<float> tape;
  train_step(net, tape, batches.batch(0), optimizer);
  CHECK_NOTHROW(train::evaluate(net, batches));
  CHECK(contains(refusal([&] { train::evaluate(net, others); }),
                 "those of the training images, scale "));
  const std::string path = dir / "net.safetensors"; // so does its file
  nn::save_model(path, net);
  nn::Model<float> loaded = nn::load_model(path);
  CHECK(loaded.input == data::normalization("synthetic"));
  CHECK_SAYS(train::evaluate(loaded.net, others), value_error, "training images", "zero points 61");
  Net<float> filled = small_run::net(); // whose weights are loaded knows it as well
  nn::load_weights(io::read_safetensors(path), filled);
  CHECK_SAYS(train::evaluate(filled, others), value_error, "training images", "zero points 61");
  nn::quantize(filled, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 2, .input = other});
  CHECK_SAYS(train::evaluate(filled, others), value_error, "training images", "zero points 61",
             "train it on these first");
  CHECK_SAYS(nn::save_model(path, filled), value_error, "save_model", "training images");
  CHECK_SAYS(infer::export_integer(filled), value_error, "export_integer", "training images");
  CHECK_SAYS(infer::to_onnx(net, {.form = infer::OnnxForm::real, .input = other}), value_error,
             "ONNX export, option input", "that of its training images");
  CHECK_SAYS(nn::save_model(path, net, nn::to_metadata(other)), value_error, "save_model, metadata",
             "that of its training images");
  train::Adamw<float> tuner(loaded.net, {.lr = 1e-3}); // fine-tuned on other images
  train_step(loaded.net, tape, others.batch(0), tuner);
  CHECK_NOTHROW(train::evaluate(loaded.net, others));
  const std::string checkpoint = dir / "checkpoint.safetensors"; // a run that goes on knows it
  train::save_checkpoint(checkpoint, net, optimizer, {});
  Net<float> resumed = small_run::net();
  train::Adamw<float> its_optimizer(resumed, {.lr = 1e-3});
  train::load_checkpoint(checkpoint, resumed, its_optimizer, {});
  CHECK_SAYS(train::evaluate(resumed, others), value_error, "training images", "zero points 61");
  nn::save_model(path, net);
  nn::save_model(dir / "resumed.safetensors", resumed);
  CHECK(io::read_file(path) == io::read_file(dir / "resumed.safetensors"));
  nn::save_model(path, net, {{"input_scale", "mine"}}); // half of a pair is the user's
  CHECK_FALSE(nn::load_model(path).input);
  nn::save_model(path, net, nn::to_metadata(nn::ModelSpec{})); // a spec without a grid says none
  CHECK(nn::load_model(path).input == data::normalization("synthetic"));
  Net<float> moved = std::move(net);
  CHECK_SAYS(train::evaluate(moved, others), value_error, "training images", "zero points 61");
}
