// onnx_vectors -- ONNX files with the values that a runtime must compute, for verify.js.
//
//     onnx_vectors OUT                                  small nets with random numbers
//     onnx_vectors OUT MODEL DATASET DATA_DIR IMAGES    a trained net on images of its test set
//
// OUT/cases.json lists, per net, the files of its forms, the pixels, and every output: the codes of
// all layers and the logits of the integer engine, or the logits of the real-valued net, and the
// library's Grad-CAM where the net has one.
#include "sgq/sgq.hpp"

#include "infer/helpers.hpp"
#include "support/nets.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace sgq;

namespace {

constexpr index_t batch_size = 100;

/// A file that grows batch by batch.
class Numbers {
public:
  Numbers(const std::string& folder, const std::string& name)
      : name_(name), file_(folder + "/" + name, std::ios::binary) {}
  template <class Values>
  void append(const Values& values) {
    const std::string_view bytes = io::bytes_of(values);
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file_) throw io_error(describe(name_, "a disk with room", "another"));
  }
  const std::string& name() const { return name_; }

private:
  std::string name_;
  std::ofstream file_;
};

/// One output of the models and the file of its values.
struct Output {
  std::string name, type, rule;
  index_t per_image;
  Numbers file;
};

struct Case {
  std::string name, folder;
  nn::Net<float>& net;
  QuantParams grid;
  Tensor<std::uint8_t> pixels; ///< [N, C, H, W]
  bool saliency;
  bool quantised() const { return !net.precision().empty(); }
};

std::string file_name(const Case& c, std::string output, const char* type) {
  for (char& ch : output)
    if (ch == '/') ch = '_';
  return c.name + "." + output + "." + type;
}

/// The files of the forms; returns their list for cases.json.
io::Json write_models(const Case& c) {
  io::Json models = io::Json::array();
  const std::vector<infer::OnnxForm> forms =
      c.quantised() ? std::vector{infer::OnnxForm::exact, infer::OnnxForm::integer}
                    : std::vector{infer::OnnxForm::real};
  for (infer::OnnxForm form : forms) {
    const infer::OnnxExport onnx = infer::to_onnx(c.net, {.form = form,
                                                          .saliency = c.saliency,
                                                          .intermediate = c.quantised(),
                                                          .input = c.grid,
                                                          .name = c.name});
    const std::string file = c.name + "." + infer::name(form) + ".onnx";
    io::write_file_atomically(c.folder + "/" + file, onnx.bytes);
    models.push_back(io::Json::object({{"form", infer::name(form)}, {"file", file}}));
    for (const infer::OnnxLayer& layer : onnx.layers)
      std::printf("%s %s: %s: %s%s%s\n", c.name.c_str(), infer::name(form), layer.name.c_str(),
                  layer.operation.c_str(), layer.note.empty() ? "" : "; ", layer.note.c_str());
  }
  return models;
}

/// All layers of the integer engine for a batch.
class EngineValues {
public:
  explicit EngineValues(const Case& c)
      : engine_(infer::export_integer(c.net), {.keep_values = true}) {
    const infer::Graph& g = engine_.graph();
    for (infer::Value v = 1; v <= g.last(); ++v) {
      const bool bytes = g.max_code(v) > 0 && g.max_code(v) <= 255;
      const char* type = bytes ? "uint8" : "integer"; // integers travel as float32 or int32
      outputs.push_back({g.steps[v - 1].name, type, "equal", g.shape(v).size(),
                         Numbers(c.folder, file_name(c, g.steps[v - 1].name, type))});
    }
  }

  void append(View<const std::uint8_t> pixels) {
    const auto values = engine_.values(pixels);
    for (std::size_t v = 1; v < values.size(); ++v) {
      if (outputs[v - 1].type != "uint8") {
        outputs[v - 1].file.append(values[v]);
        continue;
      }
      Tensor<std::uint8_t> bytes(values[v].shape());
      for (index_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(values[v][i]);
      outputs[v - 1].file.append(bytes);
    }
  }

  std::vector<Output> outputs;

private:
  infer::Engine engine_;
};

Tensor<float> network_input(const Case& c, View<const std::uint8_t> pixels) {
  Tensor<float> x(pixels.shape());
  const index_t plane = x.shape().plane(), channels = x.shape()[1];
  for (index_t i = 0; i < x.size(); ++i)
    x[i] = c.grid.value<float>(pixels[i], i / plane % channels);
  return x;
}

/// Writes models and values, and the entry of cases.json.
io::Json write_case(const Case& c) {
  io::Json models = write_models(c);
  std::vector<Output> outputs;
  std::optional<EngineValues> engine;
  if (c.quantised()) engine.emplace(c);
  const index_t classes = c.net.classes(), plane = c.pixels.shape().plane();
  outputs.push_back({"logits", "float32", c.quantised() ? "equal" : "logits", classes,
                     Numbers(c.folder, file_name(c, "logits", "float32"))});
  if (c.saliency)
    outputs.push_back({"saliency", "float32", "map", plane,
                       Numbers(c.folder, file_name(c, "saliency", "float32"))});
  Numbers pixels(c.folder, file_name(c, "pixels", "uint8"));
  pixels.append(c.pixels);
  saliency::Explainer explain(c.net, {.target = saliency::Target::logit});
  for (index_t first = 0; first < c.pixels.shape()[0]; first += batch_size) {
    const index_t n = std::min(batch_size, c.pixels.shape()[0] - first);
    const View<const std::uint8_t> some = c.pixels.view().slice(first, n);
    const Tensor<float> x = network_input(c, some);
    if (engine) engine->append(some);
    Tensor<float> logits = saliency::logits_of(c.net, x);
    outputs[0].file.append(logits);
    if (c.saliency)
      outputs[1].file.append(
          saliency::grad_cam<float>(explain, x, saliency::predictions(logits)).values);
  }
  if (engine)
    std::move(engine->outputs.begin(), engine->outputs.end(), std::back_inserter(outputs));
  io::Json list = io::Json::array();
  for (const Output& o : outputs)
    list.push_back(io::Json::object({{"name", o.name},
                                     {"type", o.type},
                                     {"rule", o.rule},
                                     {"per_image", o.per_image},
                                     {"file", o.file.name()}}));
  const Shape& s = c.pixels.shape();
  return io::Json::object({{"name", c.name},
                           {"images", s[0]},
                           {"shape", io::Json::array({s[1], s[2], s[3]})},
                           {"pixels", pixels.name()},
                           {"models", std::move(models)},
                           {"outputs", std::move(list)}});
}

/// Random pixels; the first images are all 0, all 255, and both by turns.
Tensor<std::uint8_t> random_pixels(const Shape& image, index_t count) {
  Tensor<std::uint8_t> pixels(image.with_batch(count));
  const Random random(5, 0x706978); // "pix"
  for (index_t i = 0; i < pixels.size(); ++i) {
    const index_t n = i / image.size();
    const index_t code = static_cast<index_t>(random.below(i, 256)),
                  extreme[] = {0, 255, i % 2 * 255};
    pixels[i] = static_cast<std::uint8_t>(n < 3 ? extreme[n] : code);
  }
  return pixels;
}

/// Nets that have everything: negative and zero gammas, ties, residuals, odd codes, a fallback.
io::Json random_cases(const std::string& folder, index_t images) {
  using infer_tests::Case;
  io::Json cases = io::Json::array();
  const auto add = [&](std::string name, nn::Net<float> net, bool saliency) {
    for (char& c : name)
      if (c == ' ') c = '_';
    const QuantParams grid = infer_tests::test_grid(net.input_shape()[1]);
    const ::Case c{name,
                   folder,
                   net,
                   net.input().grid() ? net.input().grid() : grid,
                   random_pixels(net.input_shape(), images),
                   saliency};
    cases.push_back(write_case(c));
  };
  for (const char* bits : {"w4a4", "w2a2", "layerwise-4-2", "w8a8"})
    add(std::string("lenet5 ") + bits, infer_tests::make_case({.net = "lenet5", .bits = bits}),
        false);
  for (const char* bits : {"w4a4", "w2a2", "w8a8"})
    add(std::string("resnet20 ") + bits,
        infer_tests::make_case({.net = "resnet20", .bits = bits, .width = 4}), true);
  add("resnet20 dorefa",
      infer_tests::make_case({.net = "resnet20",
                              .bits = "w2a4",
                              .weights = "dorefa-rescaled",
                              .first_last = quant::FirstLast::same,
                              .width = 4}),
      true);
  // Their gammas are not 0, so their residual layers have multipliers.
  for (const char* name : {"residual w4a4", "residual w2a2"})
    add(name, small_net<float>(name), true);
  add("oblong w4a4", infer_tests::oblong_net("w4a4"), false);
  add("wide sums w8a8", infer_tests::wide_sums_net(), false);
  nn::Net<float> real = nn::resnet20({.seed = 3, .width = 4});
  infer_tests::randomize_batch_norm(real, 3);
  add("resnet20 fp32", std::move(real), true);
  add("lenet5 fp32", nn::lenet5({.seed = 3}), false);
  return cases;
}

io::Json trained_case(const std::string& folder, char** argv) {
  nn::Model<float> model = nn::load_model(argv[0]);
  const index_t images = std::stol(argv[3]);
  data::Dataset set = data::load(argv[1], argv[2], data::Split::test);
  set = data::slice(set, 0, std::min<index_t>(images, set.size()));
  const std::string name = std::filesystem::path(argv[0]).parent_path().filename().string();
  const bool saliency = model.name() == "resnet20";
  const Case c{name, folder, model.net, model.input, std::move(set.images), saliency};
  io::Json cases = io::Json::array();
  cases.push_back(write_case(c));
  return cases;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3 && argc != 6) {
    std::fprintf(stderr, "onnx_vectors OUT [IMAGES | MODEL DATASET DATA_DIR IMAGES]\n");
    return 2;
  }
  try {
    const std::string folder = argv[1];
    std::filesystem::create_directories(folder);
    const io::Json cases = argc == 6 ? trained_case(folder, argv + 2)
                                     : random_cases(folder, argc == 3 ? std::stol(argv[2]) : 500);
    io::write_file_atomically(folder + "/cases.json", io::to_string(cases));
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "onnx_vectors: %s\n", e.what());
    return 1;
  }
}
