// sgq/nn/quantize.hpp -- makes a real-valued net a quantised one, layer by layer.
//
//     Net<float> net = mnist_cnn();
//     quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = grid});
//     calibrate(net, first_batch);
//     train::Adamw<float> optimizer(net); // after quantize(): the layers are new
//
// Every convolution and linear layer gets the weight quantiser that the policy gives it, every ReLU
// becomes the PACT of the weight layer before it (one before the first stays), the input becomes
// pixel codes, and the bias of a linear last layer a multiple of its scale. Weights, biases, batch
// norm's parameters and alphas keep their values, so a trained net can be fine-tuned; LSQ's steps
// start anew.
#pragma once

#include "sgq/nn/activation.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/weights.hpp"
#include "sgq/quant/calibrate.hpp"
#include "sgq/quant/policy.hpp"
#include "sgq/quant/schemes.hpp"

#include <exception>
#include <optional>

namespace sgq::nn {

namespace detail {
/// noexcept, or GCC 12 sees members destroyed that were never made (short strings take no memory).
inline std::string default_weights() noexcept {
  return "sawb";
}
} // namespace detail

struct QuantizeOptions {
  quant::BitPolicy bits{};
  std::string weights = detail::default_weights(); ///< a name of quant::weight_schemes
  quant::PactGradient gradient = quant::PactGradient::paper;
  /// Where every alpha starts; PACT's paper takes 10. Unset, existing alphas keep their values and
  /// calibrate() must set new ones.
  std::optional<double> alpha{};
  /// The pixel codes of the input; needed unless the policy leaves the first layer in fp32.
  QuantParams input{};
};

/// The layers with weights, in order.
template <class T>
std::vector<ValueId> weight_layers(Net<T>& net) {
  std::vector<ValueId> layers;
  for (ValueId i = 1; i <= net.last(); ++i)
    if (net.layer(i).weights()) layers.push_back(i);
  return layers;
}

template <class T>
std::vector<std::string> weight_layer_names(Net<T>& net) {
  std::vector<std::string> names;
  for (ValueId i : weight_layers(net)) names.push_back(net.nodes()[i].name);
  return names;
}

namespace detail {
template <class T>
bool is_normalized(const Net<T>& net, ValueId layer) {
  for (const auto& node : net.nodes())
    if (!node.inputs.empty() && node.inputs[0] == layer && node.layer->normalizes()) return true;
  return false;
}

/// The quantiser of a weight layer, or null for real weights.
template <class T, class Make>
std::shared_ptr<const quant::WeightQuantizer<T>>
quantizer_for(const std::string& layer, const quant::LayerPolicy& policy, Make& make) {
  if (policy.symmetric) return std::make_shared<quant::Symmetric<T>>(policy.weight_bits);
  if (policy.weight_bits == quant::fp32_bits) return nullptr;
  std::shared_ptr<const quant::WeightQuantizer<T>> quantizer = make(layer, policy.weight_bits);
  if (!quantizer)
    throw value_error(describe("layer '" + layer + "'", "a weight quantiser", "none"));
  return quantizer;
}

/// Quantised layers that get real numbers where the policy promises codes, found by running one
/// image of zeros: after an activation of the user's own, for example. A net that cannot be run
/// says why when it is; quantize() has succeeded by then.
template <class T>
void warn_of_real_inputs(const Net<T>& net, const std::vector<ValueId>& layers,
                         const std::vector<quant::LayerPolicy>& policies,
                         std::vector<std::string>& warnings) {
  Tape<T> tape;
  const SharedBatch::Use whole(nullptr); // an image of its own, in a step that ranks share too
  try {
    net.forward(Tensor<T>(net.input_shape()), tape, Mode::infer());
  } catch (const std::exception& e) {
    return warnings.push_back(std::string("the quantised net cannot be run: ") + e.what());
  }
  for (ValueId i : layers) {
    const ValueId source = net.nodes()[i].inputs[0];
    const auto k = std::upper_bound(layers.begin(), layers.end(), source) - layers.begin();
    if (k > 0 && policies[static_cast<std::size_t>(k - 1)].activation_bits == quant::fp32_bits)
      continue; // as the policy of the weight layer before the source says
    if (net.nodes()[i].layer->precision().empty() || tape[source].out.max_code > 0) continue;
    warnings.push_back("layer '" + net.nodes()[i].name + "' has quantised weights, but its input " +
                       "from '" + net.nodes()[source].name + "' (" +
                       std::string(net.nodes()[source].layer->kind()) +
                       ") is real numbers: only a ReLU after the first layer with weights is " +
                       "replaced by a PACT");
  }
}
/// The ReLU or PACT that takes the activation's place. A clip keeps its value, unless the options
/// give another.
template <class T>
std::unique_ptr<Layer<T>> activation_for(Layer<T>& layer, int bits, const QuantizeOptions& given) {
  if (bits == quant::fp32_bits) return std::make_unique<Relu<T>>();
  PactOptions options{.bits = bits, .alpha = given.alpha, .gradient = given.gradient};
  if (const Parameter<T>* clip = layer.clip(); clip && clip->written() && !options.alpha)
    options.alpha = static_cast<double>(clip->value()[0]);
  return std::make_unique<Pact<T>>(options);
}

/// All that quantize() makes before it changes the net, so that a failure leaves it as it was.
template <class T>
struct QuantizePlan {
  std::vector<std::shared_ptr<const quant::WeightQuantizer<T>>> quantizers{}; ///< per weight layer
  std::vector<std::pair<ValueId, std::unique_ptr<Layer<T>>>> activations{};
  std::vector<std::string> warnings{};
};

inline void check_input(const std::vector<quant::LayerPolicy>& policies, const QuantParams& input,
                        index_t channels) {
  if (policies.empty()) throw value_error(describe("quantize", "a net with weights", "none"));
  if (!policies.front().pixel_input) return;
  if (!input)
    throw value_error(describe("quantize", "the quantisation parameters of the pixel codes", "none",
                               "set .input: scale and one zero point per channel"));
  check_quant_params("quantize", input, channels);
}

template <class T, class Make>
QuantizePlan<T> plan_quantization(Net<T>& net, const std::vector<ValueId>& layers,
                                  const std::vector<quant::LayerPolicy>& policies,
                                  const QuantizeOptions& options, Make& make) {
  QuantizePlan<T> plan;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    const std::string& name = net.nodes()[layers[k]].name;
    const bool last = k + 1 == layers.size();
    plan.quantizers.push_back(quantizer_for<T>(name, policies[k], make));
    Weights<T> trial = *net.layer(layers[k]).weights(); // throws where no codes stand for them
    if (const auto& q = plan.quantizers.back(); q && q->has_step())
      quant::moments<T>(trial.parameter().value(), name); // names the layer of a NaN
    trial.set_quantizer(plan.quantizers.back());
    trial.quantize(name);
    if (const auto& q = plan.quantizers.back();
        q && q->needs_batch_norm() && !last && !is_normalized(net, layers[k]))
      plan.warnings.push_back("layer '" + name + "': " + q->name() +
                              " fixes the gain of the weights, which only batch norm makes up "
                              "for; choose sawb or dorefa-rescaled");
    if (const auto& q = plan.quantizers.back(); q && q->bits() != policies[k].weight_bits)
      plan.warnings.push_back("layer '" + name + "': its quantiser " + q->name() + " has " +
                              to_text(q->bits()) + " bits, the policy says " +
                              to_text(policies[k].weight_bits));
    const ValueId end = last ? net.last() + 1 : layers[k + 1];
    for (ValueId i = layers[k] + 1; i < end; ++i)
      if (net.layer(i).replaceable())
        plan.activations.emplace_back(
            i, activation_for(net.layer(i), policies[k].activation_bits, options));
  }
  return plan;
}
} // namespace detail

/// Quantises the net by a policy; bits of 32 make a layer real-valued again. Returns warnings:
/// weight quantisers known to train badly here, and quantised layers that get real numbers where
/// the policy promises codes, or a net that cannot be run at all. Throws value_error on a policy
/// that names other layers, on impossible bits, on weights that no codes stand for, or if the
/// input's parameters are missing, and then leaves the net as it was.
///
/// make(layer's name, bits) returns the layer's weight quantiser, as a pointer that converts to
/// std::shared_ptr<const quant::WeightQuantizer<T>>: so your own quantiser gets into a net.
/// FirstLast::eight_bit, the default, does not ask it for the first and the last layer, which are
/// symmetric then; FirstLast::same asks it for every layer. options.weights is not read.
template <class T, class Make>
std::vector<std::string> quantize(Net<T>& net, const QuantizeOptions& options, Make&& make) {
  const std::vector<ValueId> layers = weight_layers(net);
  const auto policies = quant::resolve(options.bits, weight_layer_names(net));
  detail::check_input(policies, options.input, net.input_shape()[1]);
  auto plan = detail::plan_quantization(net, layers, policies, options, make);

  if (policies.front().pixel_input)
    net.input().set_grid(options.input);
  else
    net.input().clear_grid();
  for (std::size_t k = 0; k < layers.size(); ++k) {
    Weights<T>& weights = *net.layer(layers[k]).weights();
    weights.set_quantizer(std::move(plan.quantizers[k]));
    weights.set_integer_bias(weights.quantized() && k + 1 == layers.size());
  }
  net.layers_changed();
  for (auto& [i, layer] : plan.activations) net.replace(i, std::move(layer));
  net.quantize_weights();
  detail::warn_of_real_inputs(net, layers, policies, plan.warnings);
  return std::move(plan.warnings);
}

/// The same with one of the library's weight quantisers, options.weights.
template <class T>
std::vector<std::string> quantize(Net<T>& net, const QuantizeOptions& options) {
  return quantize(net, options, [&](const std::string&, int bits) {
    return quant::make_weight_quantizer<T>(options.weights, bits);
  });
}

/// The layers with a learnable clip, PACT, in order.
template <class T>
std::vector<ValueId> pact_layers(Net<T>& net) {
  std::vector<ValueId> layers;
  for (ValueId i = 1; i <= net.last(); ++i)
    if (net.layer(i).clip()) layers.push_back(i);
  return layers;
}

/// Which clips calibrate() sets.
enum class Clips {
  all,
  missing ///< those without a value; the others keep theirs
};

/// Sets every alpha to the 99.9 % quantile of the layer's positive pre-activations on a batch,
/// layer by layer in forward order, so that each sees the codes of those before it. Batch norm uses
/// the batch's statistics, which it does not keep; dropout drops nothing. In a step that ranks
/// share, x has the images of one, and each rank calibrates on those of all. Throws value_error on
/// a net without PACT, and on one whose weights were never set. If it throws, clips that had
/// values keep them; others may have got one, which Clips::missing then leaves alone.
template <class T>
void calibrate(Net<T>& net, ConstView<T> x, double quantile = 0.999, Clips which = Clips::all) {
  if (pact_layers(net).empty())
    throw value_error(describe("calibrate", "a net with PACT layers", "none",
                               "call quantize() first, on a net that has Relu layers, with "
                               "activations of fewer than 32 bits"));
  net.check_weights("calibrate");
  const auto sets = [&](const Parameter<T>& clip) {
    return which == Clips::all || !clip.written();
  };
  Arena::Scope scope(scratch());
  const Signal<T> all = gather_images(plain_signal(View<const T>(x)));
  const SharedBatch::Use whole(nullptr);
  Tape<T> tape;
  Tensor<T> v;
  Mode mode = Mode::train(Random(0));
  mode.dropout = false;
  net.start(all, tape, mode);
  std::vector<std::pair<Parameter<T>*, T>> before;
  try {
    for (ValueId i = 1; i <= net.last(); ++i) {
      if (Parameter<T>* clip = net.layer(i).clip(); clip && sets(*clip)) {
        const Signal<T>& in = tape[net.nodes()[i].inputs[0]].out;
        v.resize(in.shape);
        ops::materialise(in, v.view());
        const T alpha = quant::calibrate_alpha<T>(v, quantile, net.nodes()[i].name);
        quant::check_alpha(alpha);
        if (clip->written()) before.emplace_back(clip, clip->value()[0]);
        clip->edit()[0] = alpha;
      }
      net.run_layer(i, tape, mode);
    }
  } catch (...) {
    for (const auto& [clip, alpha] : before) clip->edit()[0] = alpha;
    throw;
  }
  net.quantize_weights(); // the clips have moved: passes from before are stale
}

} // namespace sgq::nn
