// sgq/infer/onnx/grad_cam.hpp -- the map of the predicted class, by a forward pass alone.
//
// In a net that ends in feature maps A^k, their means, and a linear layer with weights w, the
// derivative of logit c by A^k_ij is w_ck / (h w) everywhere, so Grad-CAM (arXiv 1610.02391) is
//
//     cam = ReLU(sum over k of w_ck / (h w) A^k),    c = argmax of the logits
//
// and needs no gradient. The map is enlarged as saliency/cam.hpp does it: Resize with mode
// "linear" and coordinate_transformation_mode "half_pixel".
#pragma once

#include "sgq/infer/onnx/operators.hpp"

namespace sgq::infer::onnx {

/// features: float [N, C, h, w]; weights: float [classes, C], which the scale joins once the sum
/// over the channels is made. Adds the output "saliency" [N, 1, H, W]; image is [., C, H, W].
inline void add_grad_cam(Operators& op, const std::string& features, const std::string& weights,
                         float scale, const std::string& logits, const Shape& image) {
  Model& m = op.model();
  const std::string name = "saliency/";
  const std::string predicted =
      m.node("ArgMax", name + "class", {logits}, {{"axis", index_t{1}}, {"keepdims", index_t{0}}});
  const std::string row =
      m.node("Gather", name + "weights of the class", {weights, predicted}, {{"axis", index_t{0}}});
  const std::string per_map =
      m.node("Unsqueeze", name + "w", {row, op.integers(name + "spatial axes", {2, 3})});
  const std::string products = op.binary("Mul", name + "w A", features, per_map);
  const std::string sum =
      m.node("ReduceSum", name + "sum", {products, op.integers(name + "channel axis", {1})},
             {{"keepdims", index_t{1}}});
  const std::string positive = m.node("Relu", name + "positive", {sum});
  const std::string scaled = op.binary("Mul", name + "cam", positive, op.number(scale));
  m.node("Resize", "saliency", {scaled, "", "", op.integers(name + "size", {image[2], image[3]})},
         {{"mode", std::string("linear")},
          {"coordinate_transformation_mode", std::string("half_pixel")},
          {"axes", Extents{2, 3}}},
         "Grad-CAM of the predicted class's logit, enlarged with aligned pixel centres");
  m.output("saliency", Type::float32, {batch, 1, image[2], image[3]},
           "Grad-CAM of the predicted class: 0 or more, in units of the logit per feature");
}

} // namespace sgq::infer::onnx
