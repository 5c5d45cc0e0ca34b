// sgq/saliency/metrics/infidelity.hpp -- does a map predict what perturbations do to the score?
//
//     dS = S_c(x) - S_c(x - I),   e = I . Phi
//     infidelity         E[(e - dS)^2]
//     optimal scale      E[(beta e - dS)^2],   beta = E[e dS] / E[e^2]
//
// E is the mean over random perturbations I. Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the
// (In)fidelity and Sensitivity of Explanations", NeurIPS 2019. Phi [N,C,H,W] is the attribution of
// every input, before any mean over channels, in the units of a gradient. One that is multiplied by
// the input (integrated gradients, gradient x input) is divided by x - x' first:
// e = sum_i I_i Phi_i / (x_i - x'_i), where terms with x_i = x'_i are 0.
//
// For a linear score, Phi = w gives 0 with any I. An all-zero map has beta = 0 and both numbers
// equal E[dS^2].
#pragma once

#include "sgq/saliency/metrics/perturbation.hpp"

namespace sgq::saliency {

enum class Perturbation {
  square,  ///< I = x - x' within a random square, which takes the background's values; 0 outside
  gaussian ///< I ~ N(0, (sigma (x_max - x_min))^2), each input on its own
};

struct InfidelityOptions {
  Target target = Target::logit; ///< S
  Perturbation perturbation = Perturbation::square;
  index_t side = 0;   ///< of the square; 0: a quarter of the shorter image side
  double sigma = 0.2; ///< of gaussian, as a share of the image's range
  index_t samples = 50;
  std::uint64_t seed = 0;
  bool times_input = false; ///< Phi holds the factor x - x'
  /// Of a quantised input: noisy images are rounded to its pixel codes, which is what the net sees,
  /// so that the noise I of the formula is the noise that was seen.
  QuantParams grid{};
  /// x', not used by plain gaussian. A constant without a value is the model's background.
  ops::FillOptions background{.fill = ops::Fill::constant};
};

/// Each [N].
struct Infidelity {
  Tensor<double> plain, scaled, beta;
};

namespace detail {

/// Writes x - I of one sample of one image to `out` and returns e = I . Phi.
class Perturber {
public:
  Perturber(const InfidelityOptions& options, const Shape& shape)
      : options_(options), shape_(shape),
        side_(options.side > 0 ? options.side
                               : std::max(index_t{1}, std::min(shape[2], shape[3]) / 4)) {
    if (side_ > shape[2] || side_ > shape[3] || options.side < 0 || options.samples < 1 ||
        !(options.sigma > 0) || !std::isfinite(options.sigma))
      throw value_error(describe("infidelity", "a square within the image, sigma > 0, samples >= 1",
                                 "side " + to_text(options.side) + ", sigma " +
                                     to_text(options.sigma) + ", samples " +
                                     to_text(options.samples)));
  }

  double operator()(const float* x, const float* base, const float* phi, const Random& random,
                    index_t sample, float* out) const {
    const index_t d = shape_.stride(), plane = shape_.plane(), width = shape_[3];
    const index_t top = random.below(2 * sample, shape_[2] - side_ + 1);
    const index_t left = random.below(2 * sample + 1, width - side_ + 1);
    const bool gaussian = options_.perturbation == Perturbation::gaussian;
    const auto [low, high] = std::minmax_element(x, x + d);
    const double sigma = options_.sigma * static_cast<double>(*high - *low);
    double e = 0;
    for (index_t i = 0; i < d; ++i) {
      const index_t h = i % plane / width, w = i % width;
      const bool inside = h >= top && h < top + side_ && w >= left && w < left + side_;
      out[i] = gaussian ? static_cast<float>(static_cast<double>(x[i]) -
                                             sigma * random.normal(sample * d + i))
               : inside ? base[i]
                        : x[i];
      if (gaussian && options_.grid)
        out[i] = options_.grid.value<float>(options_.grid.code(out[i], i / plane), i / plane);
      const double moved = static_cast<double>(x[i]) - static_cast<double>(out[i]);
      const double whole = static_cast<double>(x[i]) - static_cast<double>(base[i]);
      const double factor = !options_.times_input ? moved : whole != 0 ? moved / whole : 0;
      e += factor * static_cast<double>(phi[i]);
    }
    return e;
  }

private:
  const InfidelityOptions& options_;
  Shape shape_;
  index_t side_;
};

/// The two means over an image's samples, and the beta that makes the second smallest.
inline void summarize(View<const double> e, View<const double> ds, index_t n, Infidelity& result) {
  const index_t m = e.shape()[1];
  double ee = 0, es = 0;
  for (index_t j = 0; j < m; ++j) {
    ee += e(n, j) * e(n, j);
    es += e(n, j) * ds(n, j);
  }
  const double beta = ee > 0 ? es / ee : 0;
  double plain = 0, scaled = 0;
  for (index_t j = 0; j < m; ++j) {
    plain += (e(n, j) - ds(n, j)) * (e(n, j) - ds(n, j));
    scaled += (beta * e(n, j) - ds(n, j)) * (beta * e(n, j) - ds(n, j));
  }
  result.beta[n] = beta;
  result.plain[n] = plain / static_cast<double>(m);
  result.scaled[n] = scaled / static_cast<double>(m);
}

} // namespace detail

/// x, phi [N,C,H,W]; targets: the class that phi explains, one an image. Throws shape_error or
/// value_error where they or the options do not fit.
SGQ_COMPILE_ONCE Infidelity infidelity(const Classifier& model, View<const float> x,
                                       std::span<const std::uint8_t> targets, View<const float> phi,
                                       const InfidelityOptions& options = {}) {
  if (x.shape().rank() != 4)
    throw shape_error(describe("infidelity", "images [N, C, H, W]", x.shape().str()));
  check_map_pair("infidelity: images and attributions", x, phi);
  const index_t images = x.shape()[0], d = x.shape().stride(), m = options.samples;
  ops::check_labels(targets, {images, model.classes()});
  if (options.target == Target::log_probability) model.check_several_classes("infidelity");
  if (options.grid) check_quant_params("infidelity", options.grid, x.shape()[1]);
  const detail::Perturber perturb(options, x.shape());
  const bool has_base = options.perturbation == Perturbation::square || options.times_input;
  Tensor<float> base(x.shape()), perturbed(x.shape().with_batch(m));
  if (has_base) base = replaced("infidelity", model, x, options.background, options.seed);

  Tensor<double> score({images}), e({images, m}), ds({images, m});
  const auto score_at = [&](const float* logits, index_t n) {
    return target_score(logits, model.classes(), targets[static_cast<std::size_t>(n)],
                        options.target);
  };
  model.each(x, [&](index_t n, const float* logits) { score[n] = score_at(logits, n); });
  Infidelity result{Tensor<double>({images}), Tensor<double>({images}), Tensor<double>({images})};
  const Random all(options.seed, 0x696e6669u); // "infi"
  for (index_t n = 0; n < images; ++n) {
    const Random random = all.split(static_cast<std::uint64_t>(n));
    parallel_for(m, [&](index_t j) {
      e(n, j) = perturb(x.data() + n * d, base.data() + n * d, phi.data() + n * d, random, j,
                        perturbed.data() + j * d);
    });
    model.each(perturbed,
               [&](index_t j, const float* logits) { ds(n, j) = score[n] - score_at(logits, n); });
    detail::summarize(e, ds, n, result);
  }
  return result;
}

} // namespace sgq::saliency
