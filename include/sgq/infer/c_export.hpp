// sgq/infer/c_export.hpp -- an integer graph as one C99 file and its header, for bare machines.
//
//     CSource c = to_c(graph, {.name = "lenet"});
//     // lenet.h:  void lenet_run(const uint8_t *pixels, int32_t *logits);   int lenet_self_test();
//
// The file holds packed weights, thresholds, the functions that its layers use
// (infer/c_kernels.hpp), static memory planned beforehand, and one image with its logits. It needs
// no malloc, no floating point, no library; <stdint.h> is all it includes. C++ may include the
// header too.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/infer/arena_plan.hpp"
#include "sgq/infer/c_kernels.hpp"
#include "sgq/infer/check.hpp"
#include "sgq/infer/reference.hpp"
#include "sgq/version.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace sgq::infer {

struct COptions {
  std::string name = "net"; ///< of the files and functions: letters, digits and underscores
  /// Pixel codes of the self-test, [1, C, H, W], [C, H, W] or [C H W]; drawn at random where empty.
  /// Not copied: they must outlive the options.
  View<const std::uint8_t> sample{};
};

struct CSource {
  std::string header, source; ///< NAME.h and NAME.c
  index_t constant_bytes = 0; ///< of tables, the self-test included: flash besides the code
  index_t ram_bytes = 0;      ///< of static memory; the stack needs some hundred more
};

/// True for what C takes as a name, keywords aside.
inline bool is_c_identifier(std::string_view name) {
  const auto fits = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), fits);
}

namespace detail {

/// A name from a file as it may stand in a comment of C: letters, digits, '.', '-', the rest '_'.
inline std::string comment(std::string name) {
  for (char& c : name)
    if (c != '.' && c != '-' && !is_c_identifier(std::string{'_', c})) c = '_';
  return name;
}

class CWriter {
public:
  CWriter(const Graph& graph, const COptions& options) : g_(graph), name_(options.name) {
    if (!is_c_identifier(name_))
      throw value_error(describe("C export, name", "an identifier", "'" + name_ + "'"));
    if (name_ == "stdint") // its header would be found in the place of the one that it includes
      throw value_error(describe("C export, name", "not that of a header of C", "'stdint'"));
    check_graph(graph);
    sample_.resize(graph.image);
    const Random random(1, 0x73616d70); // "samp"
    for (index_t i = 0; i < sample_.size(); ++i)
      sample_[i] = static_cast<std::uint8_t>(random.below(i, 256));
    if (!options.sample.empty()) {
      const Shape &image = graph.image, s = options.sample.shape();
      if (s != image && s != Shape{image[1], image[2], image[3]} && s != Shape{image.size()} &&
          s != Shape{1, image.size()})
        throw shape_error(describe("C export: sample", "one image, " + image.str(), s.str()));
      std::copy(options.sample.begin(), options.sample.end(), sample_.begin());
    }
    find_types();
    plan();
  }

  CSource write() {
    std::string tables, functions, layers, calls;
    for (Value v = 1; v <= g_.last(); ++v) {
      const Step& s = g_.steps[v - 1];
      if (s.op == Op::convolve) write_tables(v, s, tables);
      write_layer(v, s, layers);
      write_call(v, s, functions, calls);
    }
    std::string source = head() + types();
    source += "\n#include \"" + name_ + ".h\"\n";
    source += "\ntypedef uint8_t u8_t;\ntypedef int32_t i32_t;\ntypedef " + threshold_type_ +
              " threshold_t;\ntypedef " + weight_type_ + " weight_t;\n";
    source += tables;
    source += "\nstatic union {\n  int32_t aligned;\n  uint8_t bytes[" + to_text(plan_.size) +
              "];\n} arena;\nstatic weight_t row[" + to_text(longest_row_) + "];\n" + c_layer +
              functions + layers;
    source += "\nvoid " + name_ + "_run(const uint8_t *pixels, int32_t *logits) {\n" + calls +
              "}\n" + self_test();
    return {header(), std::move(source), constant_bytes_,
            plan_.size + row_bytes() + 4 * g_.classes()};
  }

private:
  std::string layer_name(Value v) const { return "layer" + to_text(v); }

  /// The narrowest types that hold all thresholds and what is compared with them, and all weights.
  void find_types() {
    std::int64_t largest = 0;
    bool wide_weights = false;
    for (const Step& s : g_.steps) {
      if (s.op != Op::convolve) continue;
      if (s.weights.shape.size() * s.weights.bits > std::numeric_limits<std::int32_t>::max())
        throw value_error(describe("C export: layer '" + s.name + "'",
                                   "weights of less than 2^31 bits",
                                   to_text(s.weights.shape.size() * s.weights.bits)));
      longest_row_ = std::max(longest_row_, s.weights.row());
      wide_weights = wide_weights || (s.weights.odd && s.weights.bits == 8);
      std::int64_t added = 0; // by a residual
      for (std::int64_t y : s.thresholds.residual) added = std::max(added, y < 0 ? -y : y);
      for (std::int64_t t : s.thresholds.values) largest = std::max(largest, t < 0 ? -t : t);
      largest = std::max(largest, s.bound * (std::int64_t{1} << s.thresholds.shift) + added);
    }
    threshold_bytes_ = largest < 1 << 15 ? 2 : largest < std::int64_t{1} << 31 ? 4 : 8;
    threshold_type_ = "int" + to_text(8 * threshold_bytes_) + "_t";
    weight_type_ = wide_weights ? "int16_t" : "int8_t";
  }

  index_t row_bytes() const { return longest_row_ * (weight_type_ == "int8_t" ? 1 : 2); }
  bool wide(Value v) const { return g_.max_code(v) > 255; }
  std::string type(Value v) const { return wide(v) ? "i32" : "u8"; }

  void plan() {
    std::vector<Lifetime> lives(g_.last() + 1);
    for (Value v = 1; v < g_.last(); ++v) lives[v] = {g_.shape(v).size() * (wide(v) ? 4 : 1), v, v};
    for (Value v = 1; v <= g_.last(); ++v)
      for (Value read : {g_.steps[v - 1].input, g_.steps[v - 1].residual}) lives[read].last = v;
    plan_ = plan_arena(lives, 4);
    plan_.size = std::max<index_t>(plan_.size, 4);
  }

  template <class Numbers>
  void table(std::string& out, const std::string& type, const std::string& name,
             const Numbers& values, index_t bytes) {
    out += "\nstatic const " + type + " " + name + "[" + to_text(values.size()) + "] = {";
    std::size_t column = 100;
    for (const auto& x : values) {
      const std::string text = to_text(x) + ",";
      if (column + text.size() > 99) out += "\n   ", column = 3;
      out += " " + text;
      column += text.size() + 1;
    }
    out += "\n};\n";
    constant_bytes_ += static_cast<index_t>(values.size()) * bytes;
  }

  void write_tables(Value v, const Step& s, std::string& out) {
    const std::string name = layer_name(v);
    out += "\n/* " + comment(s.weights_name) + " -> " + comment(s.name) + ": sums within +-" +
           to_text(s.bound) + " */";
    table(out, "uint8_t", name + "_weights", s.weights.bytes, 1);
    table(out, "int32_t", name + "_bias", bias_without_zero_points(g_, s), 4);
    if (s.input == 0) table(out, "uint8_t", name + "_zero", g_.grid.zero_point, 1);
    if (s.thresholds.bits == 0) return;
    table(out, "threshold_t", name + "_thresholds", s.thresholds.values, threshold_bytes_);
    if (falls(s)) table(out, "uint8_t", name + "_falling", s.thresholds.falling, 1);
    if (s.thresholds.joins())
      table(out, "threshold_t", name + "_residual", s.thresholds.residual, threshold_bytes_);
  }

  static bool falls(const Step& s) {
    return std::any_of(s.thresholds.falling.begin(), s.thresholds.falling.end(),
                       [](std::uint8_t f) { return f != 0; });
  }

  void write_layer(Value v, const Step& s, std::string& out) {
    const Shape &in = g_.shape(s.input), &y = s.shape;
    const std::string name = layer_name(v);
    const auto pointer = [&](bool there, const char* what) {
      return there ? name + what : std::string("0");
    };
    const bool convolves = s.op == Op::convolve;
    out += "\n/* " + comment(s.name) + " */\nstatic const layer_t " + name + " = {";
    for (index_t n : {in[1], in[2], in[3], y[1], y[2], y[3], s.kernel_h, s.kernel_w, s.stride,
                      s.pad, index_t{s.weights.bits}, index_t{s.weights.odd}})
      out += to_text(n) + ", ";
    const Thresholds& t = s.thresholds;
    out += "\n    " + pointer(convolves, "_weights") + ", " + pointer(convolves, "_bias") + ", " +
           pointer(convolves && s.input == 0, "_zero") + ",\n    " +
           to_text(t.bits ? quant::max_code(t.bits) : 0) + ", " +
           pointer(t.bits > 0, "_thresholds") + ", " + pointer(falls(s), "_falling") + ", " +
           to_text(t.shift) + ", " + to_text(t.joins() ? t.residual.shape()[1] : 0) + ", " +
           pointer(t.joins(), "_residual") + "};\n";
    constant_bytes_ += 84; // sizeof(layer_t) where pointers have 32 bits
  }

  std::string place(Value v) const {
    if (v == 0) return "pixels";
    const std::string at = "arena.bytes + " + to_text(plan_.offsets[v]);
    return wide(v) ? "(int32_t *)(void *)(" + at + ")" : at;
  }

  /// Appends a function's text once, with its types in the place of X and Y.
  void use(std::string& functions, std::string text, const std::string& x, const std::string& y) {
    for (const auto& [from, to] : {std::pair{'X', x}, std::pair{'Y', y}})
      for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at))
        text.replace(at, 1, to);
    if (used_.insert(text).second) functions += text;
  }

  void write_call(Value v, const Step& s, std::string& functions, std::string& calls) {
    const std::string x = type(s.input), y = type(v), layer = "(&" + layer_name(v) + ", ";
    if (s.op == Op::convolve) {
      use(functions, c_convolve, x, y);
      const bool last = v == g_.last();
      calls += "  convolve_" + x + layer + place(s.input) + ", " +
               (s.thresholds.joins() ? place(s.residual) : "0") + ", " + (last ? "0" : place(v)) +
               ", " + (last ? "logits" : "0") + ");\n";
      return;
    }
    const char* texts[] = {"", c_max_pool, c_sum_pool, c_shortcut};
    use(functions, texts[static_cast<int>(s.op)], x, y);
    calls += "  " + std::string(name(s.op)) + "_" + x + (s.op == Op::sum_pool ? "_" + y : "") +
             layer + place(s.input) + ", " + place(v) + ");\n";
  }

  std::string head() const {
    return "/* Written by sgq " + std::string(version) + ": a quantised net in integers. " +
           to_text(weight_bytes(g_)) + " bytes of weights,\n   " +
           to_text(plan_.size + row_bytes()) +
           " bytes of static memory. A real logit is the integer one times one positive scale. "
           "*/\n";
  }
  static std::string types() { return "#include <stdint.h>\n"; }

  std::string header() const {
    const Shape& s = g_.image;
    std::string upper = name_;
    for (char& c : upper)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    const std::string guard = name_ + "_H"; // as it is: net.h and Net.h differ
    return head() + "#ifndef " + guard + "\n#define " + guard + "\n\n" + types() + "\n#define " +
           upper + "_PIXELS " + to_text(s.size()) + " /* [" + to_text(s[1]) + "][" + to_text(s[2]) +
           "][" + to_text(s[3]) + "], codes 0..255 */\n#define " + upper + "_CLASSES " +
           to_text(g_.classes()) +
           "\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
           "\n/* The integer logits of an image. Not re-entrant. */\nvoid " +
           name_ +
           "_run(const uint8_t *pixels, int32_t *logits);\n\n"
           "/* 1 if an image that is part of the file gives the logits it should, else 0. "
           "*/\nint " +
           name_ + "_self_test(void);\n\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  }

  std::string self_test() {
    std::string text;
    const Tensor<std::int32_t> logits = run_reference(g_, sample_.view()).back();
    table(text, "uint8_t", "sample", sample_, 1);
    table(text, "int32_t", "sample_logits", logits, 4);
    return text + "\nint " + name_ + "_self_test(void) {\n  static int32_t logits[" +
           to_text(g_.classes()) + "];\n  int i;\n  " + name_ +
           "_run(sample, logits);\n  for (i = 0; i < " + to_text(g_.classes()) +
           "; ++i)\n    if (logits[i] != sample_logits[i]) return 0;\n  return 1;\n}\n";
  }

  const Graph& g_;
  std::string name_, threshold_type_, weight_type_;
  index_t threshold_bytes_ = 4, longest_row_ = 1, constant_bytes_ = 0;
  Tensor<std::uint8_t> sample_;
  ArenaPlan plan_;
  std::set<std::string> used_;
};

} // namespace detail

/// Throws value_error on a graph that is not in order or a name that C does not take, shape_error
/// on a sample of another size.
SGQ_COMPILE_ONCE CSource to_c(const Graph& graph, const COptions& options = {}) {
  return detail::CWriter(graph, options).write();
}

} // namespace sgq::infer
