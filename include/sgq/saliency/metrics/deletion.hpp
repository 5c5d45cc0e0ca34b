// sgq/saliency/metrics/deletion.hpp -- the probability of the predicted class while the image is
// taken away (deletion) or brought back (insertion), most important positions first.
//
//     c = argmax of the original,   s_t = softmax probability of c after step t,  s_0 unperturbed
//     area = sum_t (s_t + s_{t+1}) / 2 * (positions of step t) / (H W)        s_T fully replaced
//
// Steps are ceil(H W / T) positions each, so there may be fewer than T; the last takes what is
// left, and its weight is its width. With equal steps this is (sum_t s_t - s_0/2 - s_T/2) / T.
// Deletion goes from the image to the background (a low area is good), insertion from the
// background to the image (high is good). State the background with the result: the numbers depend
// on it. Petsiuk, Das, Saenko, "RISE", BMVC 2018, where insertion starts from the blurred image, as
// here with Fill::blur.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/saliency/metrics/perturbation.hpp"

namespace sgq::saliency {

struct DeletionOptions {
  index_t steps = 32; ///< T; there are ceil(H W / ceil(H W / T)) of them, at most H W
  /// Negative positions come last. MapMetricInput, MaskedAccuracyOptions and RoadOptions rank by
  /// magnitude unless told otherwise: set it where measures are compared.
  Values rank_by = Values::with_sign;
  /// The class whose probability is followed, one per image; empty: what the model predicts. Maps
  /// of the true class are judged by another class where the prediction is wrong, unless this names
  /// it. Not copied: what predictions(..) returns needs a name, unless the options are written
  /// inside the call.
  std::span<const std::uint8_t> classes{};
  /// A constant without a value is the model's background.
  ops::FillOptions background{.fill = ops::Fill::constant};
  std::uint64_t seed = 0; ///< of ties, and of a random background
};

struct ProbabilityCurve {
  std::vector<double> share;  ///< of positions replaced or brought back: 0 to 1, after each step
  Tensor<double> probability; ///< [share.size(), N]
  Tensor<double> area;        ///< [N]
};

namespace detail {

/// The classes whose probabilities are followed.
inline std::vector<index_t> followed(const Classifier& model, View<const float> x,
                                     std::span<const std::uint8_t> classes) {
  if (!classes.empty()) {
    ops::check_labels(classes, {x.shape()[0], model.classes()});
    return {classes.begin(), classes.end()};
  }
  std::vector<index_t> predicted(static_cast<std::size_t>(x.shape()[0]));
  model.each(x, [&](index_t n, const float* logits) {
    predicted[static_cast<std::size_t>(n)] = argmax(logits, model.classes());
  });
  return predicted;
}

SGQ_COMPILE_ONCE ProbabilityCurve probability_curve(std::string_view what, const Classifier& model,
                                                    View<const float> x, View<const float> maps,
                                                    const DeletionOptions& options, bool insert) {
  check_explained(what, x, maps);
  model.check_several_classes(what);
  if (options.steps < 1)
    throw value_error(describe(what, "at least one step", to_text(options.steps)));
  const index_t images = x.shape()[0], positions = x.shape().plane();
  const index_t most = std::max(index_t{1}, std::min(options.steps, positions));
  const index_t step = std::max(index_t{1}, (positions + most - 1) / most);
  std::vector<index_t> counts{0};
  while (counts.back() < positions) counts.push_back(std::min(positions, counts.back() + step));

  const std::vector<index_t> target = followed(model, x, options.classes);
  const Tensor<float> background = replaced(what, model, x, options.background, options.seed);
  const View<const float> empty = background, from = insert ? empty : x, to = insert ? x : empty;

  ProbabilityCurve curve;
  for (index_t count : counts)
    curve.share.push_back(static_cast<double>(count) / static_cast<double>(positions));
  curve.probability = Tensor<double>({static_cast<index_t>(counts.size()), images});
  curve.area = Tensor<double>({images});
  walk(model, from, to, ranking(maps, options.rank_by, tie_breaker(options.seed)), counts,
       [&](std::size_t t, index_t n, const float* logits) {
         const index_t c = target[static_cast<std::size_t>(n)];
         const double s = math::exp(log_probability(logits, model.classes(), c));
         curve.probability[static_cast<index_t>(t) * images + n] = s;
         // half of the interval before this point, half of the one after it
         const double before = t > 0 ? curve.share[t] - curve.share[t - 1] : 0;
         const double after = t + 1 < counts.size() ? curve.share[t + 1] - curve.share[t] : 0;
         curve.area[n] += s * (before + after) / 2;
       });
  return curve;
}

} // namespace detail

/// x [N,C,H,W], maps [N,H,W]. Throws shape_error or value_error where they or the options do not
/// fit.
inline ProbabilityCurve deletion(const Classifier& model, View<const float> x,
                                 View<const float> maps, const DeletionOptions& options = {}) {
  return detail::probability_curve("deletion", model, x, maps, options, false);
}

/// The same from the background to the image.
inline ProbabilityCurve insertion(const Classifier& model, View<const float> x,
                                  View<const float> maps, const DeletionOptions& options = {}) {
  return detail::probability_curve("insertion", model, x, maps, options, true);
}

} // namespace sgq::saliency
