// What goes on beside the training in `mnist` and `cifar10`: progress, tests, history, checkpoints,
// the alphas' course; and the files at the end.
#pragma once

#include "alpha_course.hpp"
#include "history.hpp"
#include "lock.hpp"
#include "progress.hpp"
#include "start.hpp"

#include "sgq/sgq.hpp"

#include <filesystem>
#include <optional>

namespace examples {

namespace distributed = sgq::distributed;
using Parallel = distributed::DataParallel<float>;

inline std::string checkpoint_file(const TrainingOptions& o) {
  return o.out + "/checkpoint.safetensors";
}

/// Shows progress, tests after each epoch, follows the alphas, writes checkpoints. Of ranks that
/// train together each has one; rank 0 alone writes, and prints (ranks.hpp).
class Session : public train::Callbacks {
public:
  Session(const TrainingOptions& options, Start& start, Trainer& trainer,
          const data::Batches<float>& batches, data::Batches<float>& test, Parallel* parallel,
          const std::string& digest)
      : o_(options), start_(start), trainer_(trainer), train_(batches), test_(test),
        parallel_(parallel), writes_(!parallel || parallel->share().rank == 0),
        held_(o_.protocol == data::Protocol::validation ? "validation" : "test"),
        alphas_(start.net, clipped_at_end(options, start)), history_(o_.out, held_),
        batches_(batches.count()), images_(batches.set().size()), path_(checkpoint_file(options)),
        data_(digest) {
    if (!writes_) return;
    make_out_folder(o_.out);
    lock_.emplace(o_.out);
    for (const std::string& file : {model_file(o_), metrics_file(), alpha_picture(),
                                    history_.rows_file(), history_.curves_file()})
      io::check_writable(file);
  }

  /// Where training starts: at the checkpoint, if there is one and it was asked for. Removes nothing:
  /// that waits until all ranks agree.
  train::TrainState begin() {
    train::TrainState state;
    const bool checkpoint = std::filesystem::exists(path_);
    if (o_.resume && checkpoint) {
      state = go_on();
    } else {
      if (o_.resume)
        say("no checkpoint in " + o_.out + " yet: starting from the beginning");
      else if (writes_ && checkpoint && !std::filesystem::exists(metrics_file()))
        throw sgq::io_error(describe(path_, "no unfinished run", "a checkpoint",
                                     "add --resume, or remove it to train anew"));
      anew_ = true;
    }
    first_step_ = state.step;
    progress_ = Progress(o_.epochs * batches_ - state.step, o_.silent ? 600 : 30);
    watch_ = Stopwatch(seconds_);
    return state;
  }

  /// Of a run that begins anew, removes what an earlier one left. Its model stays until the new one
  /// takes its place. metrics.json goes last: while it is there, the folder has a run that is over.
  void clear() const {
    if (!writes_ || !anew_) return;
    for (const std::string& file :
         {path_, history_.rows_file(), history_.curves_file(), alpha_file(), alpha_picture()})
      std::filesystem::remove(file);
    std::filesystem::remove(metrics_file());
  }

  bool after_step(const train::TrainState& state, const train::StepResult&) override {
    alphas_.record();
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
    if (!o_.silent) {
      test();
      char text[200];
      std::snprintf(text, sizeof text,
                    "epoch %d/%d  loss %.4f  accuracy %.2f %%  %s loss %.4f  %s accuracy %.2f "
                    "%%  %s",
                    int(state.epoch), int(o_.epochs), meter.loss(), 100 * meter.accuracy(),
                    held_.c_str(), result_.loss(), held_.c_str(), 100 * result_.accuracy(),
                    clock_text(watch_.seconds()).c_str());
      progress_.line(text);
    }
    history_.add({.number = state.epoch,
                  .train = meter,
                  .held = result_,
                  .learning_rate = learning_rate(o_, state.step - 1, o_.epochs * batches_),
                  .seconds = watch_.seconds()});
    save(state);
    watch_.resume();
    return true;
  }

  /// Writes the files, prints the result and returns what metrics.json says.
  io::Json finish() {
    const train::WeightAverage<float>::Use averaged(trainer_.average());
    if (o_.recipe.reestimate) reestimate();
    if ((result_.images == 0 || o_.recipe.reestimate) && !o_.silent) // 0: nothing was left to do
      evaluate();
    if (!writes_) return metrics();
    nn::save_model(model_file(o_), start_.net, start_.deciding);
    const std::string policy = nn::policy_text(start_.spec.quant);
    alphas_.draw(alpha_picture(), "alpha of " + start_.spec.net + ", " + policy);
    history_.draw(start_.spec.net + ", " + policy + (o_.guided ? ", guided" : "") + ", on " +
                  o_.dataset);
    io::Json result = metrics();
    io::write_file_atomically(metrics_file(), io::to_pretty_string(result));
    char text[96];
    std::snprintf(text, sizeof text, ": %s accuracy %.2f %% of %d images; results are in ",
                  held_.c_str(), 100 * result_.accuracy(), int(result_.images));
    say(start_.spec.net + ", " + policy + (o_.guided ? ", guided" : "") + text + o_.out);
    return result;
  }

private:
  void say(const std::string& line) const {
    if (!o_.silent) std::printf("%s\n", line.c_str());
  }

  /// Takes up the run of the checkpoint.
  train::TrainState go_on() {
    const train::Run run = train::load_checkpoint(path_, start_.net, trainer_.optimizer(),
                                                  start_.deciding, trainer_.average());
    const std::string sum = value_of(run.notes, "data");
    if (!sum.empty() && sum != data_)
      throw sgq::io_error(describe(path_ + ", the training images", "SHA-256 " + data_, sum,
                                   "give the original ones; to train anew, remove it"));
    alphas_.load(alpha_file(), run.state.step);
    history_.load(run.state.epoch);
    seconds_ = std::strtod(value_of(run.notes, "seconds").c_str(), nullptr);
    say("resuming after epoch " + sgq::to_text(run.state.epoch) + ", batch " +
        sgq::to_text(run.state.batch));
    return run.state;
  }

  /// The net that would be saved now: with --ema the average.
  void test() {
    const train::WeightAverage<float>::Use averaged(trainer_.average());
    evaluate();
  }

  void evaluate() {
    result_ =
        parallel_ ? parallel_->evaluate(tape_, test_) : train::evaluate(start_.net, tape_, test_);
  }

  /// On the training images as evaluation would see them: neither shifted nor mirrored.
  void reestimate() {
    data::Batches<float> plain(train_.set(), train_.norm(), {.size = o_.batch, .seed = o_.seed});
    train::reestimate_statistics(start_.net, plain);
  }

  io::Json metrics() {
    const nn::NetCost cost = nn::cost_of(start_.net);
    const double trained = static_cast<double>(o_.epochs * images_);
    io::Json json = io::Json::object({{"dataset", start_.deciding.at("dataset")},
                                      {"net", start_.spec.net},
                                      {"policy", nn::policy_text(start_.spec.quant)},
                                      {"guided", o_.guided},
                                      {"parameters", start_.net.parameter_count()},
                                      {"seed", o_.seed},
                                      {"epochs", o_.epochs},
                                      {"train_images", images_}});
    if (!o_.silent) {
      json["tested_on"] = tested_on(o_.protocol);
      json["test_images"] = result_.images;
      json["test_accuracy"] = result_.accuracy();
      json["test_loss"] = result_.loss();
    }
    json["packed_bytes"] = cost.packed_bytes();
    json["bit_operations"] = cost.bit_operations();
    json["seconds"] = seconds_;
    json["images_per_second"] = trained / seconds_;
    json["version"] = sgq::version;
    json["numerics"] = sgq::numerics_version;
    for (const auto& [layer, alpha] : alphas_.now()) json["alphas"][layer] = alpha;
    for (const auto& [name, value] : start_.deciding) json["options"][name] = value;
    return json;
  }

  /// Images a second, over the whole run so far.
  double rate(const train::TrainState& state) const {
    return static_cast<double>(state.epoch * images_ + state.meter.images) / watch_.seconds();
  }

  std::string alpha_file() const { return o_.out + "/alpha.npy"; }
  std::string alpha_picture() const { return o_.out + "/alpha.svg"; }
  std::string metrics_file() const { return o_.out + "/metrics.json"; } // of a run that is over

  void save(const train::TrainState& state) {
    if (!writes_) return;
    seconds_ = watch_.seconds();
    alphas_.save(alpha_file()); // first, so that a checkpoint never lacks its rows
    history_.save();
    train::save_checkpoint(path_, start_.net, trainer_.optimizer(),
                           {.state = state,
                            .options = start_.deciding,
                            .notes = {{"seconds", sgq::to_text(seconds_)}, {"data", data_}}},
                           trainer_.average());
    since_checkpoint_ = Stopwatch();
  }

  const TrainingOptions& o_;
  Start& start_;
  Trainer& trainer_;
  const data::Batches<float>& train_;
  data::Batches<float>& test_;
  Parallel* parallel_; // null: one process
  bool writes_;
  std::optional<FolderLock> lock_; // while it writes
  std::string held_;               // what the images of test_ are
  AlphaCourse alphas_;
  History history_;
  nn::Tape<float> tape_; // of tests
  index_t batches_, images_;
  std::string path_;  // of the checkpoint
  std::string data_;  // SHA-256 of the training set
  bool anew_ = false; // not from a checkpoint
  index_t first_step_ = 0;
  Progress progress_{1};
  Stopwatch watch_; // training alone: neither tests nor the checkpoints after epochs
  Stopwatch since_checkpoint_;
  double seconds_ = 0; // at the last checkpoint
  train::Meter result_;
};

} // namespace examples
