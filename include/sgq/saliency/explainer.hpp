// sgq/saliency/explainer.hpp -- a net, the scalar to explain, and a tape to do it on.
//
//     Explainer explain(net, {.background = data::background_values("mnist", grid)});
//     Attribution<float> a = gradient(explain, x, classes); // x [N,C,H,W], a class an image
//     Tensor<float> maps = to_maps(a, Values::magnitude);   // [N,H,W]
//
// Every method that needs gradients takes an Explainer, images and classes, and returns an
// Attribution; occlusion, RISE and Score-CAM need none and take a Classifier. Passes are made in
// evaluation mode, in batches, on the Explainer's own tape; the net's gradients are left as they
// are. No images give no maps.
#pragma once

#include "sgq/nn/activation.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/ops/select.hpp"
#include "sgq/saliency/callable.hpp"

#include <optional>

namespace sgq::saliency {

using ops::Values;

/// What a method says of images x [N,C,H,W].
template <class T>
struct Attribution {
  Tensor<T> values;      ///< [N,C,H,W], signed; [N,1,H,W] from methods without channels
  std::string label;     ///< the method, with "(STE)" where gradients are straight-through
  double zero_share = 0; ///< of the gradients it read, over all passes, the part that is exactly 0
  std::vector<double> completeness_error{}; ///< per image; integrated gradients only
};

struct ExplainerOptions {
  Target target = Target::logit;
  /// What an image shows where nothing is: one value per channel, or one for all, in input units.
  /// Integrated gradients, occlusion, RISE and Score-CAM need it.
  std::vector<float> background{};
  /// Training images [M,C,H,W] in input units, e.g. data::baseline_images(training_set, grid).
  /// Expected gradients need them.
  Tensor<float> baselines{};
  /// What pixel codes stand for. With it, Score-CAM rounds the images that it masks to codes.
  QuantParams grid{};
  index_t batch = 64; ///< images in one pass
};

template <class T>
class Explainer {
public:
  /// The net must outlive the explainer, and its weight codes must be current (quantize_weights()).
  explicit Explainer(nn::Net<T>& net, ExplainerOptions options = {})
      : net_(net), options_(std::move(options)) {
    if (options_.batch < 1)
      throw value_error(describe("explainer", "a batch of 1 or more", to_text(options_.batch)));
  }

  nn::Net<T>& net() const { return net_.get_any_edition("explainer"); }
  const ExplainerOptions& options() const { return options_; }
  const nn::Tape<T>& tape() const { return tape_; }

  /// True for a quantised net: its true derivative is 0 almost everywhere, and what is called its
  /// gradient is that of the straight-through estimator it was trained with.
  bool straight_through() const {
    const auto& nodes = net().nodes();
    return std::any_of(nodes.begin() + 1, nodes.end(),
                       [](const auto& node) { return !node.layer->precision().empty(); });
  }
  std::string label(std::string method) const {
    return straight_through() ? method + " (STE)" : method;
  }

  /// Throws shape_error or value_error unless the net reads images, x fits it, there is a class for
  /// each image, and weights and clips have values.
  void check(View<const T> x, std::span<const std::uint8_t> classes) const {
    net().check_initialized("explainer");
    if (net().input_shape().rank() != 4)
      throw shape_error(describe("explainer", "a net that reads images {C, H, W}",
                                 "one of feature vectors " + net().input_shape().str()));
    if (x.shape().rank() != 4 || x.shape().with_batch(1) != net().input_shape())
      throw shape_error(
          describe("images to explain", batch_text(net().input_shape()), x.shape().str()));
    ops::check_labels(classes, {x.shape()[0], net().classes()});
  }

  /// Records a pass of one batch.
  View<const T> forward(View<const T> x) { return net().forward(x, tape_, nn::Mode::eval()); }

  /// dS/dx of one batch, valid until the next pass.
  View<const T> gradient(View<const T> x, std::span<const std::uint8_t> classes,
                         bool guided_backprop = false) {
    seed(forward(x), classes, options_.target);
    return count_zeros(net().input_gradient(seed_, tape_, guided_backprop));
  }

  /// dS/d(value v of the net) of one batch; S is that of the options, unless another is named.
  View<const T> gradient_at(nn::ValueId v, View<const T> x, std::span<const std::uint8_t> classes,
                            std::optional<Target> target = {}) {
    seed(forward(x), classes, target.value_or(options_.target));
    return count_zeros(net().gradient_at(v, seed_, tape_));
  }

  /// Calls f(x, classes, first) for the images batch by batch.
  template <class F>
  void each_batch(View<const T> x, std::span<const std::uint8_t> classes, F&& f) {
    check(x, classes);
    zeros_ = gradients_ = 0;
    for (index_t first = 0; first < x.shape()[0]; first += options_.batch) {
      const index_t n = std::min(options_.batch, x.shape()[0] - first);
      f(x.slice(first, n),
        classes.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(n)), first);
    }
  }

  /// The share of exact zeros among the gradients since each_batch began; 0 without any.
  double zero_share() const {
    return gradients_ ? static_cast<double>(zeros_) / static_cast<double>(gradients_) : 0.0;
  }

private:
  void seed(View<const T> logits, std::span<const std::uint8_t> classes, Target target) {
    seed_.resize(logits.shape());
    ops::target_gradient<T>(logits, classes, target, seed_);
  }
  View<const T> count_zeros(View<const T> gradient) {
    zeros_ += std::count(gradient.begin(), gradient.end(), T{0});
    gradients_ += gradient.size();
    return gradient;
  }

  nn::NetHandle<T> net_;
  ExplainerOptions options_;
  nn::Tape<T> tape_;
  Tensor<T> seed_;
  index_t zeros_ = 0, gradients_ = 0;
};

/// One value per position: the mean over channels of |attribution|, or of the signed attribution.
template <class T>
Tensor<T> to_maps(const Attribution<T>& a, Values values) {
  const Shape& s = a.values.shape();
  Tensor<T> maps({s[0], s[2], s[3]});
  ops::channel_mean<T>(a.values, values, maps);
  return maps;
}

} // namespace sgq::saliency
