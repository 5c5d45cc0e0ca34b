// sgq/infer/file.hpp -- an integer graph as a file: safetensors, integers only.
//
//     metadata   format          "sgq integer net"
//                format_version  "1"
//                graph           JSON: image, input_scale, zero, logit_scale, steps (see below)
//     tensors    LAYER.weight     U8, packed as in infer/bit_packed_weights.hpp
//                LAYER.bias       I32 [O]; absent where all are 0
//                LAYER.falling    U8 [O]; absent where none falls
//                LAYER.thresholds I16, I32 or I64 [O, n], the narrowest that holds them
//                LAYER.residual   the same, [O, codes]; where a residual joins
//
// A step is {"name", "op", "input", "kernel": [h, w], "stride", "pad"}, and for a convolution
// "layer" (LAYER above), "outputs", "weight_bits", "odd", "bits" (0: logits), and where a residual
// joins "residual" and "shift"; for a shortcut "outputs". Values are numbered as in
// infer/graph.hpp. Shapes and bounds are not stored: they follow. The reader takes nothing on
// trust, knows no other keys or tensors, and ends with check_graph().
#pragma once

#include "sgq/infer/check.hpp"
#include "sgq/io/safetensors.hpp"
#include "sgq/version.hpp"

namespace sgq::infer {

namespace detail {

inline constexpr const char* file_format = "sgq integer net";
inline constexpr const char* file_version = "1";

template <class T>
void add_as(io::SafeTensors& file, const std::string& name, const Tensor<std::int64_t>& values) {
  Tensor<T> narrow(values.shape());
  for (index_t i = 0; i < values.size(); ++i) narrow[i] = static_cast<T>(values[i]);
  file.add(name, narrow);
}

inline void add_narrowest(io::SafeTensors& file, const std::string& name,
                          const Tensor<std::int64_t>& values) {
  std::int64_t largest = 0;
  for (std::int64_t v : values) largest = std::max(largest, v < 0 ? -v : v);
  if (largest < 1 << 15)
    add_as<std::int16_t>(file, name, values);
  else if (largest < std::int64_t{1} << 31)
    add_as<std::int32_t>(file, name, values);
  else
    file.add(name, values);
}

template <class Numbers>
bool all_zero(const Numbers& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](auto x) { return x == 0; });
}

inline void add_convolution(io::SafeTensors& file, const Step& s, io::Json& json) {
  const std::string& layer = s.weights_name;
  json["layer"] = layer;
  json["outputs"] = s.weights.outputs();
  json["weight_bits"] = s.weights.bits;
  json["odd"] = s.weights.odd;
  json["bits"] = s.thresholds.bits;
  const auto bytes = static_cast<index_t>(s.weights.bytes.size());
  file.add(layer + ".weight", View<const std::uint8_t>(s.weights.bytes.data(), {bytes}));
  const Shape one_each{s.weights.outputs()};
  if (!all_zero(s.bias))
    file.add(layer + ".bias", View<const std::int32_t>(s.bias.data(), one_each));
  if (s.thresholds.bits == 0) return;
  if (!all_zero(s.thresholds.falling))
    file.add(layer + ".falling", View<const std::uint8_t>(s.thresholds.falling.data(), one_each));
  add_narrowest(file, layer + ".thresholds", s.thresholds.values);
  if (!s.thresholds.joins()) return;
  json["residual"] = s.residual;
  json["shift"] = s.thresholds.shift;
  add_narrowest(file, layer + ".residual", s.thresholds.residual);
}

/// Builds a graph from untrusted tensors and JSON.
class GraphReader {
public:
  explicit GraphReader(const io::SafeTensors& file) : file_(file) {}

  Graph read() {
    if (text("format") != file_format)
      throw value_error(describe("format", std::string(file_format), text("format"),
                                 "nn::load_model() reads nets that can be trained"));
    if (text("format_version") != file_version)
      throw value_error(describe("format", std::string(file_format) + ", version " + file_version,
                                 "version " + text("format_version")));
    const io::Json json = io::parse_json(text("graph"), {.name = file_.origin + ", graph"});
    only(json, {"image", "input_scale", "zero", "logit_scale", "steps"});
    graph_.image = image(json.at("image"));
    graph_.grid.scale = static_cast<float>(json.at("input_scale").as_double());
    for (const io::Json& z : json.at("zero").as_array())
      graph_.grid.zero_point.push_back(static_cast<std::int32_t>(number(z, 0, 255)));
    graph_.logit_scale = static_cast<float>(json.at("logit_scale").as_double());
    for (const io::Json& s : json.at("steps").as_array()) graph_.steps.push_back(step(s));
    for (const auto& [name, tensor] : file_.tensors())
      if (!used_.count(name)) throw value_error(describe("tensors", "only known ones", name));
    check_graph(graph_);
    return std::move(graph_);
  }

private:
  const std::string& text(const char* key) const {
    const auto found = file_.metadata.find(key);
    if (found == file_.metadata.end())
      throw value_error(describe("metadata", std::string("an entry '") + key + "'", "none"));
    return found->second;
  }

  static void only(const io::Json& json, std::initializer_list<std::string_view> keys) {
    for (const auto& [key, value] : json.as_object())
      if (std::find(keys.begin(), keys.end(), key) == keys.end())
        throw value_error(describe("graph", "known keys", "'" + key.substr(0, 40) + "'"));
  }

  static index_t number(const io::Json& json, index_t low, index_t high) {
    const index_t n = json.as_int();
    if (n < low || n > high)
      throw value_error(describe("graph", to_text(low) + " to " + to_text(high), to_text(n)));
    return n;
  }
  static index_t size(const io::Json& json, index_t low = 1) {
    return number(json, low, index_t{1} << 26);
  }

  static Shape image(const io::Json& json) {
    const io::Json::Array& a = json.as_array();
    if (a.size() != 3)
      throw value_error(describe("graph, image", "[C, H, W]", io::to_string(json)));
    return {1, size(a[0]), size(a[1]), size(a[2])};
  }

  Value value(const io::Json& json) const { // of an earlier step
    return static_cast<Value>(number(json, 0, static_cast<index_t>(graph_.steps.size())));
  }

  Step step(const io::Json& json) {
    only(json, {"name", "op", "input", "kernel", "stride", "pad", "layer", "outputs", "weight_bits",
                "odd", "bits", "residual", "shift"});
    Step s{.name = json.at("name").as_string()};
    for (Op op : {Op::convolve, Op::max_pool, Op::sum_pool, Op::shortcut})
      if (json.at("op").as_string() == name(op)) s.op = op;
    if (json.at("op").as_string() != name(s.op))
      throw value_error(describe("graph, op", "convolve, max_pool, sum_pool or shortcut",
                                 io::to_string(json.at("op"))));
    s.input = value(json.at("input"));
    const io::Json::Array& kernel = json.at("kernel").as_array();
    if (kernel.size() != 2)
      throw value_error(describe("graph, kernel", "[h, w]", io::to_string(json.at("kernel"))));
    s.kernel_h = size(kernel[0]);
    s.kernel_w = size(kernel[1]);
    s.stride = size(json.at("stride"));
    s.pad = size(json.at("pad"), 0);
    const Shape& in = graph_.shape(s.input);
    const bool pools = s.op == Op::max_pool || s.op == Op::sum_pool;
    const index_t channels = pools ? in[1] : size(json.at("outputs"));
    s.shape = output_shape(s, in, channels);
    if (s.op == Op::convolve) {
      read_convolution(json, channels, s);
      return s;
    }
    constexpr index_t too_much = quant::accumulator_limit;
    const index_t window = s.op == Op::sum_pool ? std::min(s.kernel_h * s.kernel_w, too_much) : 1;
    s.max_code = std::min(graph_.max_code(s.input) * window, too_much);
    return s;
  }

  void read_convolution(const io::Json& json, index_t outputs, Step& s) {
    s.weights_name = json.at("layer").as_string();
    s.weights.shape = {outputs, graph_.shape(s.input)[1], s.kernel_h, s.kernel_w};
    s.weights.bits = static_cast<int>(number(json.at("weight_bits"), 2, 8));
    s.weights.odd = json.at("odd").as_bool();
    const Tensor<std::uint8_t> bytes = tensor<std::uint8_t>(s.weights_name + ".weight");
    s.weights.bytes.assign(bytes.begin(), bytes.end());
    if (s.weights.size() > 8 * bytes.size()) // before anything takes memory for so many
      throw value_error(describe("weights of '" + s.name + "'",
                                 "bytes for " + to_text(s.weights.size()) + " weights",
                                 to_text(bytes.size())));
    s.bias.assign(static_cast<std::size_t>(outputs), 0);
    if (has(s.weights_name + ".bias")) {
      const auto bias = tensor<std::int32_t>(s.weights_name + ".bias");
      s.bias.assign(bias.begin(), bias.end());
    }
    s.thresholds.bits = static_cast<int>(number(json.at("bits"), 0, 8));
    if (s.thresholds.bits > 0) read_thresholds(json, outputs, s);
    if (s.bias.size() == static_cast<std::size_t>(outputs) && (s.weights.bits & 1) == 0 &&
        packed_bytes(s.weights.size(), s.weights.bits) == bytes.size())
      s.bound = accumulator_bound(s.weights, s.bias, graph_.max_code(s.input)).largest;
  }

  void read_thresholds(const io::Json& json, index_t outputs, Step& s) {
    Thresholds& t = s.thresholds;
    s.max_code = quant::max_code(t.bits);
    t.values = numbers(s.weights_name + ".thresholds");
    t.falling.assign(static_cast<std::size_t>(outputs), 0);
    if (has(s.weights_name + ".falling")) {
      const auto falling = tensor<std::uint8_t>(s.weights_name + ".falling");
      t.falling.assign(falling.begin(), falling.end());
    }
    if (!json.find("residual")) return;
    s.residual = value(json.at("residual"));
    t.shift = static_cast<int>(number(json.at("shift"), 0, 16));
    t.residual = numbers(s.weights_name + ".residual");
  }

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }

  template <class T>
  Tensor<T> tensor(const std::string& name) {
    if (!used_.insert(name).second)
      throw value_error(describe("tensor '" + name + "'", "one layer that has it", "two"));
    return file_.tensor<T>(name);
  }

  /// Integers of 16, 32 or 64 bits.
  Tensor<std::int64_t> numbers(const std::string& name) {
    const io::StoredTensor* stored = file_.find(name);
    if (stored && stored->dtype == io::DType::i16) return widen(tensor<std::int16_t>(name));
    if (stored && stored->dtype == io::DType::i32) return widen(tensor<std::int32_t>(name));
    return tensor<std::int64_t>(name);
  }
  template <class T>
  static Tensor<std::int64_t> widen(const Tensor<T>& values) {
    Tensor<std::int64_t> wide(values.shape());
    std::copy(values.begin(), values.end(), wide.begin());
    return wide;
  }

  const io::SafeTensors& file_;
  Graph graph_;
  std::set<std::string> used_;
};

} // namespace detail

/// The file of a graph; `metadata` is added to its own. Throws value_error on a graph that is not
/// in order.
SGQ_COMPILE_ONCE io::SafeTensors to_file(const Graph& graph,
                                         const std::map<std::string, std::string>& metadata = {}) {
  check_graph(graph);
  io::SafeTensors file;
  file.metadata = metadata;
  io::Json json = io::Json::object(
      {{"image", io::Json::array({graph.image[1], graph.image[2], graph.image[3]})},
       {"input_scale", graph.grid.scale},
       {"zero", graph.grid.zero_point},
       {"logit_scale", graph.logit_scale},
       {"steps", io::Json::array()}});
  for (const Step& s : graph.steps) {
    io::Json step = io::Json::object({{"name", s.name},
                                      {"op", name(s.op)},
                                      {"input", s.input},
                                      {"kernel", io::Json::array({s.kernel_h, s.kernel_w})},
                                      {"stride", s.stride},
                                      {"pad", s.pad}});
    if (s.op == Op::convolve) detail::add_convolution(file, s, step);
    if (s.op == Op::shortcut) step["outputs"] = s.shape[1];
    json["steps"].push_back(std::move(step));
  }
  io::check_metadata("integer graph file", file.metadata,
                     {"format", "format_version", "version", "graph"}, detail::file_format);
  file.metadata["format"] = detail::file_format;
  file.metadata["format_version"] = detail::file_version;
  file.metadata["version"] = version;
  file.metadata["graph"] = io::to_string(json);
  return file;
}

/// The graph in a file. Throws io_error, naming the file and the fault.
SGQ_COMPILE_ONCE Graph from_file(const io::SafeTensors& file) {
  try {
    return detail::GraphReader(file).read();
  } catch (const value_error& e) {
    throw io_error(file.origin + ": " + e.what());
  } catch (const shape_error& e) {
    throw io_error(file.origin + ": " + e.what());
  }
}

inline void save_integer(const std::string& path, const Graph& graph,
                         const std::map<std::string, std::string>& metadata = {}) {
  io::write_safetensors(path, to_file(graph, metadata));
}

/// Throws io_error.
inline Graph load_integer(const std::string& path) {
  return from_file(io::read_safetensors(path));
}

} // namespace sgq::infer
