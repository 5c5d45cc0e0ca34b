// A training run from its options to its files: what `mnist` and `cifar10` share.
//
//   build the net, or load it    start()
//   train, plainly or guided     train_network()
//   beside it                    Session: progress, tests, checkpoints, the course of the alphas
//   at the end                   model.safetensors, metrics.json, alpha.svg, alpha.npy
#pragma once

#include "alpha_course.hpp"
#include "progress.hpp"
#include "training_options.hpp"

#include "sgq/sgq.hpp"

#include <filesystem>

namespace examples {

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
  return pairs;
}

/// Throws usage_error where the network of --from-weights is not one to go on from with these options
/// and this set.
inline void check_from_weights(const TrainingOptions& o, const nn::Model<float>& model,
                               const data::Dataset& set) {
  const sgq::Shape image = set.images.shape().with_batch(1);
  if (!model.spec)
    throw usage_error(describe("--from-weights", "one of the networks of this program",
                               o.from_weights + ", a net of its own"));
  const bool real = model.bits() == "fp32";
  check_agrees(o.from_weights, model, o.net, real ? "" : o.bits);
  const TrainingOptions usual; // no recipe says anything of these
  if (!real &&
      (o.weights != usual.weights || o.first_last != usual.first_last || o.pact != usual.pact ||
       o.alpha != usual.alpha || o.alpha_quantile != usual.alpha_quantile))
    throw usage_error("--weights, --first-last, --pact and --alpha: " + o.from_weights +
                      " is quantised already, and keeps what it has");
  if (model.net.input_shape() != image)
    throw usage_error(describe("--from-weights", "a net for images " + image.str(),
                               model.name() + ", " + model.net.input_shape().str()));
  if (model.net.classes() != set.classes)
    throw usage_error(
        describe("--from-weights",
                 "a net of " + sgq::to_text(set.classes) + " classes, as " + set.name + " has",
                 sgq::to_text(model.net.classes())));
}

/// Builds the net for the images and classes of the set, or loads --from-weights, and quantises it
/// as asked. `first` is a batch of the training set, for the clips. Prints the warnings of
/// quantize().
inline Start start(const TrainingOptions& o, const data::Dataset& set,
                   sgq::View<const float> first) {
  const QuantParams& grid = set.grid;
  nn::ModelSpec spec{.net = o.net.empty() ? o.default_net : o.net};
  spec.options = {
      .seed = o.seed, .classes = set.classes, .image = {set.channels(), set.height(), set.width()}};
  spec.quant.input = grid;
  std::string origin;
  nn::Net<float> net = [&] {
    if (o.from_weights.empty()) return nn::build_model<float>(spec);
    nn::Model<float> model = nn::load_model(o.from_weights);
    check_from_weights(o, model, set);
    origin = io::sha256(io::read_file(o.from_weights));
    spec = *model.spec;
    return std::move(model.net);
  }();
  if (quant::name(spec.quant.bits) == "fp32") { // not so the file of a quantised net
    spec.quant = quantization(o, grid);
    for (const std::string& warning : nn::quantize(net, spec.quant))
      std::printf("warning: %s\n", warning.c_str());
    if (o.alpha == 0 && !nn::pact_layers(net).empty()) nn::calibrate(net, first, o.alpha_quantile);
    net.quantize_weights();
  }
  nn::Metadata deciding = deciding_options(o, spec);
  if (!sgq::find_row(data::datasets, o.dataset))
    for (const auto& [key, value] : own_set_pairs(set)) deciding[key] = value;
  if (!origin.empty()) deciding["from_weights"] = origin;
  return {std::move(spec), std::move(net), std::move(deciding)};
}

// ---- Beside the training ------------------------------------------------------------------------

/// Shows progress, tests after each epoch, follows the alphas, writes checkpoints.
class Session : public train::Callbacks {
public:
  Session(const TrainingOptions& options, Start& start, train::Optimizer<float>& optimizer,
          const data::Batches<float>& batches, data::Batches<float>& test)
      : o_(options), start_(start), optimizer_(optimizer), test_(test), alphas_(start.net),
        batches_(batches.count()), images_(batches.set().size()),
        path_(options.out + "/checkpoint.safetensors") {
    make_out_folder(o_.out);
    for (const char* file : {"/model.safetensors", "/metrics.json", "/alpha.svg"})
      io::check_writable(o_.out + file);
  }

  /// Where training starts: at the checkpoint, if there is one and it was asked for.
  train::TrainState begin() {
    train::TrainState state;
    double seconds_before = 0;
    if (!o_.resume) {
      std::filesystem::remove(path_); // of an earlier run
    } else if (!std::filesystem::exists(path_)) {
      say("no checkpoint in " + o_.out + " yet: starting from the beginning");
    } else {
      const train::Run run = train::load_checkpoint(path_, start_.net, optimizer_, start_.deciding);
      state = run.state;
      alphas_.load(alpha_file(), state.step);
      if (const auto found = run.notes.find("seconds"); found != run.notes.end())
        seconds_before = seconds_ = std::strtod(found->second.c_str(), nullptr);
      say("going on after epoch " + sgq::to_text(state.epoch) + ", batch " +
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
      result_ = train::evaluate(start_.net, tape_, test_);
      char text[160];
      std::snprintf(text, sizeof text,
                    "epoch %d/%d  loss %.4f  accuracy %.2f %%  test loss %.4f  test accuracy %.2f "
                    "%%  %s",
                    int(state.epoch), int(o_.epochs), meter.loss(), 100 * meter.accuracy(),
                    result_.loss(), 100 * result_.accuracy(), clock_text(watch_.seconds()).c_str());
      progress_.line(text);
    }
    save(state);
    watch_.resume();
    return true;
  }

  /// Writes the files, prints the result and returns what metrics.json says.
  io::Json finish() {
    if (result_.images == 0 && !o_.silent)
      result_ = train::evaluate(start_.net, tape_, test_); // nothing was left to do
    nn::save_model(o_.out + "/model.safetensors", start_.net, start_.deciding);
    const std::string policy = nn::policy_text(start_.spec.quant);
    alphas_.draw(o_.out + "/alpha.svg", "alpha of " + start_.spec.net + ", " + policy);
    io::Json result = metrics();
    io::write_file_atomically(o_.out + "/metrics.json", io::to_pretty_string(result));
    char text[64];
    std::snprintf(text, sizeof text, ": test accuracy %.2f %% of %d images; results are in ",
                  100 * result_.accuracy(), int(result_.images));
    say(start_.spec.net + ", " + policy + (o_.guided ? ", guided" : "") + text + o_.out);
    return result;
  }

private:
  void say(const std::string& line) const {
    if (!o_.silent) std::printf("%s\n", line.c_str());
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
    for (const auto& [layer, alpha] : alphas_.now()) json["alphas"][layer] = alpha;
    for (const auto& [name, value] : start_.deciding) json["options"][name] = value;
    return json;
  }

  /// Images a second, over the whole run so far.
  double rate(const train::TrainState& state) const {
    return static_cast<double>(state.epoch * images_ + state.meter.images) / watch_.seconds();
  }

  std::string alpha_file() const { return o_.out + "/alpha.npy"; }

  void save(const train::TrainState& state) {
    seconds_ = watch_.seconds();
    alphas_.save(alpha_file()); // first, so that a checkpoint never lacks its rows
    train::save_checkpoint(path_, start_.net, optimizer_,
                           {.state = state,
                            .options = start_.deciding,
                            .notes = {{"seconds", sgq::to_text(seconds_)}}});
    since_checkpoint_ = Stopwatch();
  }

  const TrainingOptions& o_;
  Start& start_;
  train::Optimizer<float>& optimizer_;
  data::Batches<float>& test_;
  AlphaCourse alphas_;
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

// ---- The whole ----------------------------------------------------------------------------------

struct TrainingData {
  data::Dataset train, test;
};

inline TrainingData load_training_data(const TrainingOptions& o) {
  return {load_dataset(o, data::Split::train), load_dataset(o, data::Split::test)};
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

/// Trains, writes the files of Session::finish() and returns what metrics.json says.
inline io::Json train_network(const TrainingOptions& o, const TrainingData& sets) {
  const auto& [train_set, test_set] = sets;
  const QuantParams& grid = train_set.grid;
  if (!o.silent && !sgq::find_row(data::datasets, o.dataset)) print_own_set(train_set);
  data::Batches<float> batches(train_set, grid,
                               {.size = o.batch, .seed = o.seed, .augment = o.augment});
  data::Batches<float> test_batches(test_set, grid, {.size = 200, .shuffle = false});
  Start begun = start(o, train_set, batches.batch(0).x);
  const auto optimizer =
      train::make_optimizer<float>(o.optimizer, begun.net, {.lr = o.lr, .groups = groups(o)});

  if (!o.silent)
    std::printf("%s, %s%s, on %s: %d parameters, %d training images, %d threads\n",
                begun.spec.net.c_str(), nn::policy_text(begun.spec.quant).c_str(),
                o.guided ? ", guided" : "", train_set.name.c_str(),
                int(begun.net.parameter_count()), int(train_set.size()), sgq::num_threads());
  Session session(o, begun, *optimizer, batches, test_batches);
  const train::FitOptions fit_options{
      .epochs = o.epochs, .seed = o.seed, .schedule = {.kind = o.schedule}};
  if (o.guided) {
    train::GuidedStep<float> step(begun.net, *optimizer, guidance(o, train_set));
    train::fit<float>(batches, fit_options, step, session.begin(), &session);
  } else {
    train::fit(begun.net, batches, *optimizer, fit_options, session.begin(), &session);
  }
  return session.finish();
}

/// The same with the data that the options name.
inline io::Json train_network(const TrainingOptions& o) {
  check_training_options(o);
  sgq::set_num_threads(o.threads);
  return train_network(o, load_training_data(o));
}

} // namespace examples
