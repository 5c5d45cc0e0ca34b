// From a cell to its row: train, explain the first test images, measure, write the files.
//
//     model.safetensors   the network; integer.safetensors: as the integer engine reads it
//     alpha.npy           [1 + steps, layers]  the clips' course
//     right.npy           [test images]        1 where the prediction is the label
//     values.npy          [measures, images]   of the maps |dS/dx|, S the logit of the true class
//     maps.npy            [2, images, H, W]    these maps, and the gradient's mean with its sign
//     floor.npy           the same of an untrained network; beside fp32 cells only
#pragma once

#include "cell.hpp"
#include "grid.hpp"
#include "results.hpp"

#include "../tools/explaining.hpp"
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
    sums_ = io::Json::object(
        {{"train_sha256", dataset_sum(sets_.train)}, {"test_sha256", dataset_sum(sets_.test)}});
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

/// The first images of a set, to be explained.
inline Images first_images(const data::Dataset& set, index_t count) {
  return images_of(set.name, data::slice(set, 0, std::min(count, set.size())));
}

/// What explaining and measuring needs of a network.
struct Subject {
  nn::Model<float> model;
  const data::Dataset& test;
  Images images;
  Tensor<float> x;

  Subject(nn::Model<float> trained, const data::Dataset& test_set, index_t explained)
      : model(std::move(trained)), test(test_set), images(first_images(test_set, explained)),
        x(images.input(model.input)) {}
};

/// [2,N,H,W]: the gradient's magnitude and its signed mean over channels; `zeros`, if given, gets
/// the share of gradients that are exactly 0.
inline Tensor<float> gradient_maps(nn::Net<float>& net, const Images& images, View<const float> x,
                                   double* zeros = nullptr) {
  saliency::Explainer explain(net);
  const auto a = saliency::gradient(explain, x, images.labels);
  if (zeros) *zeros = a.zero_share;
  Tensor<float> both({2, x.shape()[0], x.shape()[2], x.shape()[3]});
  float* out = both.data();
  for (const auto values : {saliency::Values::magnitude, saliency::Values::with_sign}) {
    const Tensor<float> maps = saliency::to_maps(a, values);
    out = std::copy(maps.begin(), maps.end(), out);
  }
  return both;
}

/// The measures of a row, each [N]; max-sensitivity of the first `disturbed` images. Without the
/// advantage of masked accuracy, which add_derived() of claims.hpp takes from two others, and
/// without ROAD: a resumed run must find rows with the measures of the others.
inline std::vector<saliency::MapMeasure> measure_cell_maps(Subject& s, View<const float> maps,
                                                           index_t disturbed) {
  nn::Net<float>& net = s.model.net;
  const Marked marked = marked_pixels(s.images);
  saliency::NetFunction f(net);
  const saliency::Classifier model(f, net.classes(),
                                   {.background = background_of(s.images, s.model)});
  const index_t few = std::min(disturbed, s.images.size());
  const std::span<const std::uint8_t> labels(s.images.labels.data(), static_cast<std::size_t>(few));
  saliency::Explainer explainer(net);
  auto magnitudes = [&](View<const float> x, View<float> out) {
    const Tensor<float> of_x =
        saliency::to_maps(saliency::gradient(explainer, x, labels), saliency::Values::magnitude);
    std::copy(of_x.begin(), of_x.end(), out.begin());
  };
  const saliency::Explain explain = magnitudes;
  return saliency::measure_maps(
      {.maps = maps,
       .mask = marked.masks,
       .mask_name = marked.what,
       .model = &model,
       .x = s.x,
       .labels = s.images.labels,
       .explain = &explain,
       .disturbed = few},
      [](const saliency::MapMetric& metric) { return metric.name != "masked_advantage"; });
}

/// Measures [M,N] as one table; shorter ones are filled up with NaN.
inline Tensor<double> to_table(const std::vector<saliency::MapMeasure>& measures, index_t images) {
  Tensor<double> table({static_cast<index_t>(measures.size()), images});
  table.fill(std::numeric_limits<double>::quiet_NaN());
  for (std::size_t m = 0; m < measures.size(); ++m)
    std::copy(measures[m].values.begin(), measures[m].values.end(),
              table.data() + static_cast<index_t>(m) * images);
  return table;
}

/// What a cell is, before anything was found out: same_making() compares it.
inline io::Json making_of(const Cell& cell, const Measuring& measuring) {
  return io::Json::object({{"cell", cell.key()},
                           {"numerics", numerics_version},
                           {"command", cell_command(cell)},
                           {"explained", measuring.explained},
                           {"disturbed", measuring.disturbed}});
}

namespace detail {

/// The net as an integer file, what the engine says of the test set, and how fast: it must say what
/// the net says, bit for bit. Nothing where the policy is fp32.
inline void add_integer(io::Json& row, io::Json& run, const Subject& s, View<const float> logits,
                        const std::string& folder) {
  if (s.model.bits() == "fp32") return;
  const std::string path = folder + "/integer.safetensors";
  sgq::infer::save_integer(path, sgq::infer::export_integer(s.model.net));
  row["integer_file_bytes"] = std::filesystem::file_size(path);
  const sgq::infer::Engine engine(sgq::infer::load_integer(path));
  Tensor<std::int32_t> sums(logits.shape());
  const Stopwatch watch;
  engine.run(s.test.images, sums);
  run["integer_images_per_second"] = static_cast<double>(s.test.size()) / watch.seconds();
  const double scale = static_cast<double>(engine.graph().logit_scale);
  index_t equal = 0;
  for (index_t i = 0; i < sums.size(); ++i)
    equal += static_cast<float>(sums[i] * scale) == logits[i];
  row["integer_logits_equal"] = static_cast<double>(equal) / static_cast<double>(sums.size());
}

inline void add_test(io::Json& row, io::Json& run, Subject& s, const std::string& folder) {
  Tensor<float> x;
  x.resize(s.test.images.shape());
  data::normalize<float>(s.test.images, s.model.input, x);
  const Stopwatch watch;
  const Tensor<float> logits = saliency::logits_of(s.model.net, x);
  run["evaluation_images_per_second"] = static_cast<double>(s.test.size()) / watch.seconds();
  add_integer(row, run, s, logits, folder);
  const auto said = saliency::predictions(logits);
  Tensor<std::uint8_t> right({s.test.size()});
  std::vector<index_t> of_class(static_cast<std::size_t>(s.test.classes)), right_of = of_class;
  for (index_t n = 0; n < s.test.size(); ++n) {
    const auto i = static_cast<std::size_t>(n), label = std::size_t{s.test.labels[i]};
    right[n] = said[i] == s.test.labels[i];
    ++of_class[label];
    right_of[label] += right[n];
  }
  row["test_images"] = s.test.size();
  row["test_accuracy"] = static_cast<double>(std::count(right.begin(), right.end(), 1)) /
                         static_cast<double>(s.test.size());
  row["images_of_class"] = of_class;
  row["right_of_class"] = right_of;
  io::write_npy(folder + "/right.npy", right);
}

inline void add_explanations(io::Json& row, Subject& s, index_t disturbed,
                             const std::string& folder) {
  double zeros = 0;
  const Tensor<float> maps = gradient_maps(s.model.net, s.images, s.x, &zeros);
  const Shape& shape = maps.shape();
  const View<const float> magnitudes(maps.data(), {shape[1], shape[2], shape[3]});
  const auto measures = measure_cell_maps(s, magnitudes, disturbed);
  row["measures"] = to_json(measures);
  row["zero_share_of_gradients"] = zeros;
  io::write_npy(folder + "/maps.npy", maps);
  io::write_npy(folder + "/values.npy", to_table(measures, s.images.size()));
}

} // namespace detail

namespace detail {

/// The maps of an untrained network beside an fp32 cell; names and checksums of all files.
inline void add_files(io::Json& row, const Subject& s, const TrainingOptions& o) {
  std::vector<std::string> files = {"model.safetensors", "right.npy", "values.npy", "maps.npy"};
  if (!row.at("alphas").as_object().empty()) files.push_back("alpha.npy");
  if (row.at("bits").as_string() == "fp32") {
    nn::Net<float> random = untrained(s.model.net, 1000 + o.seed, s.x);
    io::write_npy(o.out + "/floor.npy", gradient_maps(random, s.images, s.x));
    files.push_back("floor.npy");
  } else {
    files.push_back("integer.safetensors");
  }
  for (const std::string& name : files)
    row["files"][name] = io::sha256(io::read_file(o.out + "/" + name));
}

} // namespace detail

/// Trains and measures a cell; goes on from its checkpoint if told so. Returns the row.
inline io::Json run_cell(Cell cell, const Measuring& measuring, bool resume, CellData& loaded) {
  const TrainingData& sets = loaded.sets(cell.training);
  TrainingOptions& o = cell.training;
  o.resume = resume;
  double before = 0;
  if (cell.guided_first > 0) {
    before = train_network(first_stage(cell), sets).at("seconds").as_double();
    o.from_weights = o.out + "/first/model.safetensors";
  }
  const io::Json trained = train_network(o, sets);
  const Stopwatch watch;
  Subject s(nn::load_model(o.out + "/model.safetensors"), sets.test, measuring.explained);

  io::Json row = making_of(cell, measuring), run = io::Json::object({});
  row["variant"] = cell.variant;
  for (const char* name : {"dataset", "net", "policy", "guided", "seed", "epochs", "train_images",
                           "parameters", "packed_bytes", "bit_operations", "options"})
    row[name] = trained.at(name);
  row["bits"] = s.model.bits();
  row["data"] = loaded.sums();
  row["alphas"] = trained.find("alphas") ? trained.at("alphas") : io::Json::object({});
  detail::add_test(row, run, s, o.out);
  detail::add_explanations(row, s, measuring.disturbed, o.out);
  detail::add_files(row, s, o);
  run["training_seconds"] = before + trained.at("seconds").as_double();
  run["training_images_per_second"] = trained.at("images_per_second");
  run["measuring_seconds"] = watch.seconds();
  row["run"] = std::move(run);
  return row;
}

} // namespace examples
