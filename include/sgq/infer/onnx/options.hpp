// sgq/infer/onnx/options.hpp -- what an ONNX export is asked for, and what it tells.
#pragma once

#include "sgq/core/quant_params.hpp"
#include "sgq/infer/onnx/model.hpp"

namespace sgq::infer {

/// How the graph computes. The codes of `exact` and `integer` are those of the engine.
enum class OnnxForm {
  exact,   ///< packed weights, sums in float, codes in double: any runtime with these operators
  integer, ///< integer convolutions with searched multipliers: fast; weights take a byte
  real,    ///< a real-valued net in float
};

/// "exact" | "integer" | "float"
inline const char* name(OnnxForm form) {
  constexpr const char* names[] = {"exact", "integer", "float"};
  return names[static_cast<int>(form)];
}

/// The inverse. Throws value_error on any other text.
inline OnnxForm parse_onnx_form(std::string_view text) {
  for (OnnxForm form : {OnnxForm::exact, OnnxForm::integer, OnnxForm::real})
    if (text == name(form)) return form;
  throw value_error(
      describe("ONNX form", "exact, integer or float", "'" + std::string(text) + "'"));
}

struct OnnxOptions {
  OnnxForm form = OnnxForm::exact;
  /// A second output, "saliency" [N, 1, H, W]: Grad-CAM of the predicted class. For nets that end
  /// in a rectifier, global average pooling and a linear layer.
  bool saliency = false;
  /// Every layer's codes as further outputs, named after the layers.
  bool intermediate = false;
  /// Of `real`: batch norm goes into the convolution before it; false keeps it as a node.
  bool fold_batch_norm = true;
  /// Of `real`: what pixel codes mean. Quantised nets know it.
  QuantParams input{};
  std::string name = "net";
  std::map<std::string, std::string> metadata{}; ///< added to the exporter's own
};

/// What a layer became.
struct OnnxLayer {
  std::string name;
  std::string operation; ///< in words: "QLinearConv", "Conv, codes in double"
  std::string note{};    ///< why it is not another; empty where there is nothing to say
  double margin = 0;     ///< of `integer`: roundings to the nearest limit; 0: exact by itself
  index_t weight_bytes = 0;
};

/// The contract of the file: the first input is "pixels", uint8 [N, C, H, W]; the first output is
/// "logits", float [N, classes]. Rank-2 nets read [N, C, 1, 1] where they are quantised.
struct OnnxExport {
  std::string bytes;
  std::vector<OnnxLayer> layers;
  int opset = 0;
};

namespace onnx {
inline constexpr const char* about_pixels =
    "pixel codes 0..255 as the data set has them; normalisation is inside";
}

} // namespace sgq::infer
