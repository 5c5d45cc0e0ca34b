// From a cell to its row: train, test, write down all that is known before anything is explained.
//
//     cells/CELL/model.safetensors    the network; integer.safetensors: as the engine reads it
//     cells/CELL/alpha.npy            [1 + steps, layers]  the clips' course
//     cells/CELL/predictions.npy      [test images]        the class of each
//
// Measuring has rows of its own, so a measure can be added without training.
#pragma once

#include "estimate.hpp"
#include "subject.hpp"

#include "../tools/training.hpp"

#include "sgq/infer/engine.hpp"
#include "sgq/infer/export.hpp"
#include "sgq/infer/file.hpp"

namespace examples {

/// The data of the cell under way, kept while the next ones use the same.
class CellData {
public:
  const TrainingData& sets(const TrainingOptions& o) {
    const std::string key = o.dataset + " " + sgq::to_text(o.limit) + " " +
                            sgq::to_text(static_cast<int>(o.protocol)) + " " + o.data;
    if (key == key_) return sets_;
    key_.clear(); // loading may fail
    sets_ = {};
    sets_ = load_training_data(o);
    sums_ = io::Json::object({{"limit", o.limit},
                              {"validation", o.protocol == data::Protocol::validation},
                              {"train_sha256", data::digest(sets_.train)},
                              {"test_sha256", data::digest(sets_.test)}});
    key_ = key;
    return sets_;
  }
  /// Of the sets that were asked for last.
  const io::Json& sums() const { return sums_; }

private:
  std::string key_;
  TrainingData sets_;
  io::Json sums_;
};

/// What a cell is, before anything was found out: same_making() compares it.
inline io::Json making_of(const Cell& cell) {
  return io::Json::object({{"cell", cell.key()},
                           {"numerics", numerics_version},
                           {"command", training_command(cell.options)}});
}

namespace detail {

/// The shortest decimal that reads back as this float: 0.1, not 0.10000000149011612.
inline double shortest(float v) {
  return std::strtod(sgq::to_text(v).c_str(), nullptr);
}

/// The net as an integer file, what the engine says of the test set, and how fast. Nothing where the
/// policy is fp32. Throws sgq::error unless the engine says what the net says, bit for bit.
inline void add_integer(io::Json& row, io::Json& run, const nn::Model<float>& model,
                        const data::Dataset& test, View<const float> logits,
                        const std::string& folder) {
  if (model.bits() == "fp32") return;
  const std::string path = folder + "/integer.safetensors";
  sgq::infer::save_integer(path, sgq::infer::export_integer(model.net));
  run["integer_file_bytes"] = std::filesystem::file_size(path); // the version's name is in it
  const sgq::infer::Engine engine(sgq::infer::load_integer(path));
  Tensor<std::int32_t> sums(logits.shape());
  const Stopwatch watch;
  engine.run(test.images, sums);
  run["integer_images_per_second"] = static_cast<double>(test.size()) / watch.seconds();
  const double scale = static_cast<double>(engine.graph().logit_scale);
  index_t equal = 0;
  for (index_t i = 0; i < sums.size(); ++i)
    equal += static_cast<float>(sums[i] * scale) == logits[i];
  if (equal != sums.size())
    throw sgq::error(
        describe(path + ": the integer engine", "the network's logits",
                 sgq::to_text(sums.size() - equal) + " of " + sgq::to_text(sums.size()) + " others",
                 "the network is in " + folder + "; please report this"));
  row["integer_logits_equal"] = static_cast<double>(equal) / static_cast<double>(sums.size());
}

/// Accuracy on `test`, which are validation images where a recipe is chosen: the names say so.
inline void add_test(io::Json& row, io::Json& run, nn::Model<float>& model,
                     const data::Dataset& test, const TrainingOptions& o) {
  Tensor<float> x;
  x.resize(test.images.shape());
  data::normalize<float>(test.images, model.input, x);
  const Stopwatch watch;
  const Tensor<float> logits = saliency::logits_of(model.net, x);
  run["evaluation_images_per_second"] = static_cast<double>(test.size()) / watch.seconds();
  add_integer(row, run, model, test, logits, o.out);
  const auto said = saliency::predictions(logits);
  const auto classes = static_cast<std::size_t>(test.classes);
  std::vector<std::vector<index_t>> confusion(classes, std::vector<index_t>(classes));
  Tensor<std::uint8_t> predictions({test.size()});
  index_t right = 0;
  for (index_t n = 0; n < test.size(); ++n) {
    const std::uint8_t label = test.labels[static_cast<std::size_t>(n)];
    predictions[n] = said[static_cast<std::size_t>(n)];
    right += predictions[n] == label;
    ++confusion[label][predictions[n]];
  }
  const std::string what = o.protocol == data::Protocol::validation ? "validation" : "test";
  row[what + "_images"] = test.size();
  row[what + "_accuracy"] = static_cast<double>(right) / static_cast<double>(test.size());
  row["confusion"] = io::Json::array(); // [label][prediction]
  for (const auto& line : confusion) row["confusion"].push_back(line);
  io::write_npy(o.out + "/predictions.npy", predictions);
}

/// Epochs, from the run's history: losses, accuracies and rates; their seconds belong to the run.
inline void add_history(io::Json& row, io::Json& run, const std::string& folder) {
  row["history"] = run["epoch_seconds"] = io::Json::array();
  const std::string path = folder + "/history.jsonl", text = io::read_file(path);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const io::Json epoch = io::parse_json(text.substr(at, end - at), {.name = path});
    row["history"].push_back(io::Json::object({{"loss", epoch.at("train_loss")},
                                               {"accuracy", epoch.at("train_accuracy")},
                                               {"learning_rate", epoch.at("learning_rate")}}));
    run["epoch_seconds"].push_back(epoch.at("seconds"));
    at = end + 1;
  }
}

/// At most 61 points of the clips' course, each [step, alpha per layer of `alphas`]; the last is
/// what the network ships with, after --ema the averages.
inline io::Json thin_clips(View<const float> course, const io::Json& alphas) {
  const index_t rows = course.shape()[0], layers = course.shape()[1];
  const index_t stride = std::max<index_t>(1, (rows + 59) / 60);
  io::Json points = io::Json::array();
  for (index_t r = 0; r < rows - 1; r += stride) {
    io::Json point = io::Json::array();
    point.push_back(r);
    for (index_t k = 0; k < layers; ++k) point.push_back(shortest(course(r, k)));
    points.push_back(std::move(point));
  }
  io::Json last = io::Json::array();
  last.push_back(rows - 1);
  for (const auto& [layer, alpha] : alphas.as_object()) last.push_back(alpha);
  points.push_back(std::move(last));
  return points;
}

inline void add_clips(io::Json& row, const io::Json& trained, const std::string& folder) {
  row["alphas"] = io::Json::object({});
  row["clips"] = io::Json::array();
  if (!trained.find("alphas")) return;
  for (const auto& [layer, alpha] : trained.at("alphas").as_object())
    row["alphas"][layer] = shortest(static_cast<float>(alpha.as_double()));
  row["clips"] = thin_clips(io::read_npy<float>(folder + "/alpha.npy"), row.at("alphas"));
}

} // namespace detail

namespace detail {

/// SHA-256 of what the cell left behind.
inline void add_files(io::Json& row, const TrainingOptions& o) {
  row["files"]["model.safetensors"] = tensors_sum(o.out + "/model.safetensors");
  row["files"]["predictions.npy"] = io::sha256(io::read_file(o.out + "/predictions.npy"));
  if (o.bits != "fp32")
    row["files"]["integer.safetensors"] = tensors_sum(o.out + "/integer.safetensors");
}

} // namespace detail

/// Trains a cell and tests it; goes on from its checkpoint if told so. Where the images are for
/// validation, the second measure of the first `explained` is taken, too. Writes to
/// cell.options.out alone, for the row that is returned may yet be refused.
inline io::Json train_cell(Cell cell, index_t explained, bool resume, CellData& loaded) {
  const TrainingData& sets = loaded.sets(cell.options);
  TrainingOptions& o = cell.options;
  o.resume = resume;
  const io::Json trained = train_network(o, sets);
  const Stopwatch watch;
  nn::Model<float> model = nn::load_model(o.out + "/model.safetensors");
  io::Json row = making_of(cell), run = io::Json::object({});
  row["dataset"] = o.dataset;
  row["net"] = cell.net();
  row["bits"] = o.bits;
  row["training"] = cell.training;
  row["variant"] = cell.variant;
  row["seed"] = o.seed;
  for (const char* name : {"policy", "epochs", "train_images", "parameters", "packed_bytes",
                           "bit_operations", "options"})
    row[name] = trained.at(name);
  row["data"] = loaded.sums();
  run["forward_passes"] = forward_passes(cell, sets.train.size());
  detail::add_test(row, run, model, sets.test, o);
  detail::add_history(row, run, o.out);
  detail::add_clips(row, trained, o.out);
  detail::add_files(row, o);
  if (o.protocol == data::Protocol::validation) {
    Subject s(std::move(model), sets.test, explained);
    const io::Json measured = measure_second(s, o.dataset);
    for (const auto& [name, value] : measured.as_object()) row[name] = value;
    row["explained"] = s.images.size();
  }
  run["training_seconds"] = trained.at("seconds");
  run["training_images_per_second"] = trained.at("images_per_second");
  run["testing_seconds"] = watch.seconds();
  row["run"] = std::move(run);
  return row;
}

} // namespace examples
