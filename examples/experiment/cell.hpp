// One cell of the experiment: a network to be trained and measured, and the name it goes by.
//
//     mnist/mnist_cnn/w4a4/guided/seed-1            of the grid
//     mnist/mnist_cnn/w4a4/guided/seed-1/share-25   of the ablations: what differs from the rest
//
// A cell is trained exactly as `mnist` or `cifar10` would train it, so its command makes the same
// weights again, to the last bit.
#pragma once

#include "../tools/training_options.hpp"

#include "sgq/io/sha256.hpp"
#include "sgq/version.hpp"

namespace examples {

/// Rows of different versions must not stand in one table. What can be made from the files of a
/// cell belongs into evidence.hpp, which has a version of its own.
using sgq::numerics_version;

struct Cell {
  TrainingOptions training{}; ///< but for out, threads, resume
  std::string variant{};      ///< of an ablation; empty in the grid
  index_t guided_first = 0;   ///< epochs of guided fp32 training, from whose weights it starts

  const std::string& net() const {
    return training.net.empty() ? training.default_net : training.net;
  }
  std::string key() const {
    return training.dataset + "/" + net() + "/" + training.bits + "/" +
           (training.guided ? "guided" : "plain") + "/seed-" + sgq::to_text(training.seed) +
           (variant.empty() ? "" : "/" + variant);
  }
};

/// A set's checksums: of pixel codes and labels, as they are used.
inline std::string dataset_sum(const data::Dataset& set) {
  const auto bytes = [](const std::uint8_t* p, std::size_t n) {
    return std::string_view(reinterpret_cast<const char*>(p), n);
  };
  return io::Sha256()
      .update(bytes(set.images.data(), static_cast<std::size_t>(set.images.size())))
      .update(bytes(set.labels.data(), set.labels.size()))
      .hex();
}

/// The training before that of a cell with `guided_first`, in a folder inside the cell's.
inline TrainingOptions first_stage(const Cell& cell) {
  TrainingOptions o = cell.training;
  o.bits = "fp32";
  o.guided = true;
  o.epochs = cell.guided_first;
  o.from_weights = "";
  o.out = cell.training.out + "/first";
  return o;
}

/// The program and the options that train such a network, without those of the run: what differs
/// from the program's defaults.
inline std::string training_command(const TrainingOptions& o) {
  const TrainingOptions usual = recipe(o.dataset);
  const bool photos = has_photographs(o.dataset);
  std::string line = photos ? "cifar10" : "mnist";
  const auto put = [&](const char* name, const auto& value, const auto& unless) {
    if (value == unless) return;
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>)
      line += std::string(" ") + name + " " + sgq::to_text(value);
    else
      line += std::string(" ") + name + " " + value;
  };
  put("--dataset", o.dataset, std::string(photos ? "cifar-10" : "mnist"));
  if (o.protocol == data::Protocol::holdout) line += " --holdout";
  if (o.protocol == data::Protocol::tuning) line += " --tuning";
  if (photos && !o.augment.any()) line += " --no-augmentation";
  put("--net", o.net, o.net == usual.default_net ? o.net : std::string());
  put("--limit", o.limit, index_t{0});
  put("--epochs", o.epochs, index_t{-1}); // always said
  put("--batch", o.batch, usual.batch);
  put("--optimizer", o.optimizer, usual.optimizer);
  put("--schedule", o.schedule, usual.schedule);
  put("--lr", o.lr, usual.lr);
  put("--decay", o.decay, usual.decay);
  put("--bits", o.bits, std::string());
  put("--weights", o.weights, usual.weights);
  put("--first-last", o.first_last, usual.first_last);
  put("--pact", o.pact, usual.pact);
  put("--alpha", o.alpha, usual.alpha);
  put("--alpha-quantile", o.alpha_quantile, usual.alpha_quantile);
  put("--alpha-lr", o.alpha_lr, usual.alpha_lr);
  if (o.alpha_decay) put("--alpha-decay", *o.alpha_decay, -1.0);
  if (o.guided) {
    line += " --guided";
    if (o.authors) line += " --authors";
    put("--rank", o.rank, usual.rank);
    put("--share", o.share, usual.share);
    put("--lambda", o.lambda, usual.lambda);
    put("--fill", o.fill, usual.fill);
    put("--target", o.target, usual.target);
    put("--kl", o.kl, usual.kl);
    put("--saliency-pass", o.saliency_pass, usual.saliency_pass);
    put("--statistics", o.statistics, usual.statistics);
    put("--start", o.start, usual.start);
    put("--ramp", o.ramp, usual.ramp);
    put("--rate", o.rate, usual.rate);
  }
  put("--seed", o.seed, std::uint64_t{0} - 1);
  return line;
}

/// All commands of a cell, joined by "&&".
inline std::string cell_command(const Cell& cell) {
  if (cell.guided_first == 0) return training_command(cell.training);
  return training_command(first_stage(cell)) + " --out first && " +
         training_command(cell.training) + " --from-weights first/model.safetensors";
}

} // namespace examples
