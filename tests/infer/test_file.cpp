#include "sgq/infer/file.hpp"
#include "sgq/infer/reference.hpp"

#include "sgq/infer/engine.hpp"

#include "helpers.hpp"
#include "io/mutate.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <functional>
#include <stdexcept>

namespace test_file {

using namespace infer_tests;
using namespace sgq::infer;

namespace {

/// The logits of a few images.
std::vector<std::int32_t> logits_of(const Graph& graph) {
  const Tensor<std::uint8_t> pixels = codes_of(graph, test_images(graph.image, graph.grid, 4));
  Tensor<std::int32_t> logits({4, graph.classes()});
  Engine(graph).run(pixels, logits);
  return {logits.begin(), logits.end()};
}

/// Reads bytes as a file; runs what is accepted. True if it was.
bool accepted(const std::string& bytes) {
  try {
    const Graph graph = from_file(io::parse_safetensors(bytes, "mutant"));
    if (graph.image.size() <= 4096) logits_of(graph);
    return true;
  } catch (const io_error& e) {
    CHECK(contains(e.what(), "mutant"));
    return false;
  }
}

std::string small_file(const char* net, const char* bits) {
  return io::format_safetensors(
      to_file(export_integer(make_case({.net = net, .bits = bits, .width = 2}))));
}

} // namespace

TEST_CASE("integer file: what was written is what is read", "[infer]") {
  const TempDir dir;
  for (const char* name : {"lenet5", "resnet20"})
    for (const char* bits : {"w2a2", "w4a4", "w8a8"}) {
      INFO(name << " " << bits);
      const Graph graph = export_integer(make_case({.net = name, .bits = bits, .width = 2}));
      save_integer(dir / "net.safetensors", graph, {{"dataset", "none"}});
      const Graph again = load_integer(dir / "net.safetensors");
      CHECK(io::format_safetensors(to_file(again)) == io::format_safetensors(to_file(graph)));
      CHECK(logits_of(again) == logits_of(graph));
      CHECK(again.logit_scale == graph.logit_scale);
      CHECK(again.grid == graph.grid);
    }
}

TEST_CASE("integer file: images that are not square, pooled globally", "[infer]") {
  const TempDir dir;
  const Graph graph = export_integer(oblong_net("w4a4"));
  save_integer(dir / "net.safetensors", graph);
  CHECK(logits_of(load_integer(dir / "net.safetensors")) == logits_of(graph));
}

TEST_CASE("integer file: the published sizes of mnist_cnn", "[infer]") {
  const double fp32 = 4.0 * 1'199'882;
  const auto ratio = [&](const char* bits) {
    const nn::Net<float> net = make_case({.net = "mnist_cnn", .bits = bits});
    return fp32 / static_cast<double>(io::format_safetensors(to_file(export_integer(net))).size());
  };
  CHECK(ratio("w2a2") >= 15);
  CHECK(ratio("w4a4") >= 7.6);
}

TEST_CASE("integer file: names of the library's own are not given away", "[infer]") {
  const Graph graph = export_integer(make_case({.bits = "w2a2"}));
  CHECK(contains(message_of<value_error>([&] {
                   to_file(graph, {{"version", "model 7"}});
                 }),
                 "names other than the library's own, got 'version'"));
}

TEST_CASE("bit packing: grids that are not symmetric keep their codes", "[infer]") {
  const auto packed = [](quant::QuantRange grid, const std::vector<int>& codes) {
    Tensor<float> c({static_cast<index_t>(codes.size())});
    for (std::size_t i = 0; i < codes.size(); ++i) c[index_t(i)] = float(codes[i]);
    return infer::bit_pack(c, grid, {c.size(), 1, 1, 1});
  };
  struct {
    quant::QuantRange grid;
    int bits;
    std::vector<int> codes;
  } const cases[] = {{{4, -1, 2, true}, 4, {-1, 0, 1, 2}},
                     {{4, -1, 5, false}, 4, {-1, 1, 3, 5}},
                     {{16, -12, 3, true}, 8, {-12, -7, 0, 3}},
                     {{256, -128, 127, true}, 8, {-128, -1, 0, 127}}};
  for (const auto& c : cases) {
    const infer::BitPackedWeights p = packed(c.grid, c.codes);
    CHECK(p.bits == c.bits);
    for (std::size_t i = 0; i < c.codes.size(); ++i) CHECK(p.code(index_t(i)) == c.codes[i]);
  }
  CHECK(contains(message_of<value_error>([&] {
                   packed({256, -200, 55, true}, {0});
                 }),
                 "a grid that 8 bits hold"));
}

TEST_CASE("integer file: damage is an error that says where, never a crash", "[infer]") {
  int read = 0, count = 0;
  for (const std::string& file : {small_file("lenet5", "w2a2"), small_file("resnet20", "w4a4")}) {
    REQUIRE(accepted(file));
    for (std::uint64_t seed = 0; seed < 1500; ++seed, ++count) read += accepted(mutate(file, seed));
  }
  CHECK(read < count); // weights and thresholds may change unseen; the rest may not
  CHECK(read > 0);
}

TEST_CASE("integer file: faults are named", "[infer]") {
  const Graph good = export_integer(make_case({.width = 2}));
  const auto fault = [&](auto change) {
    io::SafeTensors file = to_file(good);
    change(file);
    return message_of<io_error>([&] { from_file(file); });
  };
  const auto graph_fault = [&](const std::string& from, const std::string& to) {
    return fault([&](io::SafeTensors& file) {
      std::string& json = file.metadata["graph"];
      const std::size_t at = json.find(from);
      REQUIRE(at != json.npos);
      json.replace(at, from.size(), to);
    });
  };
  CHECK(fault([](auto&) {}) == "");
  CHECK(contains(fault([](auto& f) { f.metadata["format"] = "sgq model"; }), "nn::load_model()"));
  CHECK(contains(fault([](auto& f) { f.metadata["format_version"] = "2"; }), "version 2"));
  CHECK(contains(fault([](auto& f) { f.metadata.erase("graph"); }), "an entry 'graph'"));
  CHECK(contains(fault([](auto& f) { f.add("more", Tensor<float>({1})); }), "more"));
  CHECK(contains(graph_fault("\"steps\"", "\"stages\""), "'stages'"));
  CHECK(contains(graph_fault("\"input\":1", "\"input\":7"), "0 to 1, got 7"));
  CHECK(contains(graph_fault("[1,28,28]", "[1,28,40]"), "logits at the end"));
  CHECK(contains(graph_fault("[1,28,28]", "[2,28,28]"), "2 zero points, one per channel, got 1"));
  CHECK(contains(graph_fault("[1,28,28]", "[1,28000,28000]"), "1 to 2^26 elements"));
  CHECK(contains(graph_fault("\"zero\":[33]", "\"zero\":[33,34]"), "1 zero point, got 2"));
  CHECK(contains(graph_fault("\"zero\":[33]", "\"zero\":[256]"), "0 to 255, got 256"));
  CHECK(contains(graph_fault("max_pool", "min_pool"),
                 "graph, op: expected convolve, max_pool, sum_pool or shortcut, got \"min_pool\""));
  CHECK(contains(graph_fault("[1,28,28]", "[28,28]"), "graph, image: expected [C, H, W]"));
  CHECK(contains(graph_fault("\"kernel\":[2,2]", "\"kernel\":[2]"),
                 "graph, kernel: expected [h, w]"));
  CHECK(contains(graph_fault("\"kernel\":[2,2]", "\"kernel\":[29,29]"), "1 to 2^26 elements"));
  CHECK(contains(graph_fault("\"bits\":4", "\"bits\":3"), "thresholds per channel"));
  CHECK(contains(graph_fault("\"bits\":0", "\"bits\":4"), "fc3.thresholds"));
  CHECK(contains(graph_fault("\"weight_bits\":4", "\"weight_bits\":2"), "as many weights"));
  CHECK(contains(graph_fault("\"pad\":", "\"dilation\":2,\"pad\":"), "got 'dilation'"));
  CHECK(contains(graph_fault("\"outputs\":2", "\"outputs\":100"),
                 "'relu1': expected bytes for 2500 weights, got 50"));
  CHECK(contains(graph_fault("\"layer\":\"conv2\"", "\"layer\":\"conv1\""),
                 "tensor 'conv1.weight': expected one layer that has it, got two"));
}

TEST_CASE("integer graph: what is not in order does not run", "[infer]") {
  const Graph good = export_integer(make_case({.net = "resnet20", .width = 2}));
  const auto fault = [&](auto change) {
    Graph graph = good;
    change(graph);
    return message_of<value_error>([&] { Engine engine(std::move(graph)); });
  };
  const Value joining = good.find("layer1.0.relu2") - 1;
  CHECK(fault([](Graph&) {}) == "");
  CHECK(contains(fault([](Graph& g) { g.steps[0].thresholds.values[1] = -(1 << 20); }),
                 "'relu1': expected ascending thresholds"));
  CHECK(contains(fault([](Graph& g) { g.steps[0].bound += 1; }), "bound that follows"));
  CHECK(contains(fault([](Graph& g) { g.steps[0].bias[0] = 1 << 30; }), "below 2^29"));
  CHECK(contains(fault([](Graph& g) { g.steps[0].thresholds.falling[0] = 2; }), "0 or 1"));
  CHECK(contains(fault([](Graph& g) { g.steps[0].pad = 1 << 20; }), "padding"));
  CHECK(contains(fault([](Graph& g) { g.steps[1].input = 2; }), "made before"));
  // A tall kernel may have a padding whose border alone would fill the memory.
  CHECK(contains(fault([](Graph& g) {
                   g.steps[0].kernel_h = 1 << 22;
                   g.steps[0].pad = (1 << 22) - 1;
                   g.steps[0].stride = 1 << 26;
                   g.steps[0].shape = {1, g.steps[0].shape[1], 1, 1};
                 }),
                 "1 to 2^26 elements"));
  const Value shortcut = [&] {
    for (Value v = 0; v < good.last(); ++v)
      if (good.steps[v].op == Op::shortcut) return v;
    throw std::runtime_error("no shortcut");
  }();
  const std::pair<const char*, std::function<void(Graph&)>> faults[] = {
      {"expected 1 to 4096 steps, got 0", [](Graph& g) { g.steps.clear(); }},
      {"an operation of this version", [](Graph& g) { g.steps[0].op = static_cast<Op>(4); }},
      {"a name of its own", [](Graph& g) { g.steps[1].name = g.steps[0].name; }},
      {"stride and kernel of 1 or more", [](Graph& g) { g.steps[0].stride = 0; }},
      {"the shape that follows from its input, got convolve [1, 2, 31, 32] from value 0, kernel 3 "
       "x 3, stride 1, pad 1, codes to 15, weights of",
       [](Graph& g) {
         g.steps[0].shape = {1, 2, 31, 32};
       }},
      {"codes of an earlier step as input", [&](Graph& g) { g.steps[shortcut].input = 0; }},
      {"no fewer channels than its input",
       [&](Graph& g) {
         const Shape& s = g.steps[shortcut].shape;
         g.steps[shortcut].shape = {1, 1, s[2], s[3]};
       }},
      {"codes as large as those of its input", [&](Graph& g) { g.steps[shortcut].max_code = 3; }},
      {"weights of 2, 4 or 8 bits", [](Graph& g) { g.steps[0].weights.bits = 3; }},
      {"a bias per output", [](Graph& g) { g.steps[0].bias.pop_back(); }},
      {"plain sums as logits", [](Graph& g) { g.steps.back().max_code = 1; }},
      {"codes of 1 to 8 bits", [](Graph& g) { g.steps[0].thresholds.bits = 9; }},
      {"codes of its bits", [](Graph& g) { g.steps[0].max_code = 3; }},
      {"a shift of 0 to 16", [](Graph& g) { g.steps[0].thresholds.shift = 17; }},
      {"no shift without a residual", [](Graph& g) { g.steps[0].thresholds.shift = 1; }},
      {"numbers below 2^60",
       [](Graph& g) { g.steps[0].thresholds.values[14] = std::int64_t{1} << 60; }},
  };
  for (const auto& [words, change] : faults) {
    INFO(words);
    const std::string message = fault(change);
    INFO(message);
    CHECK(contains(message, words));
  }
  CHECK(contains(fault([](Graph& g) { g.steps.pop_back(); }), "logits at the end"));
  CHECK(contains(fault([](Graph& g) { g.logit_scale = 0; }), "scale of the logits"));
  CHECK(contains(fault([&](Graph& g) { g.steps[joining].residual = 0; }), "residual of codes"));
  CHECK(contains(fault([&](Graph& g) {
                   g.steps[joining].thresholds.residual = Tensor<std::int64_t>({2, 15});
                 }),
                 "number for every residual code"));
}

TEST_CASE("a graph of many large values is refused", "[infer]") {
  Graph graph = export_integer(make_case({.net = "resnet20", .bits = "w4a4", .width = 2}));
  const Step logits = graph.steps.back();
  graph.steps.resize(1);        // [1, 2, 32, 32]
  for (int i = 0; i < 100; ++i) // each of 2^22 codes, all of the same step
    graph.steps.push_back({.name = "wide" + to_text(i),
                           .op = Op::shortcut,
                           .input = 1,
                           .shape = {1, 4096, 32, 32},
                           .max_code = 15});
  graph.steps.push_back(logits);
  CHECK(contains(message_of<value_error>([&] { check_graph(graph); }),
                 "expected at most 2^28 numbers in all steps together"));
}

TEST_CASE("a graph of small images whose values fill the memory is refused", "[infer]") {
  Graph graph = export_integer(make_case({.net = "resnet20", .bits = "w4a4", .width = 2}));
  const Step logits = graph.steps.back();
  graph.steps.resize(1);
  Step wide{.name = "wide", .op = Op::shortcut, .input = 1}; // a shortcut has no tensors
  wide.shape = {1, index_t{1} << 15, graph.steps[0].shape[2], graph.steps[0].shape[3]};
  wide.max_code = graph.steps[0].max_code;
  graph.steps.push_back(wide);
  graph.steps.push_back(logits);
  CHECK(contains(message_of<value_error>([&] { check_graph(graph); }), "4096 numbers per pixel"));
  CHECK_SAYS(run_reference(graph, Tensor<std::uint8_t>(graph.image)), value_error, "step 'wide'",
             "4096 numbers per pixel");
}

} // namespace test_file
