// sgq/infer/check.hpp -- is a graph in order? Asked of every graph that comes from a file, and of
// every graph before it is run or written.
//
// Whatever runs a graph trusts it, so everything that could lead out of bounds is looked at here:
// shapes follow from each other, values are read after they are made, tables have the sizes that
// codes index them with, and no input can bring an accumulator to 2^29.
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/infer/bound.hpp"
#include "sgq/infer/graph.hpp"

#include <cmath>
#include <set>

namespace sgq::infer {

/// The output shape of a step, {1, C, H, W}; extents below 1 where its input is too small.
inline Shape output_shape(const Step& s, const Shape& in, index_t channels) {
  const auto extent = [&](index_t size, index_t kernel) {
    return size + 2 * s.pad < kernel ? 0 : (size + 2 * s.pad - kernel) / s.stride + 1;
  };
  if (s.op == Op::shortcut)
    return {1, channels, blocks_of(in[2], s.stride), blocks_of(in[3], s.stride)};
  return {1, channels, extent(in[2], s.kernel_h), extent(in[3], s.kernel_w)};
}

namespace detail {

class GraphCheck {
public:
  explicit GraphCheck(const Graph& g) : g_(g) {}

  void run() {
    where_ = "input", got_ = g_.image.str();
    check_image(g_.image);
    check_quant_params("integer net", g_.grid, g_.image[1]);
    got_ = to_text(g_.steps.size());
    require(!g_.steps.empty() && g_.steps.size() <= 4096, "1 to 4096 steps");
    std::set<std::string> names;
    index_t values = 0;
    for (Value v = 1; v <= g_.last(); ++v) {
      const Step& s = g_.steps[v - 1];
      where_ = s.name, got_ = "another";
      require(s.op == Op::convolve || s.op == Op::max_pool || s.op == Op::sum_pool ||
                  s.op == Op::shortcut,
              "an operation of this version");
      got_ = text(s);
      require(!s.name.empty() && names.insert(s.name).second, "a name of its own");
      check_step(s, v);
      values += s.shape.size();
      got_ = to_text(values);
      require(values <= 4 * max_elements, "at most 2^28 numbers in all steps together");
    }
    require(g_.steps.back().op == Op::convolve && g_.steps.back().shape.plane() == 1,
            "logits at the end");
    got_ = to_text(g_.logit_scale);
    require(std::isfinite(g_.logit_scale) && g_.logit_scale > 0, "a positive scale of the logits");
  }

private:
  static constexpr index_t max_elements = index_t{1} << 26;

  void require(bool good, const char* expected) const {
    if (!good) throw value_error(describe("integer net, step '" + where_ + "'", expected, got_));
  }

  /// "convolve [1, 8, 3, 3] from value 2, kernel 3 x 3, stride 1, pad 0, codes to 15, .."
  static std::string text(const Step& s) {
    return std::string(name(s.op)) + " " + s.shape.str() + " from value " + to_text(s.input) +
           ", kernel " + to_text(s.kernel_h) + " x " + to_text(s.kernel_w) + ", stride " +
           to_text(s.stride) + ", pad " + to_text(s.pad) + ", codes to " + to_text(s.max_code) +
           ", weights of " + to_text(s.weights.bits) + " bits, thresholds of " +
           to_text(s.thresholds.bits) + ", shift " + to_text(s.thresholds.shift);
  }

  void check_image(const Shape& s) const {
    require(s.rank() == 4 && s[0] == 1 && s.size() >= 1 && s.size() <= max_elements,
            "a shape of 1 to 2^26 elements");
  }

  void check_step(const Step& s, Value v) const {
    require(s.input < v && s.residual < v, "values that were made before");
    require(s.stride >= 1 && s.kernel_h >= 1 && s.kernel_w >= 1 && s.pad >= 0,
            "stride and kernel of 1 or more");
    require(std::max({s.stride, s.kernel_h, s.kernel_w}) <= max_elements &&
                s.pad < std::max(s.kernel_h, s.kernel_w),
            "a stride and kernel of possible size, a padding below the kernel's");
    check_image(s.shape);
    // A file of a few bytes may ask for any memory, but not for small images.
    require(s.shape.size() <= 4096 * g_.image.size() + 65536,
            "a shape of at most 4096 numbers per pixel of the image");
    const Shape& in = g_.shape(s.input);
    check_image({1, in[1], in[2] + 2 * s.pad, in[3] + 2 * s.pad}); // with its border in memory
    const Shape expected =
        output_shape(s, in, s.op == Op::max_pool || s.op == Op::sum_pool ? in[1] : s.shape[1]);
    require(s.shape == expected, "the shape that follows from its input");
    if (s.op == Op::convolve) return check_convolution(s, v == g_.last());
    require(s.input > 0 && s.pad == 0, "codes of an earlier step as input, no padding");
    require(s.op != Op::shortcut || s.shape[1] >= in[1], "no fewer channels than its input");
    const index_t window = s.op == Op::sum_pool ? s.kernel_h * s.kernel_w : 1;
    require(window < quant::accumulator_limit / 255 &&
                g_.max_code(s.input) * window < quant::accumulator_limit &&
                s.max_code == g_.max_code(s.input) * window && s.max_code > 0,
            "codes as large as those of its input allow");
  }

  void check_convolution(const Step& s, bool last) const {
    const BitPackedWeights& w = s.weights;
    require(w.bits == 2 || w.bits == 4 || w.bits == 8, "weights of 2, 4 or 8 bits");
    require(w.size() <= index_t{1} << 31 &&
                w.shape == Shape{s.shape[1], g_.shape(s.input)[1], s.kernel_h, s.kernel_w} &&
                static_cast<index_t>(w.bytes.size()) == packed_bytes(w.size(), w.bits),
            "as many weights as its shape needs");
    require(s.bias.size() == static_cast<std::size_t>(w.outputs()), "a bias per output");
    require(g_.max_code(s.input) > 0, "codes as input");
    const Bound b = accumulator_bound(w, s.bias, g_.max_code(s.input));
    require(b.largest < quant::accumulator_limit && b.underway < index_t{1} << 31,
            "sums of codes below 2^29");
    require(s.bound == b.largest, "the bound that follows from its weights");
    if (last)
      require(s.thresholds.bits == 0 && s.max_code == 0 && !s.thresholds.joins(),
              "plain sums as logits");
    else
      check_thresholds(s);
  }

  void check_thresholds(const Step& s) const {
    const Thresholds& t = s.thresholds;
    require(t.bits >= 1 && t.bits <= 8, "codes of 1 to 8 bits");
    const index_t n = quant::max_code(t.bits), channels = s.shape[1];
    require(s.max_code == n, "codes of its bits");
    require(t.values.shape() == Shape{channels, n} && t.channels() == channels,
            "2^bits - 1 thresholds per channel");
    for (std::uint8_t f : t.falling) require(f <= 1, "a direction of 0 or 1");
    for (index_t i = 0; i < t.values.size(); ++i)
      require(i % n == 0 || t.values[i - 1] <= t.values[i], "ascending thresholds");
    check_range(t.values);
    require(t.shift >= 0 && t.shift <= 16, "a shift of 0 to 16");
    if (!t.joins()) return require(t.shift == 0, "no shift without a residual");
    const index_t most = g_.max_code(s.residual);
    require(s.residual > 0 && most >= 1 && most <= 255 && g_.shape(s.residual) == s.shape,
            "a residual of codes of its own shape");
    require(t.residual.shape() == Shape{channels, most + 1}, "a number for every residual code");
    check_range(t.residual);
  }

  void check_range(const Tensor<std::int64_t>& values) const {
    for (std::int64_t x : values)
      require(x > -(std::int64_t{1} << 60) && x < std::int64_t{1} << 60, "numbers below 2^60");
  }

  const Graph& g_;
  std::string where_, got_;
};

} // namespace detail

/// Throws value_error, naming the step, unless the graph is in order.
SGQ_COMPILE_ONCE void check_graph(const Graph& graph) {
  detail::GraphCheck(graph).run();
}

} // namespace sgq::infer
