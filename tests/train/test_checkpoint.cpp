// Checkpoints: a run that was killed goes on to the same last bit, and only its own checkpoint lets
// it.
#include "sgq/train/checkpoint.hpp"

#include "io/mutate.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"
#include "train/small_run.hpp"

#include <limits>

namespace test_checkpoint {

using namespace sgq;
using namespace sgq::io;
using train::Run, train::load_checkpoint, train::save_checkpoint;

namespace {

const nn::Metadata options{{"lr", "0.003"}, {"net", "small"}};
const train::FitOptions two_epochs{.epochs = 2, .seed = 3, .schedule = {.kind = "cosine"}};

/// Writes a checkpoint after some step and stops there, as a kill would.
struct Killed : train::Callbacks {
  std::string path;
  nn::Net<float>& net;
  train::Optimizer<float>& optimizer;
  index_t at;
  Killed(std::string p, nn::Net<float>& n, train::Optimizer<float>& o, index_t step)
      : path(std::move(p)), net(n), optimizer(o), at(step) {}

  bool after_step(const train::TrainState& state, const train::StepResult&) override {
    if (state.step < at) return true;
    save_checkpoint(path, net, optimizer,
                    {.state = state, .options = options, .notes = {{"seconds", "1.5"}}});
    return false;
  }
};

/// A checkpoint after three steps of SGD.
void write_checkpoint(const std::string& path) {
  auto net = small_run::net();
  train::Sgd<float> optimizer(net, {.lr = 0.003});
  auto batches = small_run::batches();
  Killed killed(path, net, optimizer, 3);
  train::fit(net, batches, optimizer, two_epochs, {}, &killed);
}

/// Loads a checkpoint into a fresh run; what went wrong, after which nothing may have changed.
std::string load_message(const std::string& path, const nn::Metadata& mine = options) {
  auto net = small_run::net();
  train::Sgd<float> optimizer(net, {.lr = 0.003});
  const std::string before = small_run::bytes(net);
  const std::string text =
      message_of<io_error>([&] { load_checkpoint(path, net, optimizer, mine); });
  if (!text.empty()) {
    CHECK(contains(text, path));
    CHECK((small_run::bytes(net) == before));
    CHECK(optimizer.steps() == 0);
    for (auto& s : optimizer.state())
      CHECK(std::all_of(s.tensor->begin(), s.tensor->end(), [](float v) { return v == 0; }));
  }
  return text;
}

} // namespace

TEST_CASE("killed and gone on with from a checkpoint: the same bytes", "[train]") {
  const small_run::Threads one(1);
  const TempDir dir;
  for (const std::string& name : names_of(train::optimizers<float>)) {
    const train::CommonOptions settings{.lr = 0.003, .groups = train::decayed(0.01)};
    auto whole = small_run::net();
    const auto whole_optimizer = train::make_optimizer<float>(name, whole, settings);
    auto batches = small_run::batches();
    train::fit(whole, batches, *whole_optimizer, two_epochs);

    for (index_t kill : {1, 6}) {
      const std::string path = dir / "checkpoint";
      {
        auto net = small_run::net();
        const auto optimizer = train::make_optimizer<float>(name, net, settings);
        Killed killed(path, net, *optimizer, kill);
        train::fit(net, batches, *optimizer, two_epochs, {}, &killed);
      }
      auto net = small_run::net();
      const auto optimizer = train::make_optimizer<float>(name, net, settings);
      const Run run = load_checkpoint(path, net, *optimizer, options);
      CHECK(run.state.step == kill);
      CHECK(run.notes == nn::Metadata{{"seconds", "1.5"}});
      CHECK(optimizer->steps() == kill);
      train::fit(net, batches, *optimizer, two_epochs, run.state);
      CHECK((small_run::bytes(net) == small_run::bytes(whole)));
    }
  }
}

TEST_CASE("every number of the state comes back exactly", "[train]") {
  const TempDir dir;
  auto net = small_run::net();
  train::Adamw<float> optimizer(net, {});
  const train::TrainState state{.epoch = 3,
                                .batch = 2,
                                .step = 14,
                                .meter = {.loss_sum = 1.0 / 3, .correct = 17, .images = 32}};
  save_checkpoint(dir / "c", net, optimizer, {.state = state});
  CHECK(load_checkpoint(dir / "c", net, optimizer, {}).state == state);
}

TEST_CASE("a quantised net resumes with its alphas and fresh codes", "[train]") {
  const TempDir dir;
  nn::ModelSpec spec;
  spec.net = "lenet5";
  spec.options.width = 3;
  spec.quant.bits = quant::parse_bit_policy("w4a4");
  spec.quant.input = data::normalization("synthetic");
  nn::Net<float> a = nn::build_model(spec), b = nn::build_model(spec);
  train::Sgd<float> oa(a, {}), ob(b, {});
  for (auto& p : a.parameters())
    if (p.parameter->group() == nn::ParameterGroup::clip) p.parameter->edit()[0] = 2.125f;
  a.quantize_weights();
  save_checkpoint(dir / "c", a, oa, {});
  load_checkpoint(dir / "c", b, ob, {});
  CHECK((small_run::bytes(a) == small_run::bytes(b)));
  Tensor<float> x({1, 1, 28, 28}, 0.5f);
  nn::Tape<float> tape;
  CHECK_NOTHROW(b.forward(x, tape));
}

TEST_CASE("a checkpoint of other options is refused by the first that differs", "[train]") {
  const small_run::Threads one(1);
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  write_checkpoint(path);
  CHECK(load_message(path).empty());
  const std::string lr = load_message(path, {{"lr", "0.1"}, {"net", "small"}});
  CHECK(contains(lr, "lr 0.1"));
  CHECK(contains(lr, "got lr 0.003"));
  CHECK(contains(load_message(path, {{"net", "small"}}), "lr"));
  nn::Metadata more = options;
  more["guided"] = "1";
  CHECK(contains(load_message(path, more), "guided 1"));
}

TEST_CASE("a checkpoint of another net or optimiser is refused", "[train]") {
  const small_run::Threads one(1);
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  write_checkpoint(path);
  auto net = small_run::net();
  train::Adamw<float> adamw(net, {});
  CHECK(contains(message_of<io_error>([&] { load_checkpoint(path, net, adamw, options); }),
                 "expected adamw, got sgd"));
  nn::Net<float> other = nn::lenet5({.width = 3});
  train::Sgd<float> sgd(other, {});
  CHECK(contains(message_of<io_error>([&] { load_checkpoint(path, other, sgd, options); }),
                 "layers: expected conv1"));
}

TEST_CASE("a checkpoint of other numerics, arithmetic or precision is refused", "[train]") {
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  const auto quantised = [](const char* bits) {
    auto net = small_run::net();
    nn::quantize(net, {.bits = quant::parse_bit_policy(bits),
                       .alpha = 2,
                       .input = data::normalization("synthetic")});
    return net;
  };
  auto net = quantised("w4a4");
  train::Sgd<float> sgd(net, {});
  save_checkpoint(path, net, sgd, {.options = options});
  auto coarse = quantised("w2a2");
  train::Sgd<float> of_coarse(coarse, {});
  CHECK(contains(message_of<io_error>([&] { load_checkpoint(path, coarse, of_coarse, options); }),
                 "layer 'conv2'"));

  const SafeTensors good = read_safetensors(path);
  const auto message_with = [&](const char* key, const char* value) {
    SafeTensors file = good;
    file.metadata.erase(key);
    if (value) file.metadata[key] = value;
    file.metadata["digest"] = train::detail::digest(file);
    write_safetensors(path, file);
    return message_of<io_error>([&] { load_checkpoint(path, net, sgd, options); });
  };
  CHECK(contains(message_with("numerics", "1"),
                 "numerics: expected " + to_text(numerics_version) + ", got 1"));
  CHECK(contains(message_with("numerics", nullptr), ", got older ones"));
  CHECK(contains(message_with("arithmetic", "another"),
                 std::string("arithmetic: expected ") + kernels::arithmetic() + ", got another"));
  CHECK(message_with("arithmetic", nullptr) == ""); // files of 0.2.0
  CHECK(contains(message_with("state.epoch", nullptr), "entry 'state.epoch', got none"));
  CHECK(
      contains(message_with("state.step", "-1"), "state.step: expected an integer >= 0, got '-1'"));
  for (const char* bad : {"nan", "inf", "x"})
    CHECK(contains(message_with("state.loss_sum", bad), "state.loss_sum: expected a number"));
  CHECK(contains(message_with("optimizer_steps", "x"), "optimizer_steps"));
  CHECK(contains(message_with("optimizer_steps", "-1"), "optimizer_steps"));

  CHECK(contains(message_of<value_error>([&] { save_checkpoint(path, coarse, sgd, {}); }),
                 "one that was made for the net, got one of another net"));
  CHECK(contains(message_of<value_error>([&] { load_checkpoint(path, coarse, sgd, options); }),
                 "one that was made for the net, got one of another net"));
}

TEST_CASE("a checkpoint of other layers, or of an optimiser set otherwise, is refused", "[train]") {
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  write_checkpoint(path);
  const auto message = [&](nn::Net<float> net, const train::SgdOptions& settings) {
    train::Sgd<float> sgd(net, settings);
    return message_of<io_error>([&] { load_checkpoint(path, net, sgd, options); });
  };
  CHECK(message(small_run::net(), {.lr = 0.003}) == "");
  CHECK(contains(message(small_run::net(), {.lr = 0.5}),
                 "optimizer settings: expected learning rate 0.5, got learning rate 0.003"));
  CHECK(contains(message(small_run::net(), {.lr = 0.003, .momentum = 0.95}),
                 "expected momentum 0.95, got momentum 0.9"));
  CHECK(contains(message(small_run::net(), {.lr = 0.0035}), // as long as they are equal
                 "expected learning rate 0.0035, got learning rate 0.003"));
  CHECK(contains(message(small_run::net(), {.lr = 0.00}), "expected learning rate 0, got"));
  CHECK(contains(message(small_run::net(), {.lr = 0.003, .groups = train::decayed(0.01)}),
                 "expected weight: learning rate x 1, decay 0.01, got weight"));
  auto pooled = small_run::net(); // the same parameters
  pooled.replace(pooled.find("pool"), std::make_unique<nn::AvgPool<float>>(nn::PoolOptions{}));
  CHECK(contains(message(std::move(pooled), {.lr = 0.003}),
                 "layers: expected pool: avg_pool of relu2 -> [1, 4, 7, 7] "));
  auto dropped = small_run::net();
  dropped.replace(dropped.find("dropout"), std::make_unique<nn::Dropout<float>>(0.5));
  CHECK(contains(message(std::move(dropped), {.lr = 0.003}), "layers: expected dropout: "));

  SafeTensors file = read_safetensors(path); // earlier versions did not say
  for (const char* key : {"layers", "optimizer settings"}) file.metadata.erase(key);
  file.metadata["digest"] = train::detail::digest(file);
  write_safetensors(path, file);
  CHECK(message(small_run::net(), {.lr = 0.003}) == "");
}

TEST_CASE("numbers that are not finite do not replace a checkpoint", "[train]") {
  const TempDir dir;
  auto net = small_run::net();
  train::Sgd<float> sgd(net, {});
  save_checkpoint(dir / "c", net, sgd, {.options = options});
  const std::string before = read_file(dir / "c");
  for (auto& p : net.parameters()) p.parameter->edit()[0] = std::numeric_limits<float>::infinity();
  CHECK(contains(message_of<value_error>([&] { save_checkpoint(dir / "c", net, sgd, {}); }),
                 "expected finite numbers, got inf"));
  CHECK(read_file(dir / "c") == before);
}

TEST_CASE("a model is no checkpoint", "[train]") {
  const TempDir dir;
  auto net = small_run::net();
  save_model(dir / "m", net, {});
  CHECK(contains(load_message(dir / "m"), "format"));
  CHECK(contains(load_message(dir / "absent"), "absent"));
  CHECK(contains(message_of<io_error>([&] { train::read_state(dir / "m"); }),
                 "format: expected sgq checkpoint 1, got sgq model"));
  write_checkpoint(dir / "c");
  CHECK_SAYS(nn::load_model(dir / "c"), io_error, "got sgq checkpoint 1", "load_checkpoint()");
}

TEST_CASE("a damaged checkpoint is never gone on from", "[train]") {
  const small_run::Threads one(1);
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  write_checkpoint(path);
  const std::string good = read_file(path);

  const auto message = [&](const std::string& bytes) {
    write_file_atomically(path, bytes);
    return load_message(path);
  };
  SECTION("cut short") {
    for (std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100}, good.size() - 1})
      CHECK(!message(good.substr(0, size)).empty());
  }
  SECTION("one bit of a weight or of the state") {
    for (std::size_t at : {good.size() - 1, good.size() / 2}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      CHECK(contains(message(bad), "digest"));
    }
    std::string bad = good;
    const std::size_t at = bad.find("\"state.step\":\"3\"");
    REQUIRE(at != bad.npos);
    bad[at + 14] = '4';
    CHECK(contains(message(bad), "digest"));
  }
  SECTION("anything at all") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const std::string bad = mutate(good, seed);
      if (bad != good) CHECK(!message(bad).empty());
    }
  }
}

TEST_CASE("a checkpoint of floats is none of a run in doubles", "[train]") {
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  auto floats = nn::lenet5<float>({.width = 2});
  train::Sgd<float> saved(floats, {.lr = 0.003});
  save_checkpoint(path, floats, saved, {.options = options});
  auto net = nn::lenet5<double>({.width = 2});
  train::Sgd<double> optimizer(net, {.lr = 0.003});
  CHECK(contains(message_of<io_error>([&] { load_checkpoint(path, net, optimizer, options); }),
                 "expected F64, got F32"));
}

} // namespace test_checkpoint
