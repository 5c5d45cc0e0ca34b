// What the programs that explain share: images and their classes, every method by its name, and how
// a map becomes a picture.
#pragma once

#include "command_line.hpp"
#include "data_folder.hpp"
#include "png.hpp"

#include "sgq/data/load.hpp"
#include "sgq/data/normalize.hpp"
#include "sgq/io/json.hpp"
#include "sgq/io/model.hpp"
#include "sgq/io/npy.hpp"
#include "sgq/saliency/grad_cam.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/metrics/statistics.hpp"
#include "sgq/saliency/occlusion.hpp"
#include "sgq/saliency/rise.hpp"
#include "sgq/saliency/smoothgrad.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace examples {

namespace data = sgq::data;
namespace io = sgq::io;
namespace nn = sgq::nn;
namespace ops = sgq::ops;
namespace saliency = sgq::saliency;
using sgq::describe;
using sgq::QuantParams;

// ---- images -------------------------------------------------------------------------------------

/// Images to explain: pixel codes, or network input as it was given.
struct Images {
  std::string set{};                  ///< the data set they are from, "" for a file
  Tensor<std::uint8_t> codes{};       ///< [N,C,H,W]; empty where x was given
  Tensor<float> x{};                  ///< [N,C,H,W]; empty where codes were given
  std::vector<std::uint8_t> labels{}; ///< the true classes; empty where nobody knows
  std::vector<std::string> class_names{};
  Tensor<std::uint8_t> evidence{}; ///< [N,1,H,W], where it is known

  Shape shape() const { return x.empty() ? codes.shape() : x.shape(); }
  index_t size() const { return shape()[0]; }

  Tensor<float> input(const QuantParams& grid) const {
    Tensor<float> given(shape());
    if (x.empty())
      data::normalize<float>(codes, grid, given);
    else
      given.copy_from(x);
    return given;
  }
  Tensor<std::uint8_t> pixels(const QuantParams& grid) const {
    Tensor<std::uint8_t> given(shape());
    if (x.empty())
      given.copy_from(codes);
    else
      data::to_codes<float>(x, grid, given);
    return given;
  }
  std::string class_name(index_t c) const {
    const auto k = static_cast<std::size_t>(c);
    return k < class_names.size() ? class_names[k] : sgq::to_text(c);
  }
};

/// The parts of "a,b,c".
inline std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// "0,3,10-12" -> 0 3 10 11 12. Throws usage_error on anything else, or a number above `highest`.
inline std::vector<index_t> parse_numbers(const std::string& option, const std::string& text,
                                          index_t highest) {
  std::vector<index_t> numbers;
  for (const std::string& part : split_list(text)) {
    index_t first = -1, last = -1;
    const char *begin = part.data(), *end = begin + part.size();
    auto read = std::from_chars(begin, end, first);
    last = first;
    if (read.ec == std::errc{} && read.ptr != end && *read.ptr == '-')
      read = std::from_chars(read.ptr + 1, end, last);
    if (read.ec != std::errc{} || read.ptr != end || first < 0 || last < first || last > highest)
      throw usage_error(describe(option, "numbers up to " + sgq::to_text(highest) + ", as 0,3,5-9",
                                 "'" + part + "'"));
    for (index_t i = first; i <= last; ++i) numbers.push_back(i);
  }
  return numbers;
}

/// FILE.npy: uint8 pixel codes or float32 network input, [N,C,H,W]; or SET:NUMBERS, images of a
/// test set. Throws usage_error or io_error.
inline Images load_images(const std::string& text, const std::string& folder) {
  Images images;
  if (text.ends_with(".npy")) {
    const std::string bytes = io::read_file(text), type = io::npy_type(bytes, text);
    if (type == "<f4")
      images.x = io::parse_npy<float>(bytes, text);
    else if (type == "|u1")
      images.codes = io::parse_npy<std::uint8_t>(bytes, text);
    else
      throw sgq::io_error(describe(text, "uint8 pixel codes or float32 network input", type));
    const Shape shape = images.shape();
    if (shape.rank() != 4 || shape.size() == 0)
      throw sgq::io_error(describe(text, "images [N, C, H, W]", shape.str()));
    return images;
  }
  const std::size_t colon = text.find(':');
  images.set = text.substr(0, colon);
  if (colon == text.npos || !data::is_dataset_name(images.set))
    throw usage_error(describe("--images",
                               "FILE.npy, or mnist:0,1,5-9 (or fashion-mnist, cifar-10, synthetic)",
                               "'" + text + "'"));
  const data::Dataset test =
      data::load(images.set, data_folder(folder, images.set), data::Split::test);
  data::Dataset part =
      data::subset(test, parse_numbers("--images", text.substr(colon + 1), test.size() - 1));
  images.codes = std::move(part.images);
  images.labels = std::move(part.labels);
  images.evidence = std::move(part.evidence);
  images.class_names = std::move(part.class_names);
  return images;
}

// ---- models -------------------------------------------------------------------------------------

/// Reads a model file whose input are pixel codes on a known grid. Throws io_error.
inline io::Model<float> load_explained(const std::string& path) {
  io::Model<float> model = io::load_model(path);
  if (!model.spec.quant.input)
    throw sgq::io_error(describe(path, "the grid of its input's pixel codes", "none"));
  return model;
}

/// Throws shape_error unless the net reads such images.
inline void check_fits(const Images& images, const nn::Net<float>& net, const std::string& path) {
  if (images.shape().with_batch(1) != net.input_shape())
    throw sgq::shape_error(
        describe("images for " + path, net.input_shape().str() + " each", images.shape().str()));
}

/// "mnist_cnn w4a4"
inline std::string model_text(const nn::ModelSpec& spec) {
  return spec.net + " " + sgq::quant::name(spec.quant.bits);
}

/// The network input that says "nothing there", a value a channel: pixel code 0 on sets drawn on
/// black, else the mean. The set is that of the images, or what the model was trained on.
inline std::vector<float> background_of(const Images& images, const io::Model<float>& model) {
  const auto trained_on = model.metadata.find("dataset");
  const std::string set = !images.set.empty()                  ? images.set
                          : trained_on != model.metadata.end() ? trained_on->second
                                                               : "";
  const QuantParams& grid = model.spec.quant.input;
  if (!data::is_dataset_name(set)) // nobody knows it: the mean
    return std::vector<float>(static_cast<std::size_t>(grid.channels()), 0.0f);
  return data::background_values(set, grid);
}

/// The net of that spec with random weights; calibration on the first of x gives its clips, if it
/// has any, a start. Batch norm keeps its initial statistics, 0 and 1.
inline nn::Net<float> untrained(nn::ModelSpec spec, std::uint64_t seed, View<const float> x) {
  spec.options.seed = seed;
  nn::Net<float> net = nn::build_model<float>(spec);
  if (!nn::pact_layers(net).empty())
    nn::calibrate(net, x.slice(0, std::min<index_t>(64, x.shape()[0])));
  return net;
}

/// A net as a function from a batch to logits.
class NetFunction {
public:
  explicit NetFunction(const nn::Net<float>& net) : net_(net) {}
  void operator()(View<const float> x, View<float> logits) {
    const View<const float> z = net_.forward(x, tape_);
    sgq::check_shape("logits", z.shape(), logits.shape());
    std::copy(z.begin(), z.end(), logits.begin());
  }

private:
  const nn::Net<float>& net_;
  nn::Tape<float> tape_;
};

inline Tensor<float> logits_of(const nn::Net<float>& net, View<const float> x) {
  NetFunction f(net);
  Tensor<float> logits({x.shape()[0], net.classes()});
  saliency::Classifier(f, net.classes()).each(x, [&](index_t n, const float* row) {
    std::copy(row, row + net.classes(), logits.data() + n * net.classes());
  });
  return logits;
}

inline std::vector<std::uint8_t> predictions(View<const float> logits) {
  std::vector<std::uint8_t> classes;
  const index_t k = logits.shape()[1];
  for (index_t n = 0; n < logits.shape()[0]; ++n)
    classes.push_back(static_cast<std::uint8_t>(saliency::argmax(logits.data() + n * k, k)));
  return classes;
}

/// The classes to explain, one an image: "true" labels, "predicted" ones, "auto" for the first that
/// are known, or a list (one class serves all images). Throws usage_error.
inline std::vector<std::uint8_t> choose_targets(const std::string& text, const Images& images,
                                                View<const float> logits) {
  const bool labelled = !images.labels.empty();
  if (text == "true" && !labelled)
    throw usage_error("--targets: the true classes of these images are not known");
  if (text == "true" || (text == "auto" && labelled)) return images.labels;
  if (text == "predicted" || text == "auto") return predictions(logits);
  const auto given = parse_numbers("--targets", text, logits.shape()[1] - 1);
  std::vector<std::uint8_t> classes(given.begin(), given.end());
  if (classes.size() == 1) classes.resize(static_cast<std::size_t>(images.size()), classes[0]);
  if (static_cast<index_t>(classes.size()) != images.size())
    throw usage_error(describe("--targets", "one class, or " + sgq::to_text(images.size()),
                               sgq::to_text(classes.size())));
  return classes;
}

// ---- methods ------------------------------------------------------------------------------------

struct Method {
  const char *name, *head; ///< of the option and the file; of a column
  saliency::Values values; ///< how [N,C,H,W] becomes a map
};

inline constexpr Method methods[] = {
    {"gradient", "gradient", saliency::Values::magnitude},
    {"gradient-x-input", "x input", saliency::Values::with_sign},
    {"smoothgrad", "SmoothGrad", saliency::Values::magnitude},
    {"smoothgrad-squared", "SG squared", saliency::Values::magnitude},
    {"integrated-gradients", "integrated", saliency::Values::with_sign},
    {"guided_backprop", "guided_backprop", saliency::Values::magnitude},
    {"grad-cam", "Grad-CAM", saliency::Values::magnitude},
    {"occlusion", "occlusion", saliency::Values::with_sign},
    {"rise", "RISE", saliency::Values::with_sign},
};

inline std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const Method& m : methods) names.push_back(m.name);
  return names;
}

inline const Method& find_method(const std::string& name) {
  return *std::find_if(std::begin(methods), std::end(methods),
                       [&](const Method& m) { return m.name == name; });
}

struct MethodOptions {
  std::string score = "logit"; ///< or "log-probability"
  index_t samples = 25, steps = 50, masks = 500;
  std::uint64_t seed = 0;

  saliency::Target target() const {
    return score == "logit" ? saliency::Target::logit : saliency::Target::log_probability;
  }
};

inline void add_method_options(CommandLine& line, MethodOptions& o) {
  line.choice("--score", &o.score, {"logit", "log-probability"}, "what of the class is explained");
  line.integer("--samples", &o.samples, {1, 100000}, "noisy copies of SmoothGrad");
  line.integer("--steps", &o.steps, {1, 100000}, "steps of integrated gradients");
  line.integer("--masks", &o.masks, {1, 1000000}, "masks of RISE");
  line.integer("--seed", &o.seed, {0, 1 << 30}, "of noise and masks");
}

/// Explains images x; `background` is a value a channel.
inline saliency::Attribution<float> attribute(const Method& method, nn::Net<float>& net,
                                              View<const float> x,
                                              std::span<const std::uint8_t> classes,
                                              const std::vector<float>& background,
                                              const MethodOptions& o) {
  const std::string_view name = method.name;
  saliency::Explainer explain(net, {.target = o.target(), .background = background});
  if (name == "gradient") return saliency::gradient(explain, x, classes);
  if (name == "gradient-x-input") return saliency::gradient_x_input(explain, x, classes);
  if (name == "guided_backprop") return saliency::guided_backprop(explain, x, classes);
  if (name == "grad-cam") return saliency::grad_cam(explain, x, classes);
  if (name.starts_with("smoothgrad"))
    return saliency::smoothgrad(
        explain, x, classes,
        {.samples = o.samples, .squared = name == "smoothgrad-squared", .seed = o.seed});
  if (name == "integrated-gradients")
    return saliency::integrated_gradients(explain, x, classes, {.steps = o.steps});
  NetFunction f(net);
  const saliency::Classifier model(f, net.classes(), {.background = background});
  if (name == "occlusion") return saliency::occlusion(model, x, classes, {.target = o.target()});
  return saliency::rise(model, x, classes, {.masks = o.masks, .seed = o.seed});
}

// ---- pictures and numbers -----------------------------------------------------------------------

/// maps [N,H,W] -> [N,H,W,3]. RISE, which is positive everywhere, is drawn from each map's lowest
/// value.
inline Tensor<std::uint8_t> draw_maps(const Method& method, View<const float> maps) {
  if (std::string_view(method.name) != "rise")
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

inline io::Json to_json(const saliency::Estimate& e) {
  return io::Json::object({{"mean", e.mean},
                           {"low", e.low},
                           {"high", e.high},
                           {"count", e.count},
                           {"excluded", e.excluded}});
}

/// "0.61 [0.58, 0.64]"; "-" where nothing was defined.
inline std::string text_of(const saliency::Estimate& e) {
  if (e.count == 0) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", e.mean, e.low, e.high);
  return text;
}

} // namespace examples
