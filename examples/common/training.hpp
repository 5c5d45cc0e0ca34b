// What the training programs share: their options, where data are looked for, and what happens
// beside the training itself (progress, checkpoints, metrics).
#pragma once

#include "command_line.hpp"
#include "data_folder.hpp"
#include "progress.hpp"

#include "sgq/data/load.hpp"
#include "sgq/io/checkpoint.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/optimizers.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>

namespace examples {

namespace train = sgq::train;
namespace data = sgq::data;
namespace nn = sgq::nn;
namespace io = sgq::io;

/// The options of a training program; each program has its own defaults.
struct TrainingOptions {
  std::string dataset, net;
  std::string data = "", out = "out";
  index_t epochs = 5, batch = 64;
  std::string optimizer = "adamw", schedule = "one-cycle";
  double lr = 1e-3, decay = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  index_t limit = 0;
  index_t checkpoint_seconds = 60;
  bool resume = false;

  /// Those that decide the result: a checkpoint of other ones cannot be gone on from.
  nn::Metadata deciding() const {
    const auto number = [](double v) { return nn::detail::number_text(v); };
    return {{"dataset", dataset},
            {"net", net},
            {"epochs", std::to_string(epochs)},
            {"batch", std::to_string(batch)},
            {"optimizer", optimizer},
            {"schedule", schedule},
            {"lr", number(lr)},
            {"decay", number(decay)},
            {"seed", std::to_string(seed)},
            {"limit", std::to_string(limit)}};
  }
};

inline void add_training_options(CommandLine& line, TrainingOptions& o,
                                 const std::vector<std::string>& datasets,
                                 const std::vector<std::string>& nets) {
  constexpr index_t many = index_t{1} << 31;
  line.choice("--dataset", &o.dataset, datasets, "what to learn");
  line.text("--data", &o.data, "DIR",
            "where the set is, in DIR/SET or DIR (default: data, here or in the source tree)");
  line.choice("--net", &o.net, nets, "the network");
  line.integer("--epochs", &o.epochs, {1, 100000}, "passes over the training set");
  line.integer("--batch", &o.batch, {1, 65536}, "images in a step");
  line.choice("--optimizer", &o.optimizer, {"sgd", "adamw", "adadelta"}, "how weights are moved");
  line.choice("--schedule", &o.schedule, {"constant", "step", "cosine", "one-cycle"},
              "course of the learning rate");
  line.number("--lr", &o.lr, "the highest learning rate");
  line.number("--decay", &o.decay, "weight decay");
  line.integer("--seed", &o.seed, {0, std::numeric_limits<index_t>::max()},
               "of weights, order, dropout");
  line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one a core");
  line.integer("--limit", &o.limit, {0, many},
               "use the first N training and N test images only, 0 for all");
  line.text("--out", &o.out, "DIR", "takes metrics.json, model.safetensors and the checkpoint");
  line.integer("--checkpoint-every", &o.checkpoint_seconds, {0, 86400},
               "seconds between checkpoints, beside the one after each epoch; 0: every step");
  line.flag("--resume", &o.resume, "go on from the checkpoint in --out, if there is one");
}

inline data::Dataset load_dataset(const TrainingOptions& o, data::Split split) {
  data::Dataset set = data::load(o.dataset, data_folder(o.data, o.dataset), split);
  if (o.limit > 0 && o.limit < set.size()) return data::slice(set, 0, o.limit);
  return set;
}

/// Beside the training: shows progress, tests after each epoch, writes checkpoints.
class Session : public train::Callbacks {
public:
  Session(const TrainingOptions& options, nn::Net<float>& net, train::Optimizer<float>& optimizer,
          const data::Batches<float>& batches, data::Batches<float>& test)
      : o_(options), net_(net), optimizer_(optimizer), test_(test), batches_(batches.count()),
        images_(batches.set().size()), path_(options.out + "/checkpoint.safetensors") {
    std::filesystem::create_directories(o_.out);
  }

  /// Where training starts: at the checkpoint, if there is one and it was asked for.
  train::TrainState start() {
    train::TrainState state;
    double seconds_before = 0;
    if (!o_.resume) {
      std::filesystem::remove(path_); // of an earlier run
    } else if (!std::filesystem::exists(path_)) {
      std::printf("no checkpoint in %s yet: starting from the beginning\n", o_.out.c_str());
    } else {
      const io::Run run = io::load_checkpoint(path_, net_, optimizer_, o_.deciding());
      state = run.state;
      if (const auto found = run.notes.find("seconds"); found != run.notes.end())
        seconds_before = seconds_ = std::strtod(found->second.c_str(), nullptr);
      std::printf("going on after epoch %d, batch %d\n", int(state.epoch), int(state.batch));
    }
    first_step_ = state.step;
    progress_ = Progress(o_.epochs * batches_ - state.step);
    watch_ = Stopwatch(seconds_before);
    return state;
  }

  bool after_step(const train::TrainState& state, const train::StepResult&) override {
    char text[120];
    std::snprintf(text, sizeof text, "epoch %d/%d  loss %.3f  accuracy %.1f %%  %.0f images/s",
                  int(state.epoch) + 1, int(o_.epochs), state.meter.loss(),
                  100 * state.meter.accuracy(), rate(state));
    progress_.show(state.step - first_step_, text);
    if (since_checkpoint_.seconds() >= static_cast<double>(o_.checkpoint_seconds)) save(state);
    return true;
  }

  bool after_epoch(const train::TrainState& state, const train::Meter& meter) override {
    watch_.pause();
    result_ = train::evaluate(net_, tape_, test_);
    char text[160];
    std::snprintf(text, sizeof text,
                  "epoch %d/%d  loss %.4f  accuracy %.2f %%  test loss %.4f  test accuracy %.2f "
                  "%%  %s",
                  int(state.epoch), int(o_.epochs), meter.loss(), 100 * meter.accuracy(),
                  result_.loss(), 100 * result_.accuracy(), clock_text(watch_.seconds()).c_str());
    progress_.line(text);
    save(state);
    watch_.resume();
    return true;
  }

  /// Writes model.safetensors and metrics.json, and prints the result.
  void finish(const nn::ModelSpec& spec) {
    if (result_.images == 0)
      result_ = train::evaluate(net_, tape_, test_); // nothing was left to do
    nn::Metadata metadata = nn::to_metadata(spec);
    metadata["dataset"] = o_.dataset;
    io::save_model(o_.out + "/model.safetensors", net_, metadata);
    const double trained = static_cast<double>(o_.epochs * images_);
    io::write_file_atomically(
        o_.out + "/metrics.json",
        io::to_pretty_string(io::Json::object({{"dataset", o_.dataset},
                                               {"net", o_.net},
                                               {"parameters", net_.parameter_count()},
                                               {"seed", o_.seed},
                                               {"epochs", o_.epochs},
                                               {"train_images", images_},
                                               {"test_images", result_.images},
                                               {"test_accuracy", result_.accuracy()},
                                               {"test_loss", result_.loss()},
                                               {"seconds", seconds_},
                                               {"images_per_second", trained / seconds_},
                                               {"version", sgq::version}})));
    std::printf("test accuracy %.2f %% of %d images; results are in %s\n", 100 * result_.accuracy(),
                int(result_.images), o_.out.c_str());
  }

private:
  /// Images a second, over the whole run so far.
  double rate(const train::TrainState& state) const {
    return static_cast<double>(state.epoch * images_ + state.meter.images) / watch_.seconds();
  }

  void save(const train::TrainState& state) {
    seconds_ = watch_.seconds();
    io::save_checkpoint(path_, net_, optimizer_,
                        {.state = state,
                         .options = o_.deciding(),
                         .notes = {{"seconds", std::to_string(seconds_)}}});
    since_checkpoint_ = Stopwatch();
  }

  const TrainingOptions& o_;
  nn::Net<float>& net_;
  train::Optimizer<float>& optimizer_;
  data::Batches<float>& test_;
  nn::Tape<float> tape_; // of tests
  index_t batches_, images_;
  std::string path_; // of the checkpoint
  index_t first_step_ = 0;
  Progress progress_{1};
  Stopwatch watch_; // training alone: neither tests nor the checkpoints after epochs
  Stopwatch since_checkpoint_;
  double seconds_ = 0; // at the last checkpoint
  train::Meter result_;
};

} // namespace examples
