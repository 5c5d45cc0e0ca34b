// sgq/nn/model_file.hpp -- a net in a safetensors file, from which it can be built again.
//
//     save_model("out/model.safetensors", net);
//     Model<float> model = load_model("out/model.safetensors");   // net, metadata, input, spec
//
// The metadata hold what defines the net (nn/net_json.hpp), so any net of the library's layers
// comes back from the file alone; layers and quantisers of your own come from factories that you
// hand over. Pairs of your own may be added, the spec of one of the library's models, the grid of
// the images and the names of the classes (to_metadata() of nn/spec.hpp makes these). Equal nets
// give equal bytes: nothing of the run is stored, no time, host or thread count.
//
// Loading checks all before it touches a net: layers, tensors, and that both nets compute with the
// same integers: 4-bit weights mean nothing in a 2-bit net. A net that is built from a file takes
// no more memory than the file's tensors justify, whatever the metadata say.
//
// load_weights() also takes files of others, PyTorch's for instance: a net of doubles takes F32,
// which loses nothing, and counters named "..num_batches_tracked" are passed over.
#pragma once

#include "sgq/nn/net_json.hpp"
#include "sgq/nn/net_tensors.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/version.hpp"

namespace sgq::nn {

namespace detail {

/// Room for the value, the gradient and the codes of every number in the file, all of it twice, as
/// quantize() tries its quantisers on a copy, and for one small image on its way through the net
/// (quantize() goes without a larger one).
template <class T>
std::uint64_t justified_bytes(const io::SafeTensors& file) {
  std::uint64_t numbers = 0;
  for (const auto& [name, tensor] : file.tensors())
    numbers += tensor.bytes.size() / io::info(tensor.dtype).bytes;
  return 6 * sizeof(T) * numbers + (16 << 20);
}

/// The net of the file's spec, with initial weights. Throws value_error where the file's tensors
/// are too few for it; the memory is not taken then.
template <class T>
Net<T> build_from_spec(const io::SafeTensors& file, const ModelSpec& spec) {
  const AllocationLimit limit("a net '" + spec.net + "' of width " + to_text(spec.options.width) +
                                  " with the file's tensors",
                              justified_bytes<T>(file));
  return build_model<T>(spec);
}

/// The same for the net of the file's layers, or of its spec where sgq 0.1 wrote it. Throws
/// io_error.
template <class T>
Net<T> build_described(const io::SafeTensors& file, const Factories<T>& own) {
  try {
    const auto format = file.metadata.find("format");
    if (format != file.metadata.end() && format->second == "sgq integer net")
      throw io_error(describe("format", "sgq model", format->second,
                              "infer::load_integer() reads integer nets"));
    if (format != file.metadata.end() && format->second.starts_with("sgq checkpoint"))
      throw io_error(describe("format", "sgq model", format->second,
                              "train::load_checkpoint() reads checkpoints; save_model() what is "
                              "trained"));
    const auto layers = file.metadata.find("layers");
    if (layers == file.metadata.end())
      return build_from_spec<T>(file, spec_from_metadata(file.metadata));
    const io::Json json = io::parse_json(layers->second, {.name = "layers"});
    const AllocationLimit limit("a net with the file's tensors", justified_bytes<T>(file));
    return net_from_json<T>(json, own);
  } catch (const error& e) {
    throw io_error(file.origin + ": " + e.what());
  }
}

/// What net.precision() says, as a line for each layer.
inline std::string precision_text(const std::map<std::string, std::string>& layers) {
  std::string text;
  for (const auto& [layer, precision] : layers) text += layer + ": " + precision + "\n";
  return text;
}

/// The precision of the file's net: as its metadata say, or from its spec where sgq 0.1 wrote the
/// file. Nothing for files of others.
template <class T>
std::optional<std::string> precision_of(const io::SafeTensors& file) {
  const auto said = file.metadata.find("precision");
  if (said != file.metadata.end()) return said->second;
  if (file.metadata.count("bits") == 0) return std::nullopt;
  return precision_text(build_described<T>(file, {}).precision());
}

/// Throws io_error, naming the first layer, unless the file's net computed with the same integers.
template <class T>
void check_precision(const io::SafeTensors& file, const Net<T>& net) {
  const std::optional<std::string> said = precision_of<T>(file);
  const auto now = net.precision();
  if (!said || *said == precision_text(now)) return;
  std::map<std::string, std::string> then, all = now;
  for (std::size_t at = 0; at < said->size();) {
    const std::size_t end = std::min(said->find('\n', at), said->size());
    const std::string line = said->substr(at, end - at);
    const std::size_t colon = std::min(line.find(": "), line.size());
    then[line.substr(0, colon)] = line.substr(std::min(colon + 2, line.size()));
    at = end + 1;
  }
  all.insert(then.begin(), then.end());
  const auto in = [](const auto& layers, const std::string& name) {
    const auto found = layers.find(name);
    return found == layers.end() ? std::string("real numbers") : found->second;
  };
  for (const auto& [layer, any] : all)
    if (in(now, layer) != in(then, layer))
      throw io_error(describe(file.origin + ", layer '" + layer + "'", in(now, layer),
                              in(then, layer),
                              then.empty() ? "load the weights before quantize()"
                                           : "quantize() the net as the file's was"));
}

} // namespace detail

/// Writes the net: its layers and their options, its numbers, the given metadata, the version of
/// sgq and, where the metadata do not say, the quantisation parameters of its training images.
/// Throws value_error, naming the layer, where one of your own does not override save() and where
/// a number is not finite or was never set, and on a net that was quantised for images normalised
/// otherwise than those it was trained on, or metadata that say so; a file at `path` is then left
/// as it was.
template <class T>
void save_model(const std::string& path, Net<T>& net, const Metadata& metadata = {}) {
  net.check_initialized("save_model");
  net.check_finite("save_model");
  io::check_metadata("save_model", metadata, {"format", "version", "precision", "layers"},
                     "sgq model");
  io::SafeTensors file;
  file.metadata = metadata;
  const auto zero = metadata.find("input_zero"); // that of a ModelSpec without a grid is empty
  const bool says =
      zero != metadata.end() ? !zero->second.empty() : metadata.count("input_scale") > 0;
  const QuantParams &images = net.identity()->trained_on, &input = net.input().grid();
  net.identity()->check_grid("save_model", input);
  if (says) net.identity()->check_grid("save_model, metadata", input_from_metadata(metadata));
  if (images && !input && !says)
    for (const auto& [key, value] : to_metadata(images)) file.metadata[key] = value;
  file.metadata["format"] = "sgq model";
  file.metadata["version"] = version;
  file.metadata["precision"] = detail::precision_text(net.precision());
  file.metadata["layers"] = io::to_string(to_json(net));
  add_tensors(file, stored(net));
  io::write_safetensors(path, file);
}

namespace detail {
/// Throws io_error on weights that no codes stand for. Their names begin with the prefix.
template <class T>
void check_codes(const io::SafeTensors& file, Net<T>& net, const std::string& prefix = "") {
  for (ValueId i = 1; i <= net.last(); ++i) {
    const Weights<T>* const own = net.layer(i).weights();
    if (!own || !own->quantized()) continue;
    const std::string& name = net.nodes()[i].name;
    Weights<T> trial = *own;
    std::vector<NamedParameter<T>> parameters;
    trial.collect(parameters);
    for (const auto& [local, p] : parameters) {
      const Tensor<T> value = checked_tensor<T>(file, prefix + name + "." + local, p->shape());
      std::copy(value.begin(), value.end(), p->edit().begin());
    }
    try {
      trial.quantize(name);
    } catch (const value_error& e) {
      throw io_error(file.origin + ": " + e.what());
    }
  }
}

/// The grid of the net's input, or of the file's pairs if the net is real-valued. Throws io_error.
template <class T>
QuantParams input_of(const io::SafeTensors& file, const Net<T>& net) {
  if (net.input().grid()) return net.input().grid();
  try {
    const QuantParams grid = input_from_metadata(file.metadata);
    if (grid) check_quant_params("images", grid, net.input_shape()[1]);
    return grid;
  } catch (const value_error& e) {
    throw io_error(file.origin + ": " + e.what());
  }
}
} // namespace detail

/// Loads the numbers of a file into a net with the same layers and the same precision, and with
/// them the grid of the images that they were trained on, if the file says it. Throws io_error, and
/// value_error while the net has averaged weights (train::WeightAverage::Use), which would replace
/// the file's at its end; either leaves the net as it was.
template <class T>
void load_weights(const io::SafeTensors& file, Net<T>& net) {
  net.identity()->check_own_numbers("load_weights");
  detail::check_precision(file, net);
  detail::check_codes(file, net);
  QuantParams trained_on = detail::input_of(file, net);
  load_tensors(file, stored(net));
  net.identity()->trained_on = std::move(trained_on);
  net.quantize_weights();
}

namespace detail {
template <class T>
struct ActivationBits final : Lowering<T> {
  std::vector<std::int64_t> bits;
  void other() override {}
  void pact(T, int n) override { bits.push_back(n); }
};
} // namespace detail

/// The bits of a net's layers: "fp32", "w4a4"; "w2..4a3" where they differ. As in a policy's name,
/// the first and the last of the layers with weights do not count, where there are others.
template <class T>
std::string bits_text(const Net<T>& net) {
  if (net.precision().empty()) return "fp32";
  std::vector<std::int64_t> weights;
  detail::ActivationBits<T> activations;
  for (const auto& node : net.nodes()) {
    if (const Weights<T>* w = node.layer->weights())
      weights.push_back(w->quantized() ? w->quantizer()->bits() : quant::fp32_bits);
    node.layer->lower(activations);
  }
  if (weights.size() > 2) weights = {weights.begin() + 1, weights.end() - 1};
  const auto range = [](const std::vector<std::int64_t>& bits) {
    if (bits.empty()) return to_text(quant::fp32_bits);
    const auto [low, high] = std::minmax_element(bits.begin(), bits.end());
    return to_text(*low) + (*low == *high ? "" : ".." + to_text(*high));
  };
  return "w" + range(weights) + "a" + range(activations.bits);
}

template <class T>
struct Model {
  Net<T> net;
  Metadata metadata;   ///< all pairs of the file
  QuantParams input{}; ///< the grid of its images; empty where the file does not say
  std::vector<std::string> class_names{}; ///< empty where the file does not say
  /// Where the net is one of the library's (nn/models.hpp); else null.
  std::shared_ptr<const ModelSpec> spec{};

  /// "resnet20"; of a net of your own the pair "net", if the file has one.
  std::string name() const {
    if (spec) return spec->net;
    const auto given = metadata.find("net");
    return given == metadata.end() ? "own net" : given->second;
  }
  /// "w4a4,conv3=w2a8", "fp32"; of a net of your own as bits_text().
  std::string bits() const { return spec ? quant::name(spec->quant.bits) : bits_text(net); }
};

namespace detail {

/// The spec in the file's pairs, if there is one and the net is what it describes.
template <class T>
std::shared_ptr<const ModelSpec> spec_of(const io::SafeTensors& file, const Net<T>& net) {
  try {
    ModelSpec spec = spec_from_metadata(file.metadata);
    if (to_json(build_from_spec<T>(file, spec)) == to_json(net))
      return std::make_shared<const ModelSpec>(std::move(spec));
  } catch (const error&) { // a net of the user's own, whose pairs mean something else
  }
  return nullptr;
}

} // namespace detail

/// Builds the net that the file defines and loads its numbers; `own` makes the layers and weight
/// quantisers of your own. Throws io_error, also where the file's tensors are too few for such a
/// net; the memory for it is not taken then.
template <class T = float>
Model<T> load_model(const io::SafeTensors& file, const Factories<T>& own = {}) {
  Model<T> model{detail::build_described<T>(file, own), file.metadata};
  load_weights(file, model.net);
  model.input = model.net.identity()->trained_on;
  model.class_names = class_names_from_metadata(file.metadata, model.net.classes());
  model.spec = detail::spec_of(file, model.net);
  return model;
}
template <class T = float>
Model<T> load_model(const std::string& path, const Factories<T>& own = {}) {
  return load_model<T>(io::read_safetensors(path), own);
}

} // namespace sgq::nn
