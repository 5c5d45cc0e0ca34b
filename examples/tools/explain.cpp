// explain -- where a trained network looks: attribution maps by one method or by all.
//
//     build/release/examples/explain --model out/mnist/model.safetensors
//         --images mnist:0-9 --method all --out out/explain
//
// OUT gets METHOD.npy (float32 [N,H,W]) of every method, logits.npy, maps.png and metrics.json. A
// map's value is the mean over channels of the attribution, of its magnitude where the sign of a
// method says nothing.
#include "explaining.hpp"
#include "model_options.hpp"
#include "progress.hpp"

#include <cmath>
#include <optional>

using namespace examples;

namespace {

struct Options {
  std::string model, net, bits, images, data, targets = "auto", out = "out/explain";
  MethodOptions how{.name = "all"};
  bool faithfulness = false, overlay = false;
  index_t rows = 10;
  int threads = 0;
};

/// What is explained: images, the network, and the classes.
struct Subject {
  nn::Model<float> model;
  Images images{};
  Tensor<float> x{};
  std::vector<float> background{};
  Tensor<float> logits{};
  std::vector<std::uint8_t> targets{}, predicted{};
};

/// One method's result, to be drawn and written down.
struct Result {
  const saliency::MapMethod* method;
  Tensor<float> maps;
  io::Json numbers;
};

Subject load_subject(const Options& o) {
  Subject s{load_explained(o.model)};
  check_agrees(o.model, s.model, o.net, o.bits);
  s.images = load_images(o.images, o.data, lists_classes(o.targets));
  check_fits(s.images, s.model, o.model);
  s.images.class_names = class_names_of(s.images, s.model);
  const QuantParams& grid = s.model.input;
  s.x = s.images.input(grid);
  s.background = background_of(s.images, s.model);
  s.logits = saliency::logits_of(s.model.net, s.x);
  s.predicted = saliency::predictions(s.logits);
  s.targets = choose_targets(o.targets, s.images, s.logits);
  if (!o.how.baselines.empty()) // `all` would leave out what cannot read them
    baselines_of(s.images, s.model, o.how, o.data);
  return s;
}

double probability(const Subject& s, index_t n, index_t c) {
  const index_t k = s.logits.shape()[1];
  return std::exp(saliency::log_probability(s.logits.data() + n * k, k, c));
}

/// How good the maps are, a number per image.
std::vector<saliency::MapMeasure> measure(const Subject& s, View<const float> maps,
                                          saliency::Values rank_by, bool faithfulness) {
  const Marked marked = marked_pixels(s.images);
  saliency::NetFunction f(s.model.net);
  const saliency::Classifier model(f, s.model.net.classes(), {.background = s.background});
  return saliency::measure_maps({.maps = maps,
                                 .rank_by = rank_by,
                                 .mask = marked.masks,
                                 .mask_name = marked.what,
                                 .model = faithfulness ? &model : nullptr,
                                 .x = s.x,
                                 .labels = s.images.labels,
                                 .grid = s.images.x.empty() ? s.model.input : QuantParams{}});
}

/// Measures maps, writes METHOD.npy and prints a line.
Result finish(const Options& o, const Subject& s, const saliency::MapMethod& method,
              const saliency::Attribution<float>& a, double seconds) {
  Result result{&method, saliency::to_maps(a, method.values), {}};
  io::write_npy(o.out + "/" + std::string(method.name) + ".npy", result.maps);
  result.numbers = io::Json::object(
      {{"label", a.label},
       {"score", o.how.score_of(method)},
       {"values", method.values == saliency::Values::magnitude ? "magnitude" : "signed"},
       {"seconds", seconds},
       {"images_per_second", static_cast<double>(s.images.size()) / seconds},
       {"zero_share_of_gradients", a.zero_share}});
  if (!a.completeness_error.empty()) {
    Tensor<double> errors({s.images.size()});
    std::copy(a.completeness_error.begin(), a.completeness_error.end(), errors.begin());
    result.numbers["completeness_error"] = to_json(saliency::bootstrap_mean(errors));
  }
  const io::Json measured = to_json(measure(s, result.maps, method.values, o.faithfulness));
  for (const auto& [name, value] : measured.as_object()) result.numbers[name] = value;
  std::printf("%-26s %9.1f images/s   zeros %5.1f %%   blank %5.1f %%   Gini %s\n", a.label.c_str(),
              static_cast<double>(s.images.size()) / seconds, 100 * a.zero_share,
              100 * measured.at("blank_maps").at("mean").as_double(),
              text_of(saliency::bootstrap_mean(saliency::gini(result.maps))).c_str());
  std::fflush(stdout);
  return result;
}

/// Every method that was asked for. One of `all` that does not apply to the net or the images, or
/// whose baselines are not at hand, is left out, and said to be.
std::vector<Result> run_methods(const Options& o, Subject& s) {
  std::vector<Result> results;
  for (const saliency::MapMethod& method : saliency::map_methods) {
    if (o.how.name != "all" && o.how.name != method.name) continue;
    std::optional<saliency::Attribution<float>> made;
    double seconds = 0; // without reading the training set
    try {
      saliency::Explainer explainer(s.model.net,
                                    explainer_options(method, s.images, s.model, o.how, o.data));
      const Stopwatch watch;
      made = method.make(explainer, s.x, s.targets, o.how.values);
      seconds = watch.seconds();
    } catch (const std::runtime_error& e) {
      if (o.how.name != "all") throw;
      std::printf("%s is left out: %s\n", std::string(method.name).c_str(), e.what());
      continue;
    }
    results.push_back(finish(o, s, method, *made, seconds));
  }
  if (results.empty()) throw sgq::error("no method applies to this network and these images");
  return results;
}

/// A row per image: the image, then its maps.
void write_picture(const Options& o, const Subject& s, const std::vector<Result>& results) {
  const index_t rows = std::min(o.rows, s.images.size());
  const Tensor<std::uint8_t> codes = s.images.pixels(s.model.input);
  const View<const std::uint8_t> shown = codes.view().slice(0, rows);
  const Tensor<std::uint8_t> pictures = saliency::to_rgb(shown);
  const bool quantised = !s.model.net.precision().empty();
  GridOptions grid{
      .title = model_text(s.model) + ": maps of the " + o.how.score + " of the class at the left" +
               (quantised ? ", straight-through gradients" : ""),
      .note = "each map clipped at its own 99th percentile; signed: red for the class, "
              "blue against"};
  std::vector<std::vector<Tile>> tiles(static_cast<std::size_t>(rows));
  grid.zoom = std::max(index_t{1}, 140 / pictures.shape()[2]);
  grid.columns.push_back("image");
  for (index_t n = 0; n < rows; ++n) {
    const auto i = static_cast<std::size_t>(n);
    char said[64];
    std::snprintf(said, sizeof said, "says %s %.0f%%", s.images.class_name(s.predicted[i]).c_str(),
                  100 * probability(s, n, s.predicted[i]));
    grid.rows.push_back(s.images.class_name(s.targets[i]));
    tiles[i].push_back(tile_of(pictures, n, said));
  }
  for (const Result& r : results) {
    const View<const float> maps = r.maps.view().slice(0, rows);
    const bool heat = !o.overlay || r.method->values != saliency::Values::magnitude;
    const Tensor<std::uint8_t> drawn =
        heat ? draw_maps(*r.method, maps) : saliency::overlay(shown, maps);
    const std::string score = o.how.score_of(*r.method);
    grid.columns.push_back(std::string(r.method->title) +
                           (score == o.how.score ? "" : ", " + score));
    for (index_t n = 0; n < rows; ++n)
      tiles[static_cast<std::size_t>(n)].push_back(tile_of_map(drawn, maps, n));
  }
  write_png(o.out + "/maps.png", compose_grid(tiles, grid));
}

void write_metrics(const Options& o, const Subject& s, const std::vector<Result>& results) {
  std::vector<double> probabilities;
  for (index_t n = 0; n < s.images.size(); ++n)
    probabilities.push_back(probability(s, n, s.targets[static_cast<std::size_t>(n)]));
  io::Json json = io::Json::object({{"model", o.model},
                                    {"net", s.model.name()},
                                    {"bits", s.model.bits()},
                                    {"images", o.images},
                                    {"count", s.images.size()},
                                    {"score", o.how.score},
                                    {"background", s.background},
                                    {"targets", s.targets},
                                    {"probability_of_target", probabilities},
                                    {"predicted", s.predicted}});
  if (!s.images.class_names.empty()) json["class_names"] = s.images.class_names;
  if (!s.images.labels.empty()) json["labels"] = s.images.labels;
  for (const Result& r : results) json["methods"][std::string(r.method->name)] = r.numbers;
  json["version"] = sgq::version;
  io::write_file_atomically(o.out + "/metrics.json", io::to_pretty_string(json));
}

void explain(const Options& o) {
  Subject s = load_subject(o);
  make_out_folder(o.out);
  std::filesystem::remove(o.out + "/metrics.json"); // it would pass for that of the new maps
  io::write_npy(o.out + "/logits.npy", s.logits);
  std::printf("%s, %d images, the %s of class", model_text(s.model).c_str(), int(s.images.size()),
              o.how.score.c_str());
  for (std::size_t n = 0; n < std::min<std::size_t>(20, s.targets.size()); ++n)
    std::printf(" %d", s.targets[n]);
  std::printf(s.targets.size() > 20 ? " ..\n" : "\n");
  print_classes(s.images.class_names);
  const std::vector<Result> results = run_methods(o, s);
  write_picture(o, s, results);
  write_metrics(o, s, results);
  std::printf("%s/maps.png\n", o.out.c_str());
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "explain", [&] {
    Options o;
    CommandLine line("explain", "shows where a trained network looks");
    line.text("--model", &o.model, "FILE", "the network, a model.safetensors");
    line.text("--net", &o.net, "NAME", "fail unless the model is this network");
    line.text("--bits", &o.bits, "POLICY", "fail unless the model has these bits: fp32, w4a4, ..");
    add_images_option(line, &o.images);
    add_data_option(line, &o.data);
    line.text("--targets", &o.targets, "auto|true|predicted|LIST",
              "the classes to explain; auto: the true ones if known, else those predicted");
    add_method_options(line, o.how, true);
    line.flag("--faithfulness", &o.faithfulness,
              "also measure masked accuracy and its advantage, ROAD, deletion and insertion");
    line.flag("--overlay", &o.overlay, "draw unsigned maps over the image");
    line.integer("--rows", &o.rows, {1, 1000}, "images in the picture, at most");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.text("--out", &o.out, "DIR",
              "folder for maps.png, METHOD.npy, logits.npy and metrics.json");
    if (!line.parse(argc, argv)) return;
    if (o.model.empty()) throw usage_error("--model FILE is needed");
    if (o.images.empty()) throw usage_error("--images is needed, as in --images mnist:0-9");
    check_method_options(o.how);
    if (o.overlay && o.how.name != "all" && o.how.method().values != saliency::Values::magnitude)
      throw usage_error(describe("--overlay", "a --method whose maps have no sign", o.how.name));
    sgq::set_num_threads(o.threads);
    explain(o);
  });
}
