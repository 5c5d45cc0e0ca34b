// sgq/io/model.hpp -- the parameters and running statistics of a net in a safetensors file.
//
//     save_model("out/model.safetensors", net, nn::to_metadata(spec));
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

#include "sgq/io/safetensors.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/ops/finite.hpp"
#include "sgq/version.hpp"

namespace sgq::io {

/// Everything in a net, or an optimiser, that is stored: by the names it has in the file.
template <class T>
struct Stored {
  std::vector<nn::NamedParameter<T>> parameters;
  std::vector<nn::NamedBuffer<T>> buffers;
};

template <class T>
Stored<T> stored(nn::Net<T>& net) {
  return {net.parameters(), net.buffers()};
}

template <class T>
void add_tensors(SafeTensors& file, const Stored<T>& what) {
  for (const auto& p : what.parameters) file.add(p.name, p.parameter->value());
  for (const auto& b : what.buffers) file.add(b.name, *b.tensor);
}

namespace detail {

[[noreturn]] inline void fail_tensor(const SafeTensors& file, const std::string& name,
                                     const std::string& expected, const std::string& got) {
  throw io_error(describe(file.origin + ", tensor '" + name + "'", expected, got));
}

/// F32 for a net of doubles.
template <class T>
bool widens(const StoredTensor* stored) {
  return std::is_same_v<T, double> && stored && stored->dtype == DType::f32;
}

/// A tensor of the file, of this shape and finite.
template <class T>
Tensor<T> checked_tensor(const SafeTensors& file, const std::string& name, const Shape& shape) {
  Tensor<T> value(shape);
  if (widens<T>(file.find(name))) {
    const auto narrow = checked_tensor<float>(file, name, shape);
    std::copy(narrow.begin(), narrow.end(), value.begin());
    return value;
  }
  file.load(name, value);
  if (const index_t bad = ops::find_nonfinite<T>(value); bad >= 0)
    fail_tensor(file, name, "finite numbers", to_text(value[bad]) + " at element " + to_text(bad));
  return value;
}

/// Throws io_error on a number that is negative, or 0 where that means nothing.
template <class T>
void check_sign(const SafeTensors& file, const std::string& name, const Tensor<T>& values,
                bool positive) {
  for (T v : values)
    if (v < 0 || (positive && v == 0))
      fail_tensor(file, name, positive ? "numbers > 0" : "numbers >= 0", to_text(v));
}

/// PyTorch's count of the batches that a batch norm has seen: no part of what the net computes.
inline bool counts_batches(const std::string& name, const StoredTensor& tensor) {
  constexpr std::string_view end = ".num_batches_tracked";
  return std::string_view(name).ends_with(end) && tensor.dtype == DType::i64 &&
         tensor.bytes.size() == sizeof(std::int64_t) && tensor.shape.size() <= 1;
}

/// Room for the value, the gradient and the codes of every number in the file, and for one image on
/// its way through the net.
template <class T>
std::uint64_t justified_bytes(const SafeTensors& file) {
  std::uint64_t numbers = 0;
  for (const auto& [name, tensor] : file.tensors())
    numbers += tensor.bytes.size() / info(tensor.dtype).bytes;
  return 3 * sizeof(T) * numbers + (16 << 20);
}

/// The net of the file's spec, with first weights. Throws io_error where the file's tensors are too
/// few for it; the memory is not taken then.
template <class T>
nn::Net<T> build_described(const SafeTensors& file, const nn::ModelSpec& spec) {
  const AllocationLimit limit("a net '" + spec.net + "' of width " + to_text(spec.options.width) +
                                  " with the file's tensors",
                              justified_bytes<T>(file));
  return nn::build_model<T>(spec);
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
std::optional<std::string> precision_of(const SafeTensors& file) {
  const auto said = file.metadata.find("precision");
  if (said != file.metadata.end()) return said->second;
  if (file.metadata.count("bits") == 0) return std::nullopt;
  return precision_text(
      build_described<T>(file, nn::spec_from_metadata(file.metadata)).precision());
}

/// Throws io_error, naming the first layer, unless the file's net computed with the same integers.
template <class T>
void check_precision(const SafeTensors& file, const nn::Net<T>& net) {
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

template <class T>
void check_no_other(const SafeTensors& file, const Stored<T>& known) {
  const auto has = [](const auto& list, const std::string& name) {
    return std::any_of(list.begin(), list.end(), [&](const auto& n) { return n.name == name; });
  };
  for (const auto& [name, tensor] : file.tensors())
    if (!has(known.parameters, name) && !has(known.buffers, name) && !counts_batches(name, tensor))
      fail_tensor(file, name, "only tensors of this net", "one that it does not have");
}

} // namespace detail

/// Copies the file's tensors to where they belong. The file must hold exactly these, with their
/// shapes and type (or F32 for doubles) and finite numbers in their range, and may hold PyTorch's
/// counters; else io_error, which names the file and the tensor, and nothing is changed.
template <class T>
void load_tensors(const SafeTensors& file, const Stored<T>& into) {
  std::vector<Tensor<T>> values;
  for (const auto& p : into.parameters) {
    values.push_back(detail::checked_tensor<T>(file, p.name, p.parameter->shape()));
    if (p.parameter->group() == nn::ParameterGroup::clip)
      detail::check_sign(file, p.name, values.back(), true);
  }
  for (const auto& b : into.buffers) {
    values.push_back(detail::checked_tensor<T>(file, b.name, b.tensor->shape()));
    if (b.name.ends_with(".running_var")) detail::check_sign(file, b.name, values.back(), false);
  }
  detail::check_no_other(file, into);
  auto value = values.begin();
  for (const auto& p : into.parameters) {
    std::copy(value->begin(), value->end(), p.parameter->edit().begin());
    ++value;
  }
  for (const auto& b : into.buffers) *b.tensor = std::move(*value++);
}

/// Writes the net, with the metadata, its layers' precision and the version of sgq.
template <class T>
void save_model(const std::string& path, nn::Net<T>& net, const nn::Metadata& metadata) {
  net.check_clips("save_model");
  SafeTensors file;
  file.metadata = metadata;
  file.metadata["format"] = "sgq model";
  file.metadata["version"] = version;
  file.metadata["precision"] = detail::precision_text(net.precision());
  add_tensors(file, stored(net));
  write_safetensors(path, file);
}

/// Loads the numbers of a file into a net with the same layers and the same precision. Throws
/// io_error.
template <class T>
void load_weights(const SafeTensors& file, nn::Net<T>& net) {
  detail::check_precision(file, net);
  load_tensors(file, stored(net));
  net.quantize_weights();
}

template <class T>
struct Model {
  nn::Net<T> net;
  nn::ModelSpec spec;
  nn::Metadata metadata; ///< all pairs of the file
};

/// Builds the net that the file describes and loads its numbers. Throws io_error, also where the
/// file's tensors are too few for such a net; the memory for it is not taken then.
template <class T = float>
Model<T> load_model(const SafeTensors& file) {
  try {
    const nn::ModelSpec spec = nn::spec_from_metadata(file.metadata);
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
  return load_model<T>(read_safetensors(path));
}

} // namespace sgq::io
