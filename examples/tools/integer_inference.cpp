// integer_inference -- from a trained, quantised network to one that runs on integers.
//
//     build/release/examples/integer_inference --model out/mnist/model.safetensors
//
// Exports the network, writes OUT/NAME.safetensors and reads it back, compares the codes of every
// layer with the trained network's on images that were not used for training, measures both,
// explains a few images on the integer engine itself, and writes OUT/NAME.c and NAME.h for machines
// without anything. Without --model a small network is trained first. --onnx FILE writes an ONNX
// file as well; with --form float it is that of a network in fp32, and nothing else is done
// (docs/onnx.md).
#include "explaining.hpp"
#include "model_options.hpp"
#include "progress.hpp"

#include "sgq/sgq.hpp"

#include <tuple>

using namespace examples;
namespace infer = sgq::infer;

namespace {

struct Options {
  std::string model, images, dataset, data, bits, name = "net";
  std::string out = "out/integer_inference";
  std::string onnx, form = "exact";
  bool saliency = false, intermediate = false;
  index_t limit = 0, explain = 16, masks = 500;
  int threads = 0;

  /// Of the network that is trained here.
  std::string trained_bits() const { return bits.empty() ? "w2a2" : bits; }
  /// The network is written as it is, and nothing else is done.
  bool only_onnx() const { return !onnx.empty() && form == "float"; }
};

/// --form float is of a real-valued network, all else of integers.
void check_trained_here(const Options& o) {
  const std::string bits = o.trained_bits();
  const bool real = quant::name(parse_bits_option(bits)) == "fp32";
  if (real && !o.only_onnx())
    throw usage_error(describe("--bits", "a policy with integers", bits,
                               "an ONNX file of fp32 takes --onnx FILE --form float"));
  if (!real && o.only_onnx())
    throw usage_error(describe("--form float", "--bits fp32, or a --model in fp32", bits));
}

/// Throws usage_error where an option would do nothing.
void check_options(const Options& o) {
  const Options usual;
  if (!o.model.empty() && !o.bits.empty())
    throw usage_error("--bits is for the network that is trained here: --model has its own");
  if (o.model.empty()) check_trained_here(o);
  const auto measuring = [](const Options& t) {
    return std::tie(t.images, t.dataset, t.data, t.limit, t.explain, t.masks, t.name);
  };
  if (o.only_onnx() && measuring(o) != measuring(usual))
    throw usage_error("--form float writes the ONNX file and nothing else: leave out --images, "
                      "--dataset, --data, --limit, --explain, --masks and --name");
  const bool other = !o.dataset.empty() && o.dataset != "synthetic";
  if (o.model.empty() && (other || !o.images.empty()))
    throw usage_error("--dataset and --images need --model: the network that is trained here knows "
                      "the built-in set only");
  if (!o.images.empty() && (!o.dataset.empty() || o.limit > 0))
    throw usage_error("--images chooses the images: leave out --dataset and --limit");
  std::error_code ignored; // where there is no such file
  for (const std::string& file : {o.out + "/" + o.name + ".safetensors", o.onnx})
    if (std::filesystem::equivalent(file, o.model, ignored))
      throw usage_error(file + " is the network itself: choose another --name, --out or --onnx");
  if (o.onnx.empty() && (o.form != usual.form || o.saliency || o.intermediate))
    throw usage_error("--form, --saliency and --intermediate need --onnx: add it");
}

struct Subject {
  data::Dataset images;
  std::string what{}; ///< "validation images"
};

/// The images that everything is compared on: of a set, or of a file, where the network's word
/// stands for the labels.
Subject subject_of(const Options& o, const nn::Model<float>& model) {
  if (!o.images.empty()) {
    const Images images = load_images(o.images, o.data);
    check_fits(images, model.net, o.model);
    data::Dataset set;
    set.name = o.images;
    set.images = images.pixels(model.input);
    set.labels = saliency::predictions(saliency::logits_of(model.net, images.input(model.input)));
    set.classes = static_cast<int>(model.net.classes());
    return {std::move(set), "images"};
  }
  const std::string name = dataset_of(o.dataset, model, o.model);
  const data::Protocol protocol = protocol_for(name, o.data, model.metadata, o.model);
  data::Dataset set = data::load(name, data_folder(o.data, name), data::Split::test, protocol);
  check_fits(images_of(set.name, data::slice(set, 0, 1)), model.net,
             o.model.empty() ? "the small network" : o.model);
  if (o.limit > 0) set = data::slice(set, 0, std::min(o.limit, set.size()));
  return {std::move(set), tested_on(protocol)};
}

/// A LeNet with fewer bits, trained for a few epochs on the digits that the library draws.
nn::Model<float> train_one(const Options& o) {
  const data::Dataset set = data::synthetic(6000, 1, data::Split::train);
  nn::ModelSpec spec{.net = "lenet5"};
  spec.quant = {.bits = parse_bits_option(o.trained_bits()),
                .input = data::normalization("synthetic")};
  nn::Model<float> model{nn::build_model(spec), nn::to_metadata(spec), spec.quant.input};
  model.metadata["dataset"] = set.name;
  data::Batches<float> batches(set, spec.quant.input, {.size = 50, .seed = 1});
  if (!nn::pact_layers(model.net).empty()) nn::calibrate<float>(model.net, batches.batch(0).x);
  model.net.quantize_weights();
  try { // not after training: some policies have no integers
    if (!o.only_onnx()) infer::export_integer(model.net);
  } catch (const sgq::error& e) {
    throw usage_error("--bits " + o.trained_bits() + ": " + e.what());
  }
  sgq::train::Adamw<float> optimizer(model.net, {.lr = 2e-3});
  nn::Tape<float> tape;
  for (index_t epoch = 0; epoch < 3; ++epoch) {
    batches.begin_epoch(epoch);
    for (index_t i = 0; i < batches.count(); ++i)
      sgq::train::train_step(model.net, tape, batches.batch(i), optimizer);
  }
  return model;
}

void print_layers(const infer::Graph& graph, index_t file_bytes, index_t parameters) {
  std::printf("%-22s %-9s %16s  %s  %s  %10s  %8s\n", "layer", "kind", "shape", "weights", "codes",
              "|sum| <=", "bytes");
  for (const infer::Step& s : graph.steps) {
    const std::string shape = sgq::to_text(s.shape[1]) + " x " + sgq::to_text(s.shape[2]) + " x " +
                              sgq::to_text(s.shape[3]);
    const bool sums = s.op == infer::Op::convolve;
    std::printf("%-22s %-9s %16s  %7s  %5s  %10s  %8s\n", s.name.c_str(), infer::name(s.op),
                shape.c_str(), sums ? (sgq::to_text(s.weights.bits) + " bit").c_str() : "",
                s.thresholds.bits ? sgq::to_text(s.thresholds.bits).c_str() : "",
                sums ? sgq::to_text(s.bound).c_str() : "",
                sums ? sgq::to_text(s.weights.bytes.size()).c_str() : "");
  }
  std::printf("file: %ld bytes, 1/%.1f of %ld parameters in fp32\n", long(file_bytes),
              4.0 * double(parameters) / double(file_bytes), long(parameters));
}

/// Every value of every image beside the net's. Returns how many numbers differ.
index_t verify(const nn::Net<float>& net, const infer::Graph& graph, const data::Dataset& test,
               const QuantParams& grid) {
  const infer::Engine engine(graph, {.keep_values = true}), fused(graph);
  data::Batches<float> batches(test, grid, {.size = 100, .shuffle = false});
  nn::Tape<float> tape;
  Tensor<float> logits;
  std::vector<infer::Comparison> total;
  index_t different = 0, codes = 0;
  for (index_t i = 0; i < batches.count(); ++i) {
    const auto batch = batches.batch(i);
    const View<const float> expected = net.forward(batch.x, tape);
    const auto values = engine.values(batch.codes);
    const auto found = infer::compare(graph, values, net, tape);
    if (total.empty()) total.resize(found.size());
    for (std::size_t v = 0; v < found.size(); ++v) {
      total[v].layer = found[v].layer;
      total[v].codes += found[v].codes;
      total[v].different += found[v].different;
    }
    logits.resize(expected.shape());
    fused(batch.x, logits);
    for (index_t k = 0; k < logits.size(); ++k) different += logits[k] != expected[k];
  }
  if (different > 0) std::printf("%ld float logits differ\n", long(different));
  for (const infer::Comparison& c : total) {
    if (c.different > 0)
      std::printf("%s: %ld of %ld differ\n", c.layer.c_str(), long(c.different), long(c.codes));
    codes += c.codes;
    different += c.different;
  }
  std::printf("verified: %ld codes and sums of %ld images, %ld differ from the trained network's\n",
              long(codes), long(test.size()), long(different));
  return different;
}

/// Images per second of f on batches of x, the best of a few runs of a fifth of a second.
template <class F>
double images_per_second(F&& f, View<const float> x, index_t classes) {
  Tensor<float> logits({x.shape()[0], classes});
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const Stopwatch watch;
    index_t images = 0;
    do {
      f(x, logits);
      images += x.shape()[0];
    } while (watch.seconds() < 0.2);
    best = std::max(best, static_cast<double>(images) / watch.seconds());
  }
  return best;
}

void measure(const Options& o, const nn::Net<float>& net, const infer::Engine& engine,
             View<const float> x) {
  saliency::NetFunction f(net);
  for (int threads : {1, 0}) {
    sgq::set_num_threads(threads ? threads : o.threads);
    if (threads == 0 && sgq::num_threads() == 1) break;
    const index_t classes = engine.graph().classes();
    const double slow = images_per_second(f, x, classes);
    const double fast = images_per_second(engine, x, classes);
    std::printf("%d thread%s: %.0f images/s, %.1f times the trained network's %.0f\n",
                sgq::num_threads(), sgq::num_threads() > 1 ? "s" : "", fast, fast / slow, slow);
  }
}

/// Maps of the deployed engine beside the straight-through gradient of the trained network. Throws
/// where they are not those of the trained network, when all are written.
void explain(const Options& o, nn::Net<float>& net, const infer::Engine& engine,
             View<const float> x, std::span<const std::uint8_t> labels,
             const std::vector<float>& background) {
  const saliency::Classifier model(engine, engine.graph().classes(), {.background = background});
  saliency::NetFunction f(net);
  const saliency::Classifier trained(f, net.classes(), {.background = background});
  saliency::Explainer explainer(net);
  const auto gradient =
      saliency::to_maps(saliency::gradient(explainer, x, labels), saliency::Values::magnitude);
  std::string different;
  const auto report = [&](const char* method, const saliency::Attribution<float>& deployed,
                          const saliency::Attribution<float>& original) {
    const bool same =
        std::equal(deployed.values.begin(), deployed.values.end(), original.values.begin());
    if (!same) different += (different.empty() ? "" : ", ") + std::string(method);
    const Tensor<float> maps = saliency::to_maps(deployed, saliency::Values::magnitude);
    io::write_npy(o.out + "/" + method + ".npy", maps);
    std::printf("%s of %ld images on the integer engine: %s the trained network's; "
                "rank correlation with its STE gradient %s\n",
                method, long(x.shape()[0]), same ? "equals" : "DIFFERS FROM",
                text_of(saliency::bootstrap_mean(
                            saliency::spearman(maps, gradient, saliency::Values::magnitude)))
                    .c_str());
  };
  report("occlusion", saliency::occlusion(model, x, labels),
         saliency::occlusion(trained, x, labels));
  const saliency::RiseOptions masks{.masks = o.masks};
  report("rise", saliency::rise(model, x, labels, masks),
         saliency::rise(trained, x, labels, masks));
  infer::EngineFeatureMaps of_engine(engine.graph());
  saliency::NetFeatureMaps of_net(net);
  report("score-cam", saliency::score_cam(model, of_engine, x, labels),
         saliency::score_cam(trained, of_net, x, labels));
  if (!different.empty())
    throw sgq::error(describe("maps of the integer engine", "those of the trained network",
                              "others by " + different));
}

void write_c(const Options& o, const infer::Graph& graph, View<const std::uint8_t> images) {
  const infer::CSource c = infer::to_c(graph, {.name = o.name, .sample = images.slice(0, 1)});
  const std::string path = o.out + "/" + o.name;
  io::write_file_atomically(path + ".h", c.header);
  io::write_file_atomically(path + ".c", c.source);
  // Images and their logits, to check the C where it runs.
  const View<const std::uint8_t> some = images.slice(0, std::min<index_t>(1000, images.shape()[0]));
  Tensor<std::int32_t> logits({some.shape()[0], graph.classes()});
  infer::Engine(graph).run(some, logits);
  io::write_file_atomically(o.out + "/images.bin", io::bytes_of(some));
  io::write_file_atomically(o.out + "/logits.bin", io::bytes_of(logits));
  std::printf("%s.c: %ld bytes of tables (flash, besides the code), %ld bytes of RAM\n",
              path.c_str(), long(c.constant_bytes), long(c.ram_bytes));
}

/// Writes the ONNX file and prints what each layer became.
void write_onnx(const Options& o, const nn::Model<float>& model) {
  const Stopwatch watch;
  infer::OnnxOptions options{.form = infer::parse_onnx_form(o.form),
                             .saliency = o.saliency,
                             .intermediate = o.intermediate,
                             .input = model.input,
                             .name = model.name(),
                             .metadata = {{"net", model.name()}, {"bits", model.bits()}}};
  const std::string classes = classes_text(class_names_of({}, model));
  if (!classes.empty()) options.metadata["classes"] = classes;
  const infer::OnnxExport onnx = infer::to_onnx(model.net, options);
  io::write_file_atomically(o.onnx, onnx.bytes);
  std::printf("%-22s %-28s %9s %9s\n", "layer", "ONNX", "margin", "bytes");
  for (const infer::OnnxLayer& l : onnx.layers) {
    char margin[32] = "";
    if (l.margin > 0) std::snprintf(margin, sizeof margin, "%.0f", std::min(l.margin, 1e8));
    std::printf("%-22s %-28s %9s %9s%s%s\n", l.name.c_str(), l.operation.c_str(), margin,
                l.weight_bytes > 0 ? sgq::to_text(l.weight_bytes).c_str() : "",
                l.note.empty() ? "" : "  ", l.note.c_str());
  }
  std::printf("%s: %ld bytes, form %s, opset %d, %.2f s%s\n", o.onnx.c_str(),
              long(onnx.bytes.size()), o.form.c_str(), onnx.opset, watch.seconds(),
              o.form == "integer" ? "; margin: float roundings to the nearest limit" : "");
}

/// What is run, and on what.
void print_subject(const Options& o, const nn::Model<float>& model, const Subject& subject) {
  const data::Dataset& test = subject.images;
  if (o.images.empty()) warn_of_other_set(model, test.name);
  std::printf("%s, %ld %s of %s\n", model_text(model).c_str(), long(test.size()),
              subject.what.c_str(), test.name.c_str());
  print_classes(class_names_of({.class_names = test.class_names}, model));
}

void run(const Options& o) {
  check_options(o);
  nn::Model<float> model = o.model.empty() ? train_one(o) : load_explained(o.model);
  if (o.only_onnx()) return write_onnx(o, model);
  if (o.images.empty()) dataset_of(o.dataset, model, o.model); // an error comes before any file
  make_out_folder(o.out);
  if (!o.onnx.empty()) write_onnx(o, model);
  const Subject subject = subject_of(o, model);
  const data::Dataset& test = subject.images;
  const QuantParams& grid = model.input;
  print_subject(o, model, subject);

  const std::string file = o.out + "/" + o.name + ".safetensors";
  infer::save_integer(file, infer::export_integer(model.net), {{"dataset", test.name}});
  const infer::Graph graph = infer::load_integer(file); // what is verified is what is in the file
  print_layers(graph, static_cast<index_t>(std::filesystem::file_size(file)),
               model.net.parameter_count());

  data::Batches<float> batches(test, grid, {.size = 100, .shuffle = false});
  if (o.images.empty())
    std::printf("accuracy: %.2f %%\n", 100 * sgq::train::evaluate(model.net, batches).accuracy());
  if (verify(model.net, graph, test, grid) > 0)
    throw sgq::error("the integer graph is not the trained network");

  const infer::Engine engine(graph);
  std::printf("engine: %ld bytes of values per image, %ld bytes of unpacked weights, %s%s\n",
              long(engine.arena_bytes()), long(engine.panel_bytes()),
              sgq::kernels::name(sgq::kernels::isa()),
              sgq::kernels::has_vnni() ? " with VNNI" : "");
  measure(o, model.net, engine, batches.batch(0).x);
  write_c(o, graph, test.images);
  const index_t count = std::min({o.explain, test.size(), index_t{100}});
  if (count > 0) {
    const auto batch = batches.batch(0);
    explain(o, model.net, engine, batch.x.slice(0, count),
            batch.labels.first(static_cast<std::size_t>(count)),
            o.images.empty() ? data::background_values(test, grid) : background_of({}, model));
  }
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "integer_inference", [&] {
    Options o;
    CommandLine line("integer_inference", "turns a trained network into one of integers");
    line.text("--model", &o.model, "FILE",
              "a quantised network, a model.safetensors (default: train a small one)");
    line.text("--bits", &o.bits, "POLICY",
              "bits of the network trained here, without --model: w4a4, w2a2, 4/2, .. [w2a2]; "
              "fp32 with --form float");
    line.text("--images", &o.images, "FILE.npy",
              "images [N,C,H,W] in the place of a data set's: uint8 pixel codes or network input");
    line.choice_or_folder("--dataset", &o.dataset, sgq::names_of(data::datasets),
                          "what to test on [what the network was trained on]; DIR: a set of your "
                          "own");
    add_data_option(line, &o.data);
    line.integer("--limit", &o.limit, {0, 1 << 30}, "test images, 0 for all");
    line.integer("--explain", &o.explain, {0, 100}, "images to explain");
    line.integer("--masks", &o.masks, {1, 100000}, "number of RISE masks");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.text("--name", &o.name, "NAME", "name of the files and of the C functions");
    line.text("--onnx", &o.onnx, "FILE", "write an ONNX file");
    line.choice("--form", &o.form, {"exact", "integer", "float"},
                "form of the ONNX file. exact: packed weights, codes in double; integer: integer "
                "convolutions; float: a network in fp32");
    line.flag("--saliency", &o.saliency, "add Grad-CAM as a second output of the ONNX file");
    line.flag("--intermediate", &o.intermediate,
              "add each layer's codes as outputs of the ONNX file");
    line.text("--out", &o.out, "DIR",
              "folder for NAME.safetensors, NAME.c, NAME.h, maps and test vectors");
    if (!line.parse(argc, argv)) return;
    if (!infer::is_c_identifier(o.name))
      throw usage_error(describe("--name", "an identifier of C", "'" + o.name + "'"));
    if (!o.onnx.empty()) io::check_writable(o.onnx);
    sgq::set_num_threads(o.threads);
    run(o);
  });
}
