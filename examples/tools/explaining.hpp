// What the programs that explain share: models, the options of maps, and how a map becomes a
// picture.
#pragma once

#include "images.hpp"
#include "network_file.hpp"
#include "numbers.hpp"
#include "png.hpp"

#include "sgq/sgq.hpp"

namespace examples {

namespace nn = sgq::nn;
namespace ops = sgq::ops;

// ---- models -------------------------------------------------------------------------------------

/// Reads a model file whose input are pixel codes on a known grid. Throws io_error.
inline nn::Model<float> load_explained(const std::string& path) {
  nn::Model<float> model = load_any_network(path);
  if (!model.input)
    throw sgq::io_error(describe(path, "the quantisation parameters of its input", "none",
                                 "train it with Batches, or save it with to_metadata(grid)"));
  return model;
}

/// The set of --dataset (empty: not given), else the one that the network was trained on. Throws
/// usage_error where nobody knows it: a name of a folder does not say where the folder is.
inline std::string dataset_of(const std::string& given, const nn::Model<float>& model,
                              const std::string& path) {
  if (!given.empty()) return given;
  const std::string trained_on = value_of(model.metadata, "dataset");
  if (!sgq::find_row(data::datasets, trained_on))
    throw usage_error(describe("--dataset", "the set that the network is measured on", "none",
                               path + " does not name a built-in set"));
  return trained_on;
}

/// Images of another set may be meant, or a mistake: a warning.
inline void warn_of_other_set(const nn::Model<float>& model, const std::string& set) {
  if (const std::string on = value_of(model.metadata, "dataset"); !on.empty() && on != set)
    std::printf("warning: the network was trained on %s\n", on.c_str());
}

/// Throws shape_error or value_error unless the net reads such images and tells these classes
/// apart.
inline void check_fits(const Images& images, const nn::Net<float>& net, const std::string& path) {
  if (images.shape().with_batch(1) != net.input_shape())
    throw sgq::shape_error(
        describe("images for " + path, net.input_shape().str() + " each", images.shape().str()));
  const auto classes = static_cast<index_t>(images.class_names.size());
  if (!images.labels.empty() && classes != net.classes())
    throw sgq::value_error(describe("images of " + images.set + " for " + path,
                                    "a set of " + sgq::to_text(net.classes()) + " classes",
                                    sgq::to_text(classes)));
}

/// Throws usage_error where two of the files hold the same network: it would count as two seeds.
inline void check_different(const std::string& option, const std::vector<std::string>& paths) {
  std::map<std::string, std::string> seen;
  for (const std::string& path : paths)
    if (const auto [first, added] = seen.emplace(io::sha256(io::read_file(path)), path); !added)
      throw usage_error(describe(option, "different networks",
                                 first->second + " and " + path + ", which are equal"));
}

/// The names of the classes: those of the images' set, else of the set that the model was trained
/// on. None where nobody knows.
inline std::vector<std::string> class_names_of(const Images& images,
                                               const nn::Model<float>& model) {
  if (!images.class_names.empty()) return images.class_names;
  if (!model.class_names.empty()) return model.class_names;
  const auto* const known = sgq::find_row(data::datasets, value_of(model.metadata, "dataset"));
  if (!known || static_cast<index_t>(known->class_names.size()) != model.net.classes()) return {};
  return {known->class_names.begin(), known->class_names.end()};
}

/// check_fits() of the net, and of the names of classes where both are known. Names that are plain
/// numbers are known in the library's own sets only.
inline void check_fits(const Images& images, const nn::Model<float>& model,
                       const std::string& path) {
  check_fits(images, model.net, path);
  const auto known = [](const std::vector<std::string>& names, const std::string& set) {
    return !classes_text(names).empty() || sgq::find_row(data::datasets, set) != nullptr;
  };
  const std::vector<std::string> own = class_names_of({}, model);
  if (own.empty() || images.class_names.empty() || own == images.class_names) return;
  if (known(own, value_of(model.metadata, "dataset")) && known(images.class_names, images.set))
    throw sgq::value_error(describe(
        "images of " + images.set + " for " + path, "the classes that it was trained on",
        "other names", "other classes.txt, or another set: images in a .npy file have no names"));
}

/// Prints them, where they are more than numbers.
inline void print_classes(const std::vector<std::string>& names) {
  if (const std::string text = classes_text(names); !text.empty())
    std::printf("%s\n", text.c_str());
}

/// "mnist_cnn w4a4"
inline std::string model_text(const nn::Model<float>& model) {
  return model.name() + " " + model.bits();
}

/// The network input that says "nothing there", a value per channel: pixel code 0 on sets drawn on
/// black, else the mean. The set is that of the images, or what the model was trained on: a file
/// says of a set in a folder what its background is. Where nobody knows it, the mean.
inline std::vector<float> background_of(const Images& images, const nn::Model<float>& model) {
  const std::string background = value_of(model.metadata, "background");
  data::Dataset set;
  const auto* const known = sgq::find_row(data::datasets, value_of(model.metadata, "dataset"));
  set.on_black = !images.set.empty()   ? images.on_black
                 : !background.empty() ? background == "black"
                                       : known && known->on_black;
  return data::background_values(set, model.input);
}

/// The same net with random weights; calibration on the first of x gives its clips, if it has any,
/// a start. Batch norm keeps its initial statistics, 0 and 1.
inline nn::Net<float> untrained(const nn::Net<float>& trained, std::uint64_t seed,
                                View<const float> x) {
  nn::Net<float> net = nn::net_from_json<float>(nn::to_json(trained), {}, seed);
  if (!nn::pact_layers(net).empty())
    nn::calibrate(net, x.slice(0, std::min<index_t>(64, x.shape()[0])));
  return net;
}

// ---- maps ---------------------------------------------------------------------------------------

struct MethodOptions {
  std::string name = "gradient", score = "logit"; ///< score: or log-probability
  std::string baselines{};                        ///< a file; empty: of the model's data set
  saliency::MapOptions values{};

  saliency::Target target() const {
    return score == "logit" ? saliency::Target::logit : saliency::Target::log_probability;
  }
  const saliency::MapMethod& method() const {
    return sgq::choose("--method", saliency::map_methods, name);
  }
  /// What a method explains: some have a score of their own.
  std::string score_of(const saliency::MapMethod& m) const {
    return m.score.empty() ? score : std::string(m.score);
  }
};

/// --method and what belongs to it; `all` allows "all".
inline void add_method_options(CommandLine& line, MethodOptions& o, bool all = false) {
  std::vector<std::string> names = sgq::names_of(saliency::map_methods);
  if (all) names.insert(names.begin(), "all");
  std::string help = "how maps are made";
  for (const saliency::MapMethod& m : saliency::map_methods)
    help += "\n        " + std::string(m.name) + ": " + std::string(m.about);
  line.choice("--method", &o.name, names, help);
  line.choice("--score", &o.score, {"logit", "log-probability"},
              "class score to differentiate: logit or log-probability");
  line.integer("--samples", &o.values.samples, {2, 100000},
               "noisy copies (SmoothGrad, VarGrad), or baselines (expected gradients)");
  line.integer("--steps", &o.values.steps, {1, 100000}, "number of steps in integrated gradients");
  line.integer("--masks", &o.values.masks, {1, 1000000}, "number of RISE masks");
  line.integer("--seed", &o.values.seed, {0, 1 << 30}, "seed of noise, masks and baselines");
  line.text("--baselines", &o.baselines, "FILE.npy",
            "where expected gradients start: training images, uint8 pixel codes or float32 network "
            "input (default: 256 of the model's data set)");
}

/// Throws usage_error where an option would do nothing. --seed may stand beside any method.
inline void check_method_options(const MethodOptions& o) {
  if (o.name == "all") return;
  using saliency::MapMethod;
  const auto check = [&](const char* option, bool given, auto read_by) {
    if (!given || read_by(o.method())) return;
    std::vector<std::string> names;
    for (const MapMethod& m : saliency::map_methods)
      if (read_by(m)) names.emplace_back(m.name);
    throw usage_error(describe(option, "a --method that reads it, " + sgq::one_of(names), o.name));
  };
  const saliency::MapOptions usual;
  check("--samples", o.values.samples != usual.samples,
        [](const MapMethod& m) { return m.reads == "samples"; });
  check("--steps", o.values.steps != usual.steps,
        [](const MapMethod& m) { return m.reads == "steps"; });
  check("--masks", o.values.masks != usual.masks,
        [](const MapMethod& m) { return m.reads == "masks"; });
  check("--baselines", !o.baselines.empty(), [](const MapMethod& m) { return m.needs_baselines; });
}

/// Training images in the model's input units: those of --baselines, else of the set that the model
/// was trained on, else of the set of the images. Throws usage_error where nobody knows a set.
inline Tensor<float> baselines_of(const Images& images, const nn::Model<float>& model,
                                  const MethodOptions& o, const std::string& folder) {
  if (!o.baselines.empty()) {
    if (!o.baselines.ends_with(".npy"))
      throw usage_error(describe("--baselines", "FILE.npy", "'" + o.baselines + "'"));
    const Images given = load_images(o.baselines, folder);
    check_fits(given, model.net, o.baselines);
    return given.input(model.input);
  }
  const std::string trained_on = value_of(model.metadata, "dataset");
  const std::string set = sgq::find_row(data::datasets, trained_on) ? trained_on : images.source;
  if (set.empty())
    throw usage_error("expected gradients need training images: give --baselines FILE.npy");
  const data::Protocol protocol = protocol_for(set, folder, model.metadata, "the model");
  return data::baseline_images(
      data::load(set, data_folder(folder, set), data::Split::train, protocol), model.input);
}

/// What an Explainer of the model takes; baselines where the method needs them.
inline saliency::ExplainerOptions explainer_options(const saliency::MapMethod& method,
                                                    const Images& images,
                                                    const nn::Model<float>& model,
                                                    const MethodOptions& o,
                                                    const std::string& folder) {
  saliency::ExplainerOptions options{
      .target = o.target(), .background = background_of(images, model), .grid = model.input};
  if (method.needs_baselines) options.baselines = baselines_of(images, model, o, folder);
  return options;
}

/// maps [N,H,W] -> [N,H,W,3]. A method that is positive everywhere is drawn from each map's lowest
/// value.
inline Tensor<std::uint8_t> draw_maps(const saliency::MapMethod& method, View<const float> maps) {
  if (!method.all_positive)
    return saliency::colorize(maps, {.palette = method.values == saliency::Values::magnitude
                                                    ? saliency::Palette::sequential
                                                    : saliency::Palette::diverging});
  Tensor<float> raised;
  raised.copy_from(maps);
  const index_t d = maps.shape().stride();
  for (index_t n = 0; n < maps.shape()[0]; ++n) {
    float* map = raised.data() + n * d;
    const float low = *std::min_element(map, map + d);
    for (index_t i = 0; i < d; ++i) map[i] -= low;
  }
  return saliency::colorize(raised);
}

} // namespace examples
