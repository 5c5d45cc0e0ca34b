// sgq/nn/model_file.hpp -- the parameters and running statistics of a net in a safetensors file.
//
//     save_model("out/model.safetensors", net, to_metadata(spec));
//     Model<float> model = load_model("out/model.safetensors");   // net, spec, metadata
//
// The spec goes into the file's metadata, so that the net can be built again from the file alone.
// Equal nets give equal bytes: nothing of the run is stored, no time, host or thread count.
// Loading checks every tensor before it touches the net: names, types, shapes, and that all numbers
// are finite, and that both nets compute with the same integers: 4-bit weights mean nothing in a
// 2-bit net. A net that is built from a file takes no more memory than the file's tensors justify,
// whatever the metadata say.
//
// load_weights() also takes files of others, PyTorch's for instance: a net of doubles takes F32,
// which loses nothing, and counters named "..num_batches_tracked" are passed over.
#pragma once

#include "sgq/nn/net_tensors.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/version.hpp"

namespace sgq::nn {

namespace detail {

/// Room for the value, the gradient and the codes of every number in the file, and for one image on
/// its way through the net.
template <class T>
std::uint64_t justified_bytes(const io::SafeTensors& file) {
  std::uint64_t numbers = 0;
  for (const auto& [name, tensor] : file.tensors())
    numbers += tensor.bytes.size() / io::info(tensor.dtype).bytes;
  return 3 * sizeof(T) * numbers + (16 << 20);
}

/// The net of the file's spec, with first weights. Throws io_error where the file's tensors are too
/// few for it; the memory is not taken then.
template <class T>
Net<T> build_described(const io::SafeTensors& file, const ModelSpec& spec) {
  const AllocationLimit limit("a net '" + spec.net + "' of width " + to_text(spec.options.width) +
                                  " with the file's tensors",
                              justified_bytes<T>(file));
  return build_model<T>(spec);
}

/// What net.precision() says, as a line for each layer.
inline std::string precision_text(const std::map<std::string, std::string>& layers) {
  std::string text;
  for (const auto& [layer, precision] : layers) text += layer + ": " + precision + "\n";
  return text;
}

/// The precision of the file's net: as its metadata say, or from its spec where an older sgq wrote
/// the file. Nothing for files of others.
template <class T>
std::optional<std::string> precision_of(const io::SafeTensors& file) {
  const auto said = file.metadata.find("precision");
  if (said != file.metadata.end()) return said->second;
  if (file.metadata.count("bits") == 0) return std::nullopt;
  return precision_text(build_described<T>(file, spec_from_metadata(file.metadata)).precision());
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

/// Writes the net, with the metadata, its layers' precision and the version of sgq.
template <class T>
void save_model(const std::string& path, Net<T>& net, const Metadata& metadata) {
  net.check_clips("save_model");
  io::SafeTensors file;
  file.metadata = metadata;
  file.metadata["format"] = "sgq model";
  file.metadata["version"] = version;
  file.metadata["precision"] = detail::precision_text(net.precision());
  add_tensors(file, stored(net));
  io::write_safetensors(path, file);
}

/// Loads the numbers of a file into a net with the same layers and the same precision. Throws
/// io_error.
template <class T>
void load_weights(const io::SafeTensors& file, Net<T>& net) {
  detail::check_precision(file, net);
  load_tensors(file, stored(net));
  net.quantize_weights();
}

template <class T>
struct Model {
  Net<T> net;
  ModelSpec spec;
  Metadata metadata; ///< all pairs of the file
};

/// Builds the net that the file describes and loads its numbers. Throws io_error, also where the
/// file's tensors are too few for such a net; the memory for it is not taken then.
template <class T = float>
Model<T> load_model(const io::SafeTensors& file) {
  try {
    const ModelSpec spec = spec_from_metadata(file.metadata);
    Model<T> model{detail::build_described<T>(file, spec), spec, file.metadata};
    load_weights(file, model.net);
    return model;
  } catch (const value_error& e) {
    throw io_error(file.origin + ": " + e.what());
  } catch (const shape_error& e) {
    throw io_error(file.origin + ": " + e.what());
  }
}
template <class T = float>
Model<T> load_model(const std::string& path) {
  return load_model<T>(io::read_safetensors(path));
}

} // namespace sgq::nn
