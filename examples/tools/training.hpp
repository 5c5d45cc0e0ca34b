// A training run from its options to its files: what `mnist` and `cifar10` share.
//
//   build the net, or load it    start.hpp
//   train, plainly or guided     train_network(), by the steps of trainer.hpp
//   beside it                    session.hpp: progress, tests, history, checkpoints, alphas
//   at the end                   model.safetensors, metrics.json, history.jsonl, training.svg,
//                                alpha.svg, alpha.npy
#pragma once

#include "session.hpp"

#include "sgq/sgq.hpp"

#include <optional>

namespace examples {

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
  session.clear();
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
