// The networks of the page in one file: LeNets of 32, 8, 4 and 2 bits, plain and saliency-guided.
//
//     guided.4.conv1.weight    I8, the codes of a quantised layer; F32 in a network of 32 bits
//     guided.4.conv1.scale     F32 [1], what a code is worth
//     guided.4.conv1.bias, ..  F32
//
// The page needs codes for its integer engine and for maps, and not the real numbers that training
// rounded to them. Codes compress to as many bits as they have, so the file takes a quarter of
// what the model files of the library would take.
#pragma once

#include "sgq/data/load.hpp"
#include "sgq/io/safetensors.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/train/saliency_guided.hpp"

namespace page {

using sgq::index_t, sgq::View;
namespace io = sgq::io;
namespace nn = sgq::nn;
namespace quant = sgq::quant;

inline constexpr int widths[] = {32, 8, 4, 2};
inline constexpr const char* trainings[] = {"plain", "guided"};
inline constexpr int net_count = 8;

/// Net i of the page: 0 to 3 are plain, 4 to 7 guided, each from 32 bits to 2.
inline int bits_of(int net) {
  return widths[net % 4];
}
inline std::string name_of(int net) {
  return std::string(trainings[net / 4]) + "." + sgq::to_text(bits_of(net));
}

inline sgq::QuantParams grid() {
  return sgq::data::normalization("synthetic");
}
/// What an image shows where nothing is: black, in units of network input.
inline std::vector<float> background() {
  return sgq::data::background_values("synthetic", grid());
}

/// How the guided networks are trained, here and on the page.
inline sgq::train::GuidedOptions guided_options() {
  return {.mask = {.fill = {.grid = grid()}}, .kl_attached = false};
}

/// Finds again the codes that its weights were made of: w = scale code.
class StoredCodes final : public quant::WeightQuantizer<float> {
public:
  StoredCodes(std::unique_ptr<const quant::WeightQuantizer<float>> maker, float scale)
      : maker_(std::move(maker)), scale_(scale) {}

  std::string name() const override { return maker_->name(); }
  int bits() const override { return maker_->bits(); }
  quant::QuantRange grid() const override { return maker_->grid(); }

  void quantize(View<const float> w, float, quant::WeightCodes<float>& out,
                std::string_view) const override {
    out.codes.resize(w.shape());
    for (index_t i = 0; i < w.size(); ++i) out.codes[i] = std::rint(w[i] / scale_);
    out.scale = scale_;
  }
  float backward(View<const float>, float, const quant::WeightCodes<float>&, View<const float> dwq,
                 View<float> dw) const override {
    for (index_t i = 0; i < dw.size(); ++i) dw[i] += dwq[i];
    return 0;
  }

private:
  std::unique_ptr<const quant::WeightQuantizer<float>> maker_;
  float scale_;
};

namespace detail {

/// The quantised weights whose parameter this is; null where it is another.
inline nn::Weights<float>* quantized(nn::Net<float>& net, const nn::Parameter<float>* parameter) {
  for (nn::ValueId i : nn::weight_layers(net)) {
    nn::Weights<float>* const w = net.layer(i).weights();
    if (&w->parameter() == parameter) return w->quantized() ? w : nullptr;
  }
  return nullptr;
}

/// "guided.4.conv1.weight" -> "guided.4.conv1.scale"
inline std::string scale_name(const std::string& weight) {
  return weight.substr(0, weight.rfind('.')) + ".scale";
}

/// The body's bits everywhere but in the weights of the first and the last layer, which have 8.
inline quant::BitPolicy policy(int bits) {
  const std::string a = sgq::to_text(bits);
  return quant::parse_bit_policy("w" + a + "a" + a + ",conv1=w8a" + a + ",fc3=w8a" + a,
                                 quant::FirstLast::same);
}

/// The one number of a tensor. Throws io_error.
inline float stored_scale(const io::SafeTensors& file, const std::string& name) {
  float scale = 0;
  file.load(name, View<float>(&scale, {1}));
  return scale;
}

/// Makes the quantiser of a layer out of its stored scale.
inline std::shared_ptr<const quant::WeightQuantizer<float>>
stored_codes(const io::SafeTensors& file, const std::string& prefix, const std::string& layer,
             int bits) {
  const bool end = layer == "conv1" || layer == "fc3";
  return std::make_shared<StoredCodes>(
      quant::make_weight_quantizer<float>(end ? "symmetric" : "sawb", bits),
      stored_scale(file, prefix + layer + ".scale"));
}

} // namespace detail

/// Adds a trained lenet5, which quantize() has given its bits (see policy()), or none.
inline void add_net(io::SafeTensors& file, int number, nn::Net<float>& net) {
  for (const auto& [name, parameter] : net.parameters()) {
    const std::string full = name_of(number) + "." + name;
    const nn::Weights<float>* const w = detail::quantized(net, parameter);
    if (!w) {
      file.add(full, parameter->value());
      continue;
    }
    const auto& codes = w->codes();
    sgq::Tensor<std::int8_t> bytes(codes.codes.shape());
    for (index_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::int8_t>(codes.codes[i]);
    file.add(full, bytes);
    file.add(detail::scale_name(full), View<const float>(&codes.scale, {1}));
  }
}

namespace detail {

/// Real numbers as they are, codes times their scale.
inline void load_parameter(const io::SafeTensors& file, const std::string& name,
                           nn::Parameter<float>& parameter) {
  const io::StoredTensor* const stored = file.find(name);
  if (!stored || stored->dtype != io::DType::i8) {
    file.load(name, parameter.edit());
    return;
  }
  const auto codes = file.tensor<std::int8_t>(name);
  sgq::check_shape(name, parameter.shape(), codes.shape());
  const float scale = stored_scale(file, scale_name(name));
  const View<float> w = parameter.edit();
  for (index_t i = 0; i < w.size(); ++i) w[i] = scale * static_cast<float>(codes[i]);
}

} // namespace detail

/// Builds it again. Throws io_error on a file without it.
inline nn::Net<float> load_net(const io::SafeTensors& file, int number) {
  const std::string prefix = name_of(number) + ".";
  nn::Net<float> net = nn::lenet5<float>({.initialize = false});
  for (const auto& [name, parameter] : net.parameters())
    detail::load_parameter(file, prefix + name, *parameter);
  if (bits_of(number) == quant::fp32_bits) return net;
  nn::quantize(net,
               {.bits = detail::policy(bits_of(number)),
                .alpha = quant::alpha_constant, // replaced below
                .input = grid()},
               [&](const std::string& layer, int bits) {
                 return detail::stored_codes(file, prefix, layer, bits);
               });
  for (nn::ValueId i : nn::pact_layers(net))
    file.load(prefix + net.nodes()[i].name + ".alpha", net.layer(i).clip()->edit());
  net.quantize_weights();
  return net;
}

} // namespace page
