// A training run from its options to its files: what `mnist` and `cifar10` share.
//
//   build the net, or load it    start()
//   train, plainly or guided     train_network(), by the steps of trainer.hpp
//   beside it                    Session: progress, tests, history, checkpoints, the alphas' course
//   at the end                   model.safetensors, metrics.json, history.jsonl, training.svg,
//                                alpha.svg, alpha.npy
#pragma once

#include "alpha_course.hpp"
#include "history.hpp"
#include "progress.hpp"
#include "trainer.hpp"
#include "training_options.hpp"

#include "sgq/sgq.hpp"

#include <filesystem>
#include <optional>

namespace examples {

namespace distributed = sgq::distributed;
using Parallel = distributed::DataParallel<float>;

// ---- The net at its start -----------------------------------------------------------------------

/// A net and everything that decides what becomes of it.
struct Start {
  nn::ModelSpec spec;
  nn::Net<float> net;
  nn::Metadata deciding; ///< options of the run, by name
};

/// What a model file says of a set in a folder, which no table knows.
inline nn::Metadata own_set_pairs(const data::Dataset& set) {
  nn::Metadata pairs = nn::to_metadata(set.class_names);
  pairs["dataset"] = set.name;
  pairs["background"] = set.on_black ? "black" : "mean";
  pairs["dataset.sha256"] = data::digest(set);
  return pairs;
}

/// The model of --from-weights. Throws usage_error where the options or the set want another one.
inline nn::Model<float> load_start(const TrainingOptions& o, const data::Dataset& set) {
  nn::Model<float> model = nn::load_model(o.from_weights);
  if (!model.spec)
    throw usage_error(describe("--from-weights", "one of the networks of this program",
                               o.from_weights + ", a net of its own"));
  const bool real = model.bits() == "fp32";
  check_agrees(o.from_weights, model, o.net, real ? "" : o.bits);
  const TrainingOptions usual; // no recipe says anything of these
  if (!real && (o.weights != usual.weights || o.first_last != usual.first_last ||
                o.pact != usual.pact || o.alpha != usual.alpha ||
                o.alpha_quantile != usual.alpha_quantile || !o.recipe.progressive.empty()))
    throw usage_error("--weights, --first-last, --pact, --alpha and --progressive: " +
                      o.from_weights + " is quantised already, and keeps what it has");
  const sgq::Shape images = set.images.shape().with_batch(1);
  if (model.net.input_shape() != images)
    throw usage_error(describe("--from-weights", "a net for images " + images.str(),
                               model.name() + ", " + model.net.input_shape().str()));
  if (model.input && model.input != set.grid)
    throw usage_error(describe("--from-weights", "a net that was trained on " + set.name,
                               o.from_weights + ", whose images have another scale"));
  if (model.net.classes() != set.classes)
    throw usage_error(
        describe("--from-weights",
                 "a net of " + sgq::to_text(set.classes) + " classes, as " + set.name + " has",
                 sgq::to_text(model.net.classes())));
  return model;
}

/// Builds the net for the images and classes of the set, or loads --from-weights, and quantises it
/// as asked, for that stage of --progressive. `first` is a batch of the training set, for the clips.
/// Prints the warnings of quantize().
inline Start start(const TrainingOptions& o, const data::Dataset& set, sgq::View<const float> first,
                   std::size_t stage) {
  nn::ModelSpec spec{.net = o.net.empty() ? o.default_net : o.net};
  spec.options = {
      .seed = o.seed, .classes = set.classes, .image = {set.channels(), set.height(), set.width()}};
  spec.quant.input = set.grid;
  nn::Net<float> net = [&] {
    if (o.from_weights.empty()) return nn::build_model<float>(spec);
    nn::Model<float> model = load_start(o, set);
    spec = *model.spec;
    return std::move(model.net);
  }();
  if (quant::name(spec.quant.bits) == "fp32") { // not so the file of a quantised net
    spec.quant = quantization(o, set.grid);
    enter_stage(o, stage, spec.quant, first, net);
  }
  nn::Metadata deciding = deciding_options(o, spec);
  if (!sgq::find_row(data::datasets, o.dataset))
    for (const auto& [key, value] : own_set_pairs(set)) deciding[key] = value;
  if (!o.from_weights.empty()) deciding["from_weights"] = io::sha256(io::read_file(o.from_weights));
  return {std::move(spec), std::move(net), std::move(deciding)};
}

/// The layers that have a clip when the run ends.
inline std::vector<nn::ValueId> clipped_at_end(const TrainingOptions& o, Start& begun) {
  if (o.recipe.progressive.empty()) return nn::pact_layers(begun.net);
  nn::Net<float> last = nn::build_model(begun.spec);
  return nn::pact_layers(last);
}

// ---- Beside the training ------------------------------------------------------------------------

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
    for (const char* file : {"/model.safetensors", "/metrics.json", "/alpha.svg"})
      io::check_writable(o_.out + file);
    for (const std::string& file : {history_.rows_file(), history_.curves_file()})
      io::check_writable(file);
  }

  /// Where training starts: at the checkpoint, if there is one and it was asked for.
  train::TrainState begin() {
    train::TrainState state;
    double seconds_before = 0;
    if (!o_.resume) {
      if (writes_ && std::filesystem::exists(path_) && !std::filesystem::exists(metrics_file()))
        throw sgq::io_error(describe(path_, "no unfinished run", "a checkpoint",
                                     "add --resume, or remove it to train anew"));
      if (writes_) remove_earlier_run();
    } else if (!std::filesystem::exists(path_)) {
      say("no checkpoint in " + o_.out + " yet: starting from the beginning");
    } else {
      const train::Run run = train::load_checkpoint(path_, start_.net, trainer_.optimizer(),
                                                    start_.deciding, trainer_.average());
      if (const auto data = run.notes.find("data");
          data != run.notes.end() && data->second != data_)
        throw sgq::io_error(describe(path_ + ", the training images", "SHA-256 " + data_,
                                     data->second,
                                     "give the original ones, or leave out --resume"));
      state = run.state;
      alphas_.load(alpha_file(), state.step);
      history_.load(state.epoch);
      if (const auto found = run.notes.find("seconds"); found != run.notes.end())
        seconds_before = seconds_ = std::strtod(found->second.c_str(), nullptr);
      say("resuming after epoch " + sgq::to_text(state.epoch) + ", batch " +
          sgq::to_text(state.batch));
    }
    first_step_ = state.step;
    progress_ = Progress(o_.epochs * batches_ - state.step, o_.silent ? 600 : 30);
    watch_ = Stopwatch(seconds_before);
    return state;
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
    nn::save_model(o_.out + "/model.safetensors", start_.net, start_.deciding);
    const std::string policy = nn::policy_text(start_.spec.quant);
    alphas_.draw(o_.out + "/alpha.svg", "alpha of " + start_.spec.net + ", " + policy);
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

  void remove_earlier_run() const {
    for (const std::string& file :
         {path_, history_.rows_file(), history_.curves_file(), alpha_file(), metrics_file()})
      std::filesystem::remove(file);
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
  std::string held_; // what the images of test_ are
  AlphaCourse alphas_;
  History history_;
  nn::Tape<float> tape_; // of tests
  index_t batches_, images_;
  std::string path_; // of the checkpoint
  std::string data_; // SHA-256 of the training set
  index_t first_step_ = 0;
  Progress progress_{1};
  Stopwatch watch_; // training alone: neither tests nor the checkpoints after epochs
  Stopwatch since_checkpoint_;
  double seconds_ = 0; // at the last checkpoint
  train::Meter result_;
};

// ---- The whole ----------------------------------------------------------------------------------

struct TrainingData {
  data::Dataset train, test;
  std::string train_digest{}; ///< SHA-256 of images and labels
};

inline TrainingData load_training_data(const TrainingOptions& o) {
  TrainingData sets{load_dataset(o, data::Split::train), load_dataset(o, data::Split::test)};
  sets.train_digest = data::digest(sets.train);
  return sets;
}

/// Says what was found in a folder.
inline void print_own_set(const data::Dataset& set) {
  const std::string classes = classes_text(set.class_names);
  std::printf("%s: images of %d x %d x %d, background: %s, %s\n", set.name.c_str(),
              int(set.channels()), int(set.height()), int(set.width()),
              set.on_black ? "black" : "the mean",
              classes.empty() ? (sgq::to_text(set.classes) + " classes").c_str() : classes.c_str());
  if (set.first_label > 0)
    std::printf("%s: labels %d to %d of the files are classes 0 to %d\n", set.name.c_str(),
                set.first_label, set.first_label + set.classes - 1, set.classes - 1);
}

/// Throws value_error unless all ranks train the same net in the same way on the same data.
inline void check_ranks(distributed::Communicator& ranks, Start& begun, const TrainingData& sets,
                        const train::TrainState& state) {
  nn::Metadata facts = distributed::library_facts();
  for (const auto& [name, value] : begun.deciding) facts["option " + name] = value;
  facts["training data"] = sets.train_digest;
  facts["test data"] = data::digest(sets.test);
  facts["steps done"] = sgq::to_text(state.step);
  facts["weights at the start"] = distributed::digest(begun.net);
  distributed::check_agreement(ranks, facts);
}

/// start() on the whole first batch, which every rank sees.
inline Start start(const TrainingOptions& o, const data::Dataset& set, std::size_t stage) {
  data::Batches<float> whole(set, set.grid,
                             {.size = o.batch, .seed = o.seed, .augment = o.augment});
  Start begun = start(o, set, whole.batch(0).x, stage);
  if (o.recipe.reestimate && begun.net.buffers().empty())
    throw usage_error(describe("--reestimate", "a net with batch norm", begun.spec.net));
  if (!o.recipe.teacher.empty())
    begun.deciding["teacher"] = io::sha256(io::read_file(o.recipe.teacher));
  return begun;
}

/// "mnist_cnn, w4a4, guided, on mnist: 1199882 parameters, 60000 training images, 2 threads"
inline void print_start(const TrainingOptions& o, Start& begun, const data::Dataset& set,
                        index_t ranks) {
  std::printf("%s, %s%s%s, on %s: %d parameters, %d training images, %s%d threads\n",
              begun.spec.net.c_str(), nn::policy_text(begun.spec.quant).c_str(),
              o.recipe.progressive.empty() ? "" : (" after " + o.recipe.progressive).c_str(),
              o.guided ? ", guided" : "", set.name.c_str(), int(begun.net.parameter_count()),
              int(set.size()), ranks > 1 ? (sgq::to_text(ranks) + " ranks of ").c_str() : "",
              sgq::num_threads());
}

/// Trains, writes the files of Session::finish() and returns what metrics.json says. With ranks,
/// each calls it; the result is that of one process.
inline io::Json train_network(const TrainingOptions& o, const TrainingData& sets,
                              distributed::Communicator* ranks = nullptr) {
  const data::Dataset &train_set = sets.train, &test_set = sets.test;
  const QuantParams& grid = train_set.grid;
  if (!o.silent && !sgq::find_row(data::datasets, o.dataset)) print_own_set(train_set);
  const data::Share share = ranks ? data::Share{ranks->rank(), ranks->size()} : data::Share{};
  data::Batches<float> batches(
      train_set, grid, {.size = o.batch, .seed = o.seed, .augment = o.augment, .share = share});
  data::Batches<float> test_batches(test_set, grid, {.size = 200, .shuffle = false});
  const std::size_t stage = stage_at_start(o, o.epochs * batches.count(), checkpoint_file(o));
  Start begun = start(o, train_set, stage);
  Trainer trainer(o, begun.net, begun.spec.quant, train_set, stage);
  std::optional<Parallel> parallel;
  if (ranks) parallel.emplace(*ranks, begun.net);

  if (!o.silent) print_start(o, begun, train_set, share.ranks);
  const index_t steps = o.epochs * batches.count();
  if (!o.silent && o.guided &&
      static_cast<double>(steps - 1) / static_cast<double>(steps) < o.start)
    std::printf("warning: --start %s comes after the last of %d steps: nothing is guided\n",
                sgq::to_text(o.start).c_str(), int(steps));
  Session session(o, begun, trainer, batches, test_batches, parallel ? &*parallel : nullptr,
                  sets.train_digest);
  const train::FitOptions fit_options{
      .epochs = o.epochs, .seed = o.seed, .schedule = {.kind = o.schedule}};
  const train::TrainState state = session.begin();
  if (ranks) check_ranks(*ranks, begun, sets, state);
  if (parallel) {
    auto step = parallel->shared(trainer);
    train::fit<float>(batches, fit_options, step, state, &session);
  } else {
    train::fit<float>(batches, fit_options, trainer, state, &session);
  }
  return session.finish();
}

/// The same with the data that the options name.
inline io::Json train_network(const TrainingOptions& o,
                              distributed::Communicator* ranks = nullptr) {
  check_training_options(o);
  sgq::set_num_threads(o.threads);
  return train_network(o, load_training_data(o), ranks);
}

} // namespace examples
