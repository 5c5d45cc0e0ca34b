// A quantised network as a small file, which the experiment keeps for measures to come:
// docs/results/full/SET/networks/CELL.safetensors.
//
//     NAME.codes, NAME.scale    U8 levels of b bits each, the lowest bits first; F32
//     everything else           as in a model file: biases, batch norm, clips, and the metadata
//
// The weights that training would go on from are not in it; evaluation, maps and the integer export
// read codes and scale alone, and give the same bits as the model file does.
#pragma once

#include "sgq/nn/model_file.hpp"

namespace examples {

namespace nn = sgq::nn;
namespace quant = sgq::quant;
namespace io = sgq::io;
using sgq::index_t;
using sgq::Shape;
using sgq::Tensor;
using sgq::View;

namespace detail {

/// Says that weights are codes already, by the grid of the quantiser that made them. The step is
/// their scale.
class StoredCodes final : public quant::WeightQuantizer<float> {
public:
  explicit StoredCodes(const quant::WeightQuantizer<float>& maker)
      : name_(maker.name()), bits_(maker.bits()), grid_(maker.grid()) {}

  std::string name() const override { return name_; }
  int bits() const override { return bits_; }
  quant::QuantRange grid() const override { return grid_; }
  bool has_step() const override { return true; }
  void quantize(View<const float> w, float step, quant::WeightCodes<float>& out,
                std::string_view) const override {
    out.codes.copy_from(w);
    out.scale = out.range = step;
  }
  float backward(View<const float>, float, const quant::WeightCodes<float>&, View<const float>,
                 View<float>) const override {
    throw sgq::value_error(
        sgq::describe("stored codes", "evaluation", "training", "train the model file"));
  }

private:
  std::string name_;
  int bits_;
  quant::QuantRange grid_;
};

inline Tensor<std::uint8_t> pack_codes(View<const float> codes, const quant::QuantRange& grid,
                                       int bits) {
  Tensor<std::uint8_t> packed({(codes.size() * bits + 7) / 8});
  for (index_t i = 0; i < codes.size(); ++i) {
    const int above = static_cast<int>(codes[i]) - grid.quant_min;
    const int level = grid.has_zero ? above : above / 2;
    for (int b = 0; b < bits; ++b) {
      const index_t at = i * bits + b;
      packed[at / 8] = static_cast<std::uint8_t>(packed[at / 8] | (level >> b & 1) << at % 8);
    }
  }
  return packed;
}

inline void unpack_codes(View<const std::uint8_t> packed, const quant::QuantRange& grid, int bits,
                         View<float> codes) {
  for (index_t i = 0; i < codes.size(); ++i) {
    int level = 0;
    for (int b = 0; b < bits; ++b) {
      const index_t at = i * bits + b;
      level |= (packed[at / 8] >> at % 8 & 1) << b;
    }
    codes[i] = static_cast<float>(grid.quant_min + (grid.has_zero ? level : 2 * level));
  }
}

/// Calls f(name, weights) for every layer with quantised weights.
template <class F>
void each_quantised(nn::Net<float>& net, F&& f) {
  for (const auto& node : net.nodes())
    if (nn::Weights<float>* w = node.layer->weights(); w && w->quantized()) f(node.name, *w);
}

/// Stored tensors without the weights and steps that codes replace.
inline nn::Stored<float> stored_beside_codes(nn::Net<float>& net) {
  nn::Stored<float> rest = nn::stored(net);
  each_quantised(net, [&](const std::string& layer, nn::Weights<float>&) {
    std::erase_if(rest.parameters, [&](const nn::NamedParameter<float>& p) {
      return p.name == layer + ".weight" || p.name == layer + ".step";
    });
  });
  return rest;
}

/// The layer's codes and scale in the file. Throws io_error or shape_error where they do not fit.
inline void put_codes(const io::SafeTensors& file, const std::string& layer,
                      nn::Weights<float>& w) {
  const quant::WeightQuantizer<float>& maker = *w.quantizer();
  const auto packed = file.tensor<std::uint8_t>(layer + ".codes");
  if (packed.size() != (w.shape().size() * maker.bits() + 7) / 8)
    throw sgq::io_error(sgq::describe(file.origin + ", " + layer, "codes of " + w.shape().str(),
                                      packed.shape().str()));
  const auto scale = file.tensor<float>(layer + ".scale");
  check_shape(layer + ".scale", Shape{1}, scale.shape());
  unpack_codes(packed, maker.grid(), maker.bits(), w.parameter().edit());
  w.set_quantizer(std::make_shared<StoredCodes>(maker));
  std::vector<nn::NamedParameter<float>> own;
  w.collect(own);
  own.back().parameter->edit()[0] = scale[0];
}

} // namespace detail

/// `metadata` are those of the model file.
inline void save_network(const std::string& path, nn::Net<float>& net,
                         const nn::Metadata& metadata) {
  io::SafeTensors file;
  file.metadata = metadata;
  detail::each_quantised(net, [&](const std::string& layer, nn::Weights<float>& w) {
    const auto& made = w.codes();
    file.add(layer + ".codes",
             detail::pack_codes(made.codes, w.quantizer()->grid(), w.quantizer()->bits()));
    Tensor<float> scale({1});
    scale[0] = made.scale;
    file.add(layer + ".scale", scale);
  });
  nn::add_tensors(file, detail::stored_beside_codes(net));
  io::write_safetensors(path, file);
}

/// The network, for evaluation. Throws io_error on a file that is damaged or another one.
inline nn::Model<float> load_network(const std::string& path) {
  const io::SafeTensors file = io::read_safetensors(path);
  io::SafeTensors rest; // without what is read here
  rest.origin = path;
  for (const auto& [name, stored] : file.tensors())
    if (!name.ends_with(".codes") && !name.ends_with(".scale")) rest.add(name, stored);
  std::uint64_t codes = 0;
  for (const auto& [name, stored] : file.tensors()) codes += 8 * stored.bytes.size();
  const sgq::AllocationLimit limit("a net with the file's codes",
                                   nn::detail::justified_bytes<float>(file) + 12 * codes);
  try {
    nn::Model<float> model{
        nn::net_from_json<float>(io::parse_json(file.metadata.at("layers"), {.name = "layers"})),
        file.metadata};
    nn::Net<float>& net = model.net;
    detail::each_quantised(net, [&](const std::string& layer, nn::Weights<float>& w) {
      detail::put_codes(file, layer, w);
    });
    net.layers_changed(); // the scales are parameters
    nn::load_tensors(rest, detail::stored_beside_codes(net));
    net.quantize_weights();
    model.input = net.input().grid();
    model.class_names = nn::class_names_from_metadata(file.metadata, net.classes());
    model.spec = std::make_shared<const nn::ModelSpec>(nn::spec_from_metadata(file.metadata));
    return model;
  } catch (const std::out_of_range&) {
    throw sgq::io_error(sgq::describe(path, "the layers of a net", "none"));
  } catch (const sgq::io_error&) {
    throw;
  } catch (const sgq::error& e) {
    throw sgq::io_error(path + ": " + e.what());
  }
}

/// A model file, or a small file as above. Throws io_error.
inline nn::Model<float> load_any_network(const std::string& path) {
  const io::SafeTensors file = io::read_safetensors(path);
  for (const auto& [name, stored] : file.tensors())
    if (name.ends_with(".codes")) return load_network(path);
  return nn::load_model(path);
}

} // namespace examples
