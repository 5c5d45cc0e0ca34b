// sgq/infer/reference.hpp -- the integer graph by its definition, to be read and to be tested
// against: plain loops over int32, no instruction set, every value kept.
#pragma once

#include "sgq/infer/check.hpp"
#include "sgq/ops/shortcut.hpp"

#include <algorithm>

namespace sgq::infer {

namespace detail {

/// The code of one position, padding included.
inline std::int32_t read_code(const Graph& g, Value v, View<const std::int32_t> x, index_t n,
                              index_t c, index_t i, index_t j) {
  const bool inside = 0 <= i && i < x.shape()[2] && 0 <= j && j < x.shape()[3];
  return inside ? x(n, c, i, j) : padding(g, v, c);
}

/// sum c_w x of output o at position (i, j) of image n.
inline std::int32_t accumulate(const Graph& g, const Step& s, View<const std::int32_t> x,
                               const std::int32_t* codes, index_t n, index_t o, index_t i,
                               index_t j) {
  std::int32_t sum = s.bias[static_cast<std::size_t>(o)];
  const std::int32_t* w = codes + o * s.weights.row();
  for (index_t c = 0; c < x.shape()[1]; ++c)
    for (index_t a = 0; a < s.kernel_h; ++a)
      for (index_t b = 0; b < s.kernel_w; ++b)
        sum += *w++ *
               read_code(g, s.input, x, n, c, s.stride * i + a - s.pad, s.stride * j + b - s.pad);
  return sum;
}

/// r is the residual value, empty where none joins.
inline void convolve(const Graph& g, const Step& s, View<const std::int32_t> x,
                     View<const std::int32_t> r, View<std::int32_t> y) {
  std::vector<std::int32_t> codes;
  for (index_t i = 0; i < s.weights.size(); ++i) codes.push_back(s.weights.code(i));
  parallel_for(y.shape()[0] * y.shape()[1], [&](index_t plane) {
    const index_t n = plane / y.shape()[1], o = plane % y.shape()[1];
    for (index_t i = 0; i < y.shape()[2]; ++i)
      for (index_t j = 0; j < y.shape()[3]; ++j) {
        const std::int32_t sum = accumulate(g, s, x, codes.data(), n, o, i, j);
        const int joining = s.thresholds.joins() ? r(n, o, i, j) : 0;
        y(n, o, i, j) = s.thresholds.bits == 0 ? sum : s.thresholds.code(o, sum, joining);
      }
  });
}

inline void pool(const Step& s, View<const std::int32_t> x, View<std::int32_t> y) {
  std::int32_t* out = y.data();
  for (index_t n = 0; n < y.shape()[0]; ++n)
    for (index_t c = 0; c < y.shape()[1]; ++c)
      for (index_t i = 0; i < y.shape()[2]; ++i)
        for (index_t j = 0; j < y.shape()[3]; ++j, ++out) {
          *out = 0;
          for (index_t a = 0; a < s.kernel_h; ++a)
            for (index_t b = 0; b < s.kernel_w; ++b) {
              const std::int32_t code = x(n, c, s.stride * i + a, s.stride * j + b);
              *out = s.op == Op::sum_pool ? *out + code : std::max(*out, code);
            }
        }
}

} // namespace detail

/// All values of the graph for pixel codes [N, C, H, W]: value v as [N, C, H, W]; the last are the
/// integer logits, [N, classes, 1, 1]. Throws shape_error, and value_error on a graph that is not
/// in order.
SGQ_COMPILE_ONCE std::vector<Tensor<std::int32_t>> run_reference(const Graph& graph,
                                                                 View<const std::uint8_t> pixels) {
  check_graph(graph);
  const index_t n = graph.count("integer net: pixels", pixels.shape());
  std::vector<Tensor<std::int32_t>> values(graph.steps.size() + 1);
  values[0].resize(graph.image.with_batch(n));
  std::copy(pixels.begin(), pixels.end(), values[0].begin());
  for (Value v = 1; v <= graph.last(); ++v) {
    const Step& s = graph.steps[v - 1];
    const View<const std::int32_t> x = values[s.input].view();
    values[v].resize(s.shape.with_batch(n));
    if (s.op == Op::convolve)
      detail::convolve(graph, s, x, values[s.residual].view(), values[v].view());
    else if (s.op == Op::shortcut)
      ops::shortcut_forward<std::int32_t>(x, s.stride, values[v].view());
    else
      detail::pool(s, x, values[v].view());
  }
  return values;
}

} // namespace sgq::infer
