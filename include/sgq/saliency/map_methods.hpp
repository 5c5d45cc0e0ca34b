// sgq/saliency/map_methods.hpp -- every way to make maps, by its name.
//
//     Explainer explain(net, {.background = data::background_values("mnist", grid)});
//     const MapMethod& method = choose("map", map_methods, "smoothgrad");
//     Attribution<float> a = method.make(explain, x, classes, {.samples = 50});
//     Tensor<float> maps = to_maps(a, method.values);
//
// To add a method: a header of its own, and a row here. Programs and tests read the table.
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/saliency/cam.hpp"
#include "sgq/saliency/expected_gradients.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/net_function.hpp"
#include "sgq/saliency/occlusion.hpp"
#include "sgq/saliency/rise.hpp"
#include "sgq/saliency/score_cam.hpp"
#include "sgq/saliency/smoothgrad.hpp"

namespace sgq::saliency {

/// The settings that a method may read; the others keep their defaults.
struct MapOptions {
  index_t samples = 25;   ///< SmoothGrad, VarGrad, expected gradients
  index_t steps = 50;     ///< integrated gradients
  index_t masks = 500;    ///< RISE
  std::uint64_t seed = 0; ///< of noise, masks and drawn baselines
  index_t window = 5;     ///< occlusion; at most the image's side
};

struct MapMethod {
  std::string_view name, title, about; ///< of options and files; of columns; in one line
  Values values;                       ///< how [N,C,H,W] becomes a map
  std::string_view reads;              ///< its one setting beside the seed; empty: none
  /// The score, the background and the baselines are those of the Explainer.
  Attribution<float> (*make)(Explainer<float>& explain, View<const float> x,
                             std::span<const std::uint8_t> classes, const MapOptions& o);
  bool all_positive = false;    ///< draw it from each map's lowest value
  bool needs_baselines = false; ///< those of the Explainer
  std::string_view score = {};  ///< what it explains, whatever the target; empty: the target
};

namespace detail {

/// make(model), where the model is the explainer's net as a function.
template <class Make>
Attribution<float> without_gradient(Explainer<float>& explain, Make make) {
  NetFunction f(explain.net());
  return make(
      Classifier(f, explain.net().classes(),
                 {.background = explain.options().background, .batch = explain.options().batch}));
}

} // namespace detail

inline constexpr MapMethod map_methods[] = {
    {"gradient", "gradient", "the gradient of the score", Values::magnitude, "",
     [](auto& explain, auto x, auto classes, auto&) { return gradient(explain, x, classes); }},
    {"gradient-x-input", "x input", "the gradient times the input", Values::with_sign, "",
     [](auto& explain, auto x, auto classes, auto&) {
       return gradient_x_input(explain, x, classes);
     }},
    {"smoothgrad", "SmoothGrad", "the mean gradient of noisy copies of the image",
     Values::magnitude, "samples",
     [](auto& explain, auto x, auto classes, auto& o) {
       return smoothgrad(explain, x, classes, {.samples = o.samples, .seed = o.seed});
     }},
    {"smoothgrad-squared", "SG squared", "the same of squared gradients", Values::magnitude,
     "samples",
     [](auto& explain, auto x, auto classes, auto& o) {
       return smoothgrad(explain, x, classes,
                         {.samples = o.samples, .squared = true, .seed = o.seed});
     }},
    {"vargrad", "VarGrad", "the variance of the gradient over the same copies", Values::magnitude,
     "samples",
     [](auto& explain, auto x, auto classes, auto& o) {
       return vargrad(explain, x, classes, {.samples = o.samples, .seed = o.seed});
     }},
    {"integrated-gradients", "integrated", "the mean gradient on the way from the background",
     Values::with_sign, "steps",
     [](auto& explain, auto x, auto classes, auto& o) {
       return integrated_gradients(explain, x, classes, {.steps = o.steps});
     }},
    {"expected-gradients", "expected", "the same on the way from training images",
     Values::with_sign, "samples",
     [](auto& explain, auto x, auto classes, auto& o) {
       return expected_gradients(explain, x, classes, {.samples = o.samples, .seed = o.seed});
     },
     false, true},
    {"guided_backprop", "guided backprop", "the gradient, cut at 0 at every rectifier",
     Values::magnitude, "",
     [](auto& explain, auto x, auto classes, auto&) {
       return guided_backprop(explain, x, classes);
     }},
    {"grad-cam", "Grad-CAM", "where the last feature maps speak for the class", Values::magnitude,
     "", [](auto& explain, auto x, auto classes, auto&) { return grad_cam(explain, x, classes); }},
    {"grad-cam-plus-plus", "Grad-CAM++", "Grad-CAM of the logit, weighted by positive gradients",
     Values::magnitude, "",
     [](auto& explain, auto x, auto classes, auto&) {
       return grad_cam_plus_plus(explain, x, classes);
     },
     false, false, "logit"},
    {"layer-cam", "LayerCAM", "the last feature maps times their positive gradients",
     Values::magnitude, "",
     [](auto& explain, auto x, auto classes, auto&) { return layer_cam(explain, x, classes); }},
    {"hires-cam", "HiResCAM", "the last feature maps times their gradients", Values::magnitude, "",
     [](auto& explain, auto x, auto classes, auto&) { return hires_cam(explain, x, classes); }},
    {"score-cam", "Score-CAM", "the last feature maps, weighted by the logit through each",
     Values::magnitude, "",
     [](auto& explain, auto x, auto classes, auto&) {
       NetFeatureMaps features(explain.net());
       return detail::without_gradient(explain, [&](const Classifier& model) {
         return score_cam(model, features, x, classes, explain.options().grid);
       });
     },
     false, false, "logit"},
    {"occlusion", "occlusion", "how far the score falls when a window is hidden", Values::with_sign,
     "window",
     [](auto& explain, auto x, auto classes, auto& o) {
       const index_t window = std::min({o.window, x.shape()[2], x.shape()[3]});
       return detail::without_gradient(explain, [&](const Classifier& model) {
         return occlusion(model, x, classes,
                          {.window = window,
                           .stride = std::min(index_t{2}, window),
                           .target = explain.options().target});
       });
     }},
    {"rise", "RISE", "which random parts of the image keep the class alive", Values::with_sign,
     "masks",
     [](auto& explain, auto x, auto classes, auto& o) {
       return detail::without_gradient(explain, [&](const Classifier& model) {
         return rise(model, x, classes, {.masks = o.masks, .seed = o.seed});
       });
     },
     true, false, "probability"},
};

} // namespace sgq::saliency
