// Fewer bits stage by stage: how the list is read, what a change of bits keeps, and that such a run
// can be killed anywhere.
#include "sgq/train/progressive.hpp"

#include "sgq/train/checkpoint.hpp"
#include "sgq/train/sgd.hpp"

#include "small_run.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <functional>
#include <optional>

namespace test_progressive {

using namespace sgq;
using namespace sgq::train;

namespace {

const quant::BitPolicy w2a2 = quant::parse_bit_policy("w2a2");

nn::QuantizeOptions options_of(const quant::BitPolicy& bits) {
  return {.bits = bits, .input = data::normalization("synthetic")};
}

/// "w8a8@0 w2a2@0.5"
std::string text_of(const std::vector<BitStage>& stages) {
  std::string text;
  for (const BitStage& s : stages)
    text += (text.empty() ? "" : " ") + quant::name(s.bits) + "@" + to_text(s.start);
  return text;
}

std::vector<float> alphas(nn::Net<float>& net) {
  std::vector<float> all;
  for (const nn::ValueId i : nn::pact_layers(net)) all.push_back(net.layer(i).clip()->value()[0]);
  return all;
}

void change(nn::Net<float>& net, const char* bits) {
  auto batches = small_run::batches();
  change_bits(net, options_of(quant::parse_bit_policy(bits)), batches.batch(0).x);
}

/// The least of relu2's positive inputs that 99.9 % of them do not exceed, on the first batch.
float quantile_before_relu2(const nn::Net<float>& net) {
  auto batches = small_run::batches();
  const auto batch = batches.batch(0);
  nn::Tape<float> tape;
  nn::Mode mode = nn::Mode::train(Random(0));
  mode.dropout = false;
  net.forward(batch.x, tape, mode);
  const Signal<float>& in = tape[net.find("add")].out;
  Tensor<float> v(in.shape);
  ops::materialise(in, v.view());
  std::sort(v.begin(), v.end(), std::greater<>());
  const auto positive = std::count_if(v.begin(), v.end(), [](float u) { return u > 0; });
  return v[positive / 1000]; // as many exceed it as a thousandth allows
}

/// Values by name, without the clips and steps.
std::map<std::string, std::vector<float>> weights(nn::Net<float>& net) {
  std::map<std::string, std::vector<float>> all;
  for (auto& p : net.parameters())
    if (p.parameter->group() != nn::ParameterGroup::clip)
      all[p.name] = {p.parameter->value().begin(), p.parameter->value().end()};
  for (auto& b : net.buffers()) all[b.name] = {b.tensor->begin(), b.tensor->end()};
  return all;
}

/// A run in stages as the header of the library shows it, which may be killed and gone on with.
struct StagedRun : Callbacks {
  std::vector<BitStage> stages = parse_bit_stages("fp32:0.3,w4a4", w2a2);
  nn::Net<float> net = small_run::net();
  std::optional<Sgd<float>> optimizer{};
  std::size_t stage = 0;
  std::vector<std::size_t> seen{};
  std::string path{};
  index_t kill = 0;

  explicit StagedRun(std::size_t first = 0) { enter(first); }

  void enter(std::size_t now) {
    auto batches = small_run::batches();
    enter(now, batches.batch(0).x);
  }
  void enter(std::size_t now, View<const float> x) {
    change_bits(net, options_of(stages[now].bits), x);
    optimizer.emplace(net, SgdOptions{.lr = 0.01});
    stage = now;
  }
  void run(TrainState state = {}) {
    auto batches = small_run::batches();
    nn::Tape<float> tape;
    const auto step = [&](const data::Batch<float>& batch, const StepContext& at) {
      if (const std::size_t now = stage_at(stages, *at.progress); now != stage) enter(now, batch.x);
      seen.push_back(stage);
      return train_step(net, tape, batch, *optimizer, at);
    };
    fit<float>(batches, {.epochs = 3, .seed = 4}, step, state, this);
  }
  bool after_step(const TrainState& state, const StepResult&) override {
    if (state.step != kill) return true;
    save_checkpoint(path, net, *optimizer, {.state = state});
    return false;
  }
};

} // namespace

TEST_CASE("a list of stages: policies, and shares of the run", "[progressive]") {
  const auto read = [](const char* text) { return text_of(parse_bit_stages(text, w2a2)); };
  CHECK(read("") == "w2a2@0");
  CHECK(read("w4a4") == "w4a4@0 w2a2@0.5");
  CHECK(read("8,4,4/2") == "w8a8@0 w4a4@0.25 layerwise-4-2@0.5 w2a2@0.75");
  CHECK(read("fp32:0.75") == "fp32@0 w2a2@0.75");
  CHECK(read("w8a8:0.5,w4a4") == "w8a8@0 w4a4@0.5 w2a2@0.75");
  CHECK(read("w8a8,w4a4:0.5") == "w8a8@0 w4a4@0.25 w2a2@0.75");
  CHECK(read("w4a4,conv2=w8a8:0.25,w4a4") ==
        "w4a4,conv2=w8a8@0 w4a4@0.25 w2a2@0.625"); // another layer's bits belong to its policy
  const auto stages = parse_bit_stages("w8a8,w4a4", w2a2);
  CHECK(stages[1].start == 1.0 / 3);
  CHECK(stages[2].start == 2.0 / 3);

  // First and last layer are treated as in the last policy.
  const auto same = quant::parse_bit_policy("w2a2", quant::FirstLast::same);
  CHECK(parse_bit_stages("w4a4", same).front().bits.first_last == quant::FirstLast::same);

  struct Bad {
    const char *text, *policy;
  };
  for (const Bad& bad : {Bad{"w9a4", "'w9a4'"},
                         {"w8a8,", "''"},
                         {",w8a8", "''"},
                         {"conv2=w4a4", "'conv2=w4a4'"},
                         {"w4a4:0.5,conv2=w2a2", "'conv2=w2a2'"}})
    CHECK_SAYS(parse_bit_stages(bad.text, w2a2), value_error, "bits",
               std::string("got ") + bad.policy);
  for (const char* bad : {"w8a8:", "w8a8:0", "w8a8:-0.1", "w8a8:nan", "w8a8:x", "w8a8:0.5:0.1"})
    CHECK_SAYS(parse_bit_stages(bad, w2a2), value_error, "POLICY:SHARE", bad);
  for (const char* bad : {"w8a8:1", "w8a8:0.6,w4a4:0.4", "w8a8:0.7,w4a4:0.3", "w8a8:1e308"})
    CHECK_SAYS(parse_bit_stages(bad, w2a2), value_error, "add up to less than 1", bad);
}

TEST_CASE("a step belongs to the stage that has begun", "[progressive]") {
  const auto stages = parse_bit_stages("w8a8,w4a4", w2a2);
  std::vector<std::size_t> of_step;
  for (int step = 0; step < 9; ++step) of_step.push_back(stage_at(stages, step / 9.0));
  CHECK(of_step == std::vector<std::size_t>{0, 0, 0, 1, 1, 1, 2, 2, 2});
  CHECK(stage_at({{w2a2, 0}}, 0.99) == 0);
  // .1 + .2 and .2 + .2 + .2 are a little more than the steps' .3 and .6.
  CHECK(stage_at(parse_bit_stages("fp32:0.1,w8a8:0.2", w2a2), 0.3) == 2);
  CHECK(stage_at(parse_bit_stages("8,8,4,4", w2a2), 0.6) == 3);
}

TEST_CASE("a change of bits keeps weights, statistics and clips", "[progressive]") {
  const small_run::Threads one(1);
  nn::Net<float> net = small_run::net();
  change(net, "w8a8");
  Sgd<float> sgd(net, {.lr = 0.01});
  auto batches = small_run::batches();
  fit(net, batches, sgd, {.epochs = 2});
  const auto before = weights(net);
  const auto clips = alphas(net);
  change(net, "w2a2");
  CHECK(weights(net) == before);
  CHECK(alphas(net) == clips);
  CHECK(net.precision().at("conv2") == "sawb, 2 bits, odd codes -3..3");
  CHECK(net.precision().at("relu2") == "pact, 2 bits");
  nn::Tape<float> tape;
  CHECK_NOTHROW(net.forward(batches.batch(0).x, tape)); // with fresh codes
  CHECK(contains(message_of<value_error>([&] { sgd.net(); }), "optimizer"));
}

TEST_CASE("only clips that are new are calibrated", "[progressive]") {
  nn::Net<float> net = small_run::net(), expected = small_run::net();
  change(net, "w4a4");
  nn::quantize(expected, options_of(quant::parse_bit_policy("w4a4")));
  auto batches = small_run::batches();
  nn::calibrate(expected, batches.batch(0).x);
  CHECK(alphas(net) == alphas(expected)); // all were new

  // relu1 keeps a clip of its own, relu2 gets one that fits behind it.
  nn::Net<float> half = small_run::net();
  change(half, "w4a4,conv2=w4a32");
  REQUIRE(alphas(half).size() == 1);
  net.layer(nn::pact_layers(net)[0]).clip()->edit()[0] = 0.5f;
  half.layer(nn::pact_layers(half)[0]).clip()->edit()[0] = 0.5f;
  for (nn::Net<float>* n : {&net, &half}) n->quantize_weights();
  change(half, "w4a4");
  CHECK(alphas(half)[0] == 0.5f);
  CHECK(alphas(half)[1] != alphas(net)[1]); // net's was calibrated behind the old clip
  CHECK(alphas(half)[1] == quantile_before_relu2(half));
  nn::calibrate(net, batches.batch(0).x, 0.999, nn::Clips::missing); // none is
  CHECK(alphas(net)[0] == 0.5f);
  nn::calibrate(net, batches.batch(0).x);
  CHECK(alphas(net) == alphas(expected));

  nn::QuantizeOptions constant = options_of(quant::parse_bit_policy("w4a4"));
  constant.alpha = 7;
  nn::Net<float> third = small_run::net();
  change(third, "w4a4,conv2=w4a32");
  const float kept = alphas(third)[0];
  change_bits(third, constant, batches.batch(0).x);
  CHECK(alphas(third) == std::vector<float>{kept, 7});
  constant.alpha = -1;
  nn::Net<float> fourth = small_run::net();
  CHECK_SAYS(change_bits(fourth, constant, batches.batch(0).x), value_error, "alpha", "got -1");
  constant.alpha.reset();
  CHECK_SAYS(change_bits(fourth, constant, batches.batch(0).x, 99.9), value_error, "quantile",
             "got 99.9");
  CHECK(nn::pact_layers(fourth).empty()); // as it was
}

TEST_CASE("LSQ's steps start anew, at the size of the new bits", "[progressive]") {
  nn::Net<float> net = small_run::net(), expected = small_run::net();
  auto batches = small_run::batches();
  for (const char* bits : {"w8a8", "w2a2"}) {
    nn::QuantizeOptions options = options_of(quant::parse_bit_policy(bits));
    options.weights = "lsq";
    change_bits(net, options, batches.batch(0).x);
    if (std::string(bits) == "w2a2") nn::quantize(expected, options);
  }
  const auto step = [](nn::Net<float>& n) {
    for (auto& p : n.parameters())
      if (p.name == "conv2.step") return p.parameter->value()[0];
    return 0.0f;
  };
  CHECK(step(net) > 0);
  CHECK(step(net) == step(expected));
}

TEST_CASE("a run in stages, killed anywhere and gone on with: the same bytes", "[progressive]") {
  const small_run::Threads one(1);
  const TempDir dir;
  StagedRun whole;
  whole.run();
  CHECK(whole.seen == std::vector<std::size_t>{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  for (const index_t kill : {1, 3, 4, 5, 7, 8, 9, 12}) { // 4 and 8 are the ends of stages
    INFO(kill);
    {
      StagedRun first;
      first.path = dir / "checkpoint", first.kill = kill;
      first.run();
    }
    const TrainState state = read_state(dir / "checkpoint");
    CHECK(state.step == kill);
    StagedRun second(
        stage_at(whole.stages, static_cast<double>(state.step - 1) / 12)); // of its last step
    CHECK(load_checkpoint(dir / "checkpoint", second.net, *second.optimizer, {}).state == state);
    second.run(state);
    CHECK((small_run::bytes(second.net) == small_run::bytes(whole.net)));
  }
  CHECK_SAYS(read_state(dir / "absent"), io_error, "read '" + (dir / "absent"), "No such file");
}

} // namespace test_progressive
