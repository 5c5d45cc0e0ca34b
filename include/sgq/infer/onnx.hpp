// sgq/infer/onnx.hpp -- a trained net as an ONNX file that computes the same codes.
//
//     OnnxExport onnx = to_onnx(net, {.form = OnnxForm::integer});
//     io::write_file_atomically("net.onnx", onnx.bytes);
//     for (const OnnxLayer& layer : onnx.layers) ...      // what each layer became
//
// Quantised nets go through their integer graph (infer/export.hpp), so what has no integers is
// refused by name. onnx/quantized_net.hpp has the forms and why they are exact,
// onnx/float_net.hpp real-valued nets; docs/onnx.md what was measured.
#pragma once

#include "sgq/infer/export.hpp"
#include "sgq/infer/onnx/float_net.hpp"
#include "sgq/infer/onnx/quantized_net.hpp"
#include "sgq/io/stored_tensors.hpp"

namespace sgq::infer {

namespace detail {
inline void check_own_names(const OnnxOptions& options) {
  io::check_metadata("ONNX export", options.metadata, {"form", "policy", "input", "batch_norm"});
}
} // namespace detail

/// Forms exact and integer. Throws value_error on a graph that is not in order, sums beyond what a
/// float or an int32 holds, form `real`, and a saliency output where the net has another ending.
SGQ_COMPILE_ONCE OnnxExport to_onnx(const Graph& graph, const OnnxOptions& options = {}) {
  if (options.form == OnnxForm::real)
    throw value_error(describe("ONNX export of a quantised net", "the form exact or integer",
                               "float", "a graph has no real numbers"));
  detail::check_own_names(options);
  return onnx::QuantizedNet(graph, options).run();
}

/// All forms: `real` takes a real-valued net and the option input, the others a quantised net.
/// Throws value_error, naming the layer, where one has no such form, and where weights or clips
/// have no values yet.
SGQ_COMPILE_ONCE OnnxExport to_onnx(const nn::Net<float>& net, const OnnxOptions& options = {}) {
  detail::check_own_names(options);
  net.check_initialized("ONNX export");
  if (options.form == OnnxForm::real) return onnx::FloatNet(net, options).run();
  return to_onnx(export_integer(net), options);
}

} // namespace sgq::infer
