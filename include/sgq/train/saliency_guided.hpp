// sgq/train/saliency_guided.hpp -- saliency-guided training (arXiv 2111.14338).
//
// Ismail, Corrada Bravo, Feizi, "Improving Deep Learning Interpretability by Saliency Guided
// Training", NeurIPS 2021. Each step hides the positions with the lowest gradient and asks for the
// same prediction:
//
//     I  = positions of x, sorted by dS/dx, S the score of the true class
//     x~ = x with the lowest share of positions replaced
//     L  = CE(f(x), y) + lambda KL(f(x) || f(x~))
//
// Cost, in forward passes F (a backward pass is 2F, an input gradient alone 1F): plain training 3F;
// here 7F, because the clean pass also serves the saliency; 6F where one backward pass gives both
// the saliency and the clean gradients (see one_backward); 8F with a saliency pass of its own, as
// in the authors' program.
#pragma once

#include "sgq/ops/mask_lowest.hpp"
#include "sgq/train/step.hpp"

namespace sgq::train {

/// Which forward pass the saliency is taken from.
enum class SaliencyPass {
  shared,  ///< the clean training pass itself
  separate ///< one more pass in evaluation mode
};

/// Which training passes move batch norm's running statistics.
enum class StatisticsFrom {
  clean, ///< the clean pass: masked images are half noise, which evaluation never sees
  both
};

struct GuidedOptions {
  ops::MaskOptions mask{}; ///< rank by signed gradient, share 50 %, uniform fill
  double lambda = 1;       ///< weight of the KL term
  ops::Target target = ops::Target::log_probability;
  bool kl_attached = true; ///< gradients flow into both arguments of KL, else into f(x~) only
  SaliencyPass pass = SaliencyPass::shared;
  StatisticsFrom statistics = StatisticsFrom::clean;
  double start = 0;     ///< share of the run before guiding begins
  double ramp = 0;      ///< share of the run over which lambda then rises linearly from 0
  double lr_factor = 1; ///< factor on the learning rate once guiding has begun

  /// The setting of the authors' program; its target is the log-probability on MNIST, the logit on
  /// CIFAR-10.
  static GuidedOptions authors(ops::Target target = ops::Target::log_probability) {
    return {.target = target, .pass = SaliencyPass::separate, .statistics = StatisticsFrom::both};
  }
};

/// CE(z, y) + lambda KL(z || zm), with the gradients of both logits: dz, dzm overwritten.
template <class T>
T guided_loss(View<const T> z, View<const T> zm, std::span<const std::uint8_t> labels,
              double lambda, bool kl_attached, View<T> dz, View<T> dzm) {
  dzm.fill(T{0});
  const T ce = ops::cross_entropy<T>(z, labels, dz);
  const T kl =
      ops::kl_divergence<T>(z, zm, static_cast<T>(lambda), kl_attached ? dz : View<T>(), dzm);
  return ce + kl;
}

/// The step of saliency-guided training: a callable for fit(), which keeps the two tapes.
template <class T>
class GuidedStep {
public:
  /// Without a grid of its own, the fill uses the net's. A teacher adds its term of the clean
  /// logits to the loss. Throws value_error on an option out of range, an optimiser of another net,
  /// or a grid that is not the net's; shape_error on a net that does not read images.
  GuidedStep(nn::Net<T>& net, Optimizer<T>& optimizer, const GuidedOptions& options,
             Distillation<T>* teacher = nullptr)
      : optimizer_(optimizer), options_(options), teacher_(teacher) {
    check_options();
    check_same_net(net, optimizer);
    QuantParams& fill = options_.mask.fill.grid;
    const QuantParams& own = net.input().grid();
    if (own && !fill) fill = own;
    if (own && fill != own)
      throw value_error(describe("guided training: grid of the fill", "that of the net's input",
                                 "a different one", "leave it out"));
    ops::detail::check_fill(net.input_shape(), options_.mask.fill);
  }

  /// Throws value_error where the loss is not finite, and where `start` or `ramp` is set but the
  /// context does not say how far the run is.
  StepResult operator()(const data::Batch<T>& batch, const StepContext& at) {
    const std::optional<double> lambda = lambda_at(at.progress);
    nn::Net<T>& net = optimizer_.net();
    check_fill(batch);
    if (!lambda) return train_step(net, clean_, batch, optimizer_, at, teacher_);
    const View<const T> x = batch.x;
    const ImageRandom random = random_of(at, optimizer_, batch);
    Arena::Scope scope(scratch());
    const Shape logits{batch.size(), net.classes()};
    const View<T> dz(scratch().take<T>(logits.size()), logits);
    const View<T> dzm(scratch().take<T>(logits.size()), logits);

    const View<const T> z = forward(net, batch, clean_, nn::Mode::train(random.split(0)));
    check_loss(ops::cross_entropy<T>(z, batch.labels, dz), net, clean_);
    net.zero_grad();
    const bool single = one_backward();
    const View<const T> saliency =
        single ? clean_backward(dz) : input_saliency(x, z, batch.labels, dz);
    x_masked_.resize(x.shape());
    ops::mask_lowest<T>(x, saliency, options_.mask, random.split(2), x_masked_);
    const View<const T> zm = net.forward(x_masked_, masked_, nn::Mode::train(random.split(1)));

    T loss = guided_loss<T>(z, zm, batch.labels, *lambda, options_.kl_attached, dz, dzm);
    if (teacher_) loss = teacher_->add(loss, z, batch, dz);
    check_loss(loss, net, masked_);
    if (!single) net.backward(dz, clean_, nn::Want::params);
    net.backward(dzm, masked_, nn::Want::params); // adds to the same gradients
    optimizer_.step(clean_, at.lr_factor * options_.lr_factor);
    note_grid(net, batch);
    if (options_.statistics == StatisticsFrom::both) net.update_statistics(masked_);
    return {.loss = static_cast<double>(loss),
            .correct = ops::count_correct<T>(z, batch.labels),
            .images = whole_batch(batch.size())};
  }

  /// Throws value_error where the noise would lie on another grid than the images of a real-valued
  /// net. (A quantised one has a grid of its own, which both are compared with.)
  void check_fill(const data::Batch<T>& batch) const {
    const QuantParams& fill = options_.mask.fill.grid;
    if (!optimizer_.net().input().grid() && fill && batch.grid && fill != *batch.grid)
      throw value_error(describe("guided training: grid of the fill",
                                 "that of the images, " + to_text(*batch.grid), to_text(fill)));
  }

  /// True where the clean gradients and the saliency come from one backward pass: the saliency of
  /// log p_y is -batch dCE/dx, provided that nothing but CE reaches the clean logits (KL detached,
  /// no teacher) and that no batch norm treats its statistics differently in the two.
  bool one_backward() const {
    if (teacher_ || options_.mask.rank_by == ops::Rank::random ||
        options_.target != ops::Target::log_probability || options_.kl_attached ||
        options_.pass == SaliencyPass::separate)
      return false;
    const auto& nodes = optimizer_.net().nodes();
    return std::none_of(nodes.begin(), nodes.end(),
                        [](const auto& node) { return node.layer->mixes_images(); });
  }

private:
  void check_options() const {
    const GuidedOptions& o = options_;
    if (!(o.lambda >= 0) || !std::isfinite(o.lambda))
      throw value_error(describe("guided training: lambda", "a number >= 0", to_text(o.lambda)));
    if (!(o.lr_factor >= 0) || !std::isfinite(o.lr_factor))
      throw value_error(
          describe("guided training: learning-rate factor", "a number >= 0", to_text(o.lr_factor)));
    if (!(o.start >= 0 && o.ramp >= 0 && o.start + o.ramp <= 1))
      throw value_error(describe("guided training", "start and ramp >= 0, together at most 1",
                                 to_text(o.start) + " and " + to_text(o.ramp)));
    ops::share_count(o.mask.share, 1);
  }

  // lambda at a place of the run; nothing before guiding begins.
  std::optional<double> lambda_at(std::optional<double> progress) const {
    if (options_.start == 0 && options_.ramp == 0) return options_.lambda;
    if (!progress)
      throw value_error(describe("guided training with a start or a ramp",
                                 "StepContext::progress, the share of the run so far", "none",
                                 "fit() sets it"));
    const double since = *progress - options_.start;
    if (since < 0) return std::nullopt;
    return since < options_.ramp ? options_.lambda * since / options_.ramp : options_.lambda;
  }

  // dS/dx, from the clean pass or from one in evaluation mode on the tape that is free so far;
  // empty if the ranking does not read it.
  View<const T> input_saliency(View<const T> x, View<const T> z,
                               std::span<const std::uint8_t> labels, View<T> ds) {
    if (options_.mask.rank_by == ops::Rank::random) return {};
    const bool shared = options_.pass == SaliencyPass::shared;
    if (!shared) z = optimizer_.net().forward(x, masked_, nn::Mode::eval());
    ops::target_gradient<T>(z, labels, options_.target, ds);
    return optimizer_.net().input_gradient(ds, shared ? clean_ : masked_);
  }

  // dz is the gradient of CE. Adds those of the parameters; returns -batch dCE/dx = dS/dx.
  View<const T> clean_backward(View<const T> dz) {
    const View<const T> dx = optimizer_.net().backward(dz, clean_, nn::Want::both);
    saliency_.resize(dx.shape());
    const T factor = -static_cast<T>(whole_batch(dz.shape()[0]));
    for (index_t i = 0; i < dx.size(); ++i) saliency_[i] = factor * dx[i];
    return saliency_.view();
  }

  Optimizer<T>& optimizer_;
  GuidedOptions options_;
  Distillation<T>* teacher_;
  nn::Tape<T> clean_, masked_;
  Tensor<T> x_masked_, saliency_;
};

} // namespace sgq::train
