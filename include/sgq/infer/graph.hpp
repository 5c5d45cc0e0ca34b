// sgq/infer/graph.hpp -- a trained, quantised net as plain integers.
//
// A graph is a list of steps in an order in which they can run. Value 0 is the image, one pixel
// code 0..255 an element; step i makes value i + 1 out of earlier ones. There are four kinds:
//
//     convolve   A[o] = bias[o] + sum c_w x, then the thresholds of channel o make A a code; in
//                the last step there are none, and A is the logit. A fully connected layer is one
//                whose kernel is the whole image.
//     max_pool   the largest code of each window
//     sum_pool   the sum of each window: average pooling whose divisor went into the next scale
//     shortcut   every stride-th row and column, new channels zero (ops/shortcut.hpp)
//
// Batch norm, residual addition, PACT and all scales are inside the thresholds. Pixels outside the
// image have the code zero_point[c], other codes outside are 0. Values are NCHW.
#pragma once

#include "sgq/core/quant_params.hpp"
#include "sgq/infer/bit_packed_weights.hpp"
#include "sgq/infer/thresholds.hpp"

#include <string>
#include <vector>

namespace sgq::infer {

/// A value of a graph: 0 is the image, i + 1 the output of step i.
using Value = std::size_t;

enum class Op { convolve, max_pool, sum_pool, shortcut };

inline const char* name(Op op) {
  constexpr const char* names[] = {"convolve", "max_pool", "sum_pool", "shortcut"};
  return names[static_cast<int>(op)];
}

/// The function that thresholds were found from,
/// code = rint(clip(A m + t + residual_scale r, 0, alpha) n / alpha).
struct Requantizer {
  std::vector<quant::ChannelAffine> channels{}; ///< m and t; none in a graph from a file
  double alpha = 0;
  float residual_scale = 0;
};

struct Step {
  std::string name{};         ///< the net's layer whose output this is: "relu1", "pool", "fc2"
  std::string weights_name{}; ///< the net's layer that the weights are from: "conv1"
  Op op = Op::convolve;
  Value input = 0;
  Shape shape{0};       ///< of the output, {1, C, H, W}
  index_t max_code = 0; ///< of the output; 0: logits
  index_t kernel_h = 1, kernel_w = 1, stride = 1, pad = 0;

  // Of convolve alone:
  BitPackedWeights weights{};
  std::vector<std::int32_t> bias{}; ///< where sums start: pixel zero points, the logits' bias
  index_t bound = 0;                ///< |A| <= bound, for any input
  Thresholds thresholds{};
  Requantizer requantizer{};
  Value residual = 0; ///< whose codes join; read where thresholds.joins()
};

struct Graph {
  Shape image{0};     ///< {1, C, H, W}
  QuantParams grid{}; ///< what the pixel codes mean: a value of the trained net's input each
  std::vector<Step> steps;
  float logit_scale = 1; ///< float logit = logit_scale * integer logit, rounded once

  const Shape& shape(Value v) const { return v == 0 ? image : steps[v - 1].shape; }
  index_t max_code(Value v) const { return v == 0 ? 255 : steps[v - 1].max_code; }
  Value last() const { return steps.size(); }
  index_t classes() const { return steps.empty() ? 0 : steps.back().shape[1]; }

  /// N of images [N, C, H, W] or [N, C H W]. Throws shape_error on any other shape, also on [N, H,
  /// W, C], which has as many numbers.
  index_t count(std::string_view what, const Shape& images) const {
    const bool planes = images.rank() == 4 && images.with_batch(1) == image;
    const bool rows = images.rank() == 2 && images[1] == image.size();
    if (!planes && !rows) throw shape_error(describe(what, batch_text(image), images.str()));
    return images[0];
  }

  /// The value of that name; 0 ("input") where there is none.
  Value find(std::string_view layer) const {
    for (Value v = 1; v <= steps.size(); ++v)
      if (steps[v - 1].name == layer) return v;
    return 0;
  }
};

/// Bytes of all packed weights.
inline index_t weight_bytes(const Graph& graph) {
  index_t bytes = 0;
  for (const Step& s : graph.steps) bytes += static_cast<index_t>(s.weights.bytes.size());
  return bytes;
}

/// The numbers that padding has: pixel codes zero_point[c], elsewhere 0.
inline std::int32_t padding(const Graph& graph, Value v, index_t channel) {
  return v == 0 ? graph.grid.zero_point[static_cast<std::size_t>(channel)] : 0;
}

/// The bias of a step for sums of pixels that have their zero points subtracted.
inline std::vector<std::int32_t> bias_without_zero_points(const Graph& graph, const Step& s) {
  std::vector<std::int32_t> bias = s.bias;
  const index_t row = s.weights.row(), plane = s.kernel_h * s.kernel_w;
  for (index_t i = 0; i < s.weights.size() && s.input == 0; ++i)
    bias[static_cast<std::size_t>(i / row)] +=
        s.weights.code(i) * padding(graph, 0, i % row / plane);
  return bias;
}

} // namespace sgq::infer
