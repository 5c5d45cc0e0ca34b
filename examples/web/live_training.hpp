// Training that can be watched: a LeNet on the built-in set, one step at a time.
//
//     LiveTraining run({.bits = 4, .guided = true});
//     while (!run.done()) run.step();
//
// The page runs it in a worker, page_digest as a native program. Both end with the same bits:
// digest() is over all that the library computed on the way.
#pragma once

#include "nets.hpp"

#include "sgq/infer/engine.hpp"
#include "sgq/infer/export.hpp"
#include "sgq/io/sha256.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/metrics/localization.hpp"
#include "sgq/train/adamw.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/fit.hpp"

#include <numeric>

namespace page {

using sgq::Tensor;

/// The arithmetic of this processor, which decides the bits of training.
inline const char* arithmetic() {
  return sgq::kernels::fuses_here() ? "fused" : "separate";
}

struct LiveOptions {
  int bits = 4; ///< 32, 8, 4 or 2
  bool guided = true;
};

class LiveTraining {
public:
  static constexpr index_t map_count = 12; ///< of the first test images

  explicit LiveTraining(const LiveOptions& options)
      : options_(options), net_(make_net(options.bits)),
        batches_(train_set_, grid(), {.size = 50, .seed = 1}),
        test_batches_(test_set_, grid(), {.size = 50, .shuffle = false}),
        optimizer_(start(net_, batches_, options.bits), {.lr = 2e-3}),
        guided_step_(net_, optimizer_, guided_options()) {
    schedule_.epochs = 8;
    schedule_.schedule.kind = "one-cycle";
    const auto images = View<const std::uint8_t>(test_set_.images).slice(0, map_count);
    shown_.resize(images.shape());
    sgq::data::normalize<float>(images, grid(), shown_);
  }
  LiveTraining(const LiveTraining&) = delete; // members refer to each other
  LiveTraining& operator=(const LiveTraining&) = delete;

  index_t steps() const { return state_.step; }
  index_t last_step() const { return schedule_.epochs * batches_.count(); }
  bool done() const { return steps() == last_step(); }

  /// Throws value_error after the last step.
  sgq::train::StepResult step() {
    if (done()) throw sgq::value_error(sgq::describe("training", "a step to do", "none"));
    const auto run = [this](const auto& batch, const auto& at) {
      return options_.guided ? guided_step_(batch, at)
                             : sgq::train::train_step(net_, tape_, batch, optimizer_, at);
    };
    OneStep one; // fit() goes on from where it was stopped
    state_ = sgq::train::fit<float>(batches_, schedule_, run, state_, &one);
    return one.result;
  }

  /// Of the test set's 250 images.
  double accuracy() { return sgq::train::evaluate(net_, tape_, test_batches_).accuracy(); }

  /// PACT's alphas in the order of the layers; none at 32 bits.
  std::vector<float> clips() {
    std::vector<float> values;
    for (nn::ValueId i : nn::pact_layers(net_)) values.push_back(net_.layer(i).clip()->value()[0]);
    return values;
  }

  /// The test images that maps() explains, with evidence and labels.
  const sgq::data::Dataset& test_set() const { return test_set_; }

  /// |gradient| of the true class's logit [12, 28, 28].
  Tensor<float> maps() {
    sgq::saliency::Explainer<float> explain(net_, {.background = background()});
    const auto labels = std::span(test_set_.labels).first(static_cast<std::size_t>(map_count));
    return to_maps(sgq::saliency::gradient<float>(explain, shown_, labels),
                   sgq::saliency::Values::magnitude);
  }

  /// Of as many of each map's largest values as the digit has pixels, the share on the digit; the
  /// mean over the maps.
  double on_evidence(View<const float> maps) const {
    const auto masks = View<const std::uint8_t>(test_set_.evidence).slice(0, map_count);
    const Tensor<double> shares = sgq::saliency::relevance_rank(maps, masks);
    return std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size());
  }

  /// SHA-256 of the parameters, of maps(), and of the integer engine's logits of the same images
  /// (of the net's, at 32 bits).
  std::string digest() {
    io::Sha256 sum;
    for (const auto& p : net_.parameters()) sum.update(io::bytes_of(p.parameter->value()));
    sum.update(io::bytes_of(maps().view()));
    if (options_.bits == sgq::quant::fp32_bits)
      return sum.update(io::bytes_of(net_.forward(shown_, tape_))).hex();
    const sgq::infer::Engine engine(sgq::infer::export_integer(net_));
    Tensor<std::int32_t> logits({map_count, net_.classes()});
    engine.run(View<const std::uint8_t>(test_set_.images).slice(0, map_count), logits);
    return sum.update(io::bytes_of(logits.view())).hex();
  }

private:
  /// Stops fit() after one step and keeps what that step said.
  struct OneStep final : sgq::train::Callbacks {
    sgq::train::StepResult result;
    bool after_step(const sgq::train::TrainState&, const sgq::train::StepResult& r) override {
      result = r;
      return false;
    }
  };

  static nn::Net<float> make_net(int bits) {
    nn::Net<float> net = nn::lenet5<float>({.seed = 1});
    const std::string a = sgq::to_text(bits);
    nn::quantize(net, {.bits = sgq::quant::parse_bit_policy(a), .input = grid()});
    return net;
  }

  /// The net, whose clips have their first values now.
  static nn::Net<float>& start(nn::Net<float>& net, sgq::data::Batches<float>& batches, int bits) {
    if (bits != sgq::quant::fp32_bits) nn::calibrate(net, batches.batch(0).x);
    return net;
  }

  LiveOptions options_;
  sgq::data::Dataset train_set_ = sgq::data::synthetic(3000, 1, sgq::data::Split::train);
  sgq::data::Dataset test_set_ = sgq::data::synthetic(250, 1, sgq::data::Split::test);
  nn::Net<float> net_;
  sgq::data::Batches<float> batches_, test_batches_;
  sgq::train::Adamw<float> optimizer_;
  sgq::train::GuidedStep<float> guided_step_;
  nn::Tape<float> tape_;
  sgq::train::FitOptions schedule_{};
  sgq::train::TrainState state_{};
  Tensor<float> shown_;
};

} // namespace page
