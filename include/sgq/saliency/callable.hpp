// sgq/saliency/callable.hpp -- a model, seen as a function from a batch to logits.
//
//     infer::Engine engine(infer::load_integer("net.safetensors"));
//     Classifier model(engine, 10, {.background = data::background_values("mnist", grid)});
//     deletion(model, x, maps);         // x [N,C,H,W] -> logits [N,10]
//
// The background is what an image shows where nothing is. Maps and metrics put it where they hide
// pixels.
//
// Metrics and gradient-free maps ask for nothing else, so they serve fp32 nets and quantised nets
// (net_function.hpp) and the integer engine alike. A Classifier refers to the function and does not
// own it: the function has a name and outlives it.
#pragma once

#include "sgq/core/function_ref.hpp"
#include "sgq/core/math.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/ops/loss.hpp"
#include "sgq/saliency/metrics/per_image.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sgq::saliency {

using ops::log_probability;
using ops::Target; // which scalar S_c of the logits a map explains or a metric follows
using ops::target_score;
using sgq::argmax; // of logits: the predicted class

/// What `what` puts in the place of pixels, one value per channel, in input units: what is `given`
/// in its own options, else the background `stated` with the model. Throws value_error unless that
/// is one value, or one for each channel.
inline std::vector<float> background_for(std::string_view what, const std::vector<float>& given,
                                         const std::vector<float>& stated, index_t channels) {
  std::vector<float> values = given.empty() ? stated : given;
  const auto count = static_cast<index_t>(values.size());
  if (count != 1 && count != channels)
    throw value_error(describe(
        what, "a background: one value, or one for each of " + to_text(channels) + " channels",
        count == 0 ? "none" : to_text(count) + " values",
        "set .background of the Explainer or Classifier, e.g. "
        "data::background_values(\"mnist\", grid)"));
  for (float v : values)
    if (!std::isfinite(v)) throw value_error(describe(what, "a finite background", to_text(v)));
  if (count == 1) values.resize(static_cast<std::size_t>(channels), values[0]);
  return values;
}

/// Throws unless these are images [N,C,H,W] of finite numbers.
inline void check_images(std::string_view what, View<const float> x) {
  const Shape& s = x.shape();
  if (s.rank() != 4 || (s[0] > 0 && s.stride() == 0))
    throw shape_error(describe(what, "images [N, C, H, W]", s.str()));
  check_finite(what, x);
}

struct ClassifierOptions {
  std::vector<float> background{}; ///< one value per channel, or one for all, in input units
  index_t batch = 128;             ///< how many images f is given at once
};

class Classifier {
public:
  /// f(View<const float> x, View<float> logits) for any number of images.
  template <class F>
  requires std::is_invocable_v<F&, View<const float>, View<float>> // wrap a Net: NetFunction f(net)
  Classifier(F& f, index_t classes, ClassifierOptions options = {})
      : f_(f), classes_(classes), options_(std::move(options)) {
    if (classes < 1 || options_.batch < 1)
      throw value_error(describe("classifier", "at least one class and one image a batch",
                                 to_text(classes) + " and " + to_text(options_.batch)));
  }

  index_t classes() const { return classes_; }
  index_t batch() const { return options_.batch; }
  const std::vector<float>& background() const { return options_.background; }

  /// Throws value_error if a logit is not finite, or was not written.
  void operator()(View<const float> x, View<float> logits) const {
    check_shape("classifier: logits", {x.shape()[0], classes_}, logits.shape());
    logits.fill(std::numeric_limits<float>::quiet_NaN());
    f_(x, logits);
    for (index_t i = 0; i < logits.size(); ++i)
      if (!std::isfinite(logits[i]))
        throw value_error(
            describe("classifier", "finite logits for every image",
                     to_text(logits[i]) + " for image " + to_text(i / classes_) + " of a batch"));
  }

  /// Throws value_error where there is one class: its probability is always 1.
  void check_several_classes(std::string_view what) const {
    if (classes_ < 2)
      throw value_error(describe(what, "2 or more classes", to_text(classes_),
                                 "give a sigmoid's logit z as two logits, 0 and z"));
  }

  /// Runs every image of x, batch by batch: see(image, its row of logits).
  template <class See>
  void each(View<const float> x, See see) const {
    const index_t images = x.shape()[0];
    Tensor<float> logits;
    for (index_t first = 0; first < images; first += batch()) {
      const index_t n = std::min(batch(), images - first);
      logits.resize({n, classes_});
      (*this)(x.slice(first, n), logits);
      for (index_t i = 0; i < n; ++i) see(first + i, logits.data() + i * classes_);
    }
  }

private:
  function_ref<void(View<const float>, View<float>)> f_;
  index_t classes_;
  ClassifierOptions options_;
};

} // namespace sgq::saliency
