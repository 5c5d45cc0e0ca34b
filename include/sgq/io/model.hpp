// sgq/io/model.hpp -- the parameters and running statistics of a net in a safetensors file.
//
//     save_model("out/model.safetensors", net, nn::to_metadata(spec));
//     Model<float> model = load_model("out/model.safetensors");   // net, spec, metadata
//
// The spec goes into the file's metadata, so that the net can be built again from the file alone.
// Equal nets give equal bytes: nothing of the run is stored, no time, host or thread count.
// Loading checks every tensor before it touches the net: names, types, shapes, and that all numbers
// are finite.
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

/// A tensor of the file, of this shape and finite.
template <class T>
Tensor<T> checked_tensor(const SafeTensors& file, const std::string& name, const Shape& shape) {
  Tensor<T> value(shape);
  file.load(name, value);
  if (const index_t bad = ops::find_nonfinite<T>(value); bad >= 0)
    fail_tensor(file, name, "finite numbers", to_text(value[bad]) + " at element " + to_text(bad));
  return value;
}

template <class T>
void check_no_other(const SafeTensors& file, const Stored<T>& known) {
  const auto has = [](const auto& list, const std::string& name) {
    return std::any_of(list.begin(), list.end(), [&](const auto& n) { return n.name == name; });
  };
  for (const auto& [name, tensor] : file.tensors())
    if (!has(known.parameters, name) && !has(known.buffers, name))
      fail_tensor(file, name, "only tensors of this net", "one that it does not have");
}

} // namespace detail

/// Copies the file's tensors to where they belong. The file must hold exactly these, with their
/// shapes and type and finite numbers; else io_error, which names the file and the tensor, and
/// nothing is changed.
template <class T>
void load_tensors(const SafeTensors& file, const Stored<T>& into) {
  std::vector<Tensor<T>> values;
  for (const auto& p : into.parameters)
    values.push_back(detail::checked_tensor<T>(file, p.name, p.parameter->shape()));
  for (const auto& b : into.buffers)
    values.push_back(detail::checked_tensor<T>(file, b.name, b.tensor->shape()));
  detail::check_no_other(file, into);
  auto value = values.begin();
  for (const auto& p : into.parameters) {
    std::copy(value->begin(), value->end(), p.parameter->edit().begin());
    ++value;
  }
  for (const auto& b : into.buffers) *b.tensor = std::move(*value++);
}

/// Writes the net, with the metadata and the version of sgq.
template <class T>
void save_model(const std::string& path, nn::Net<T>& net, const nn::Metadata& metadata) {
  SafeTensors file;
  file.metadata = metadata;
  file.metadata["format"] = "sgq model";
  file.metadata["version"] = version;
  add_tensors(file, stored(net));
  write_safetensors(path, file);
}

/// Loads the numbers of a file into a net with the same layers. Throws io_error.
template <class T>
void load_weights(const SafeTensors& file, nn::Net<T>& net) {
  load_tensors(file, stored(net));
  net.prepare();
}

template <class T>
struct Model {
  nn::Net<T> net;
  nn::ModelSpec spec;
  nn::Metadata metadata; ///< all pairs of the file
};

/// Builds the net that the file describes and loads its numbers. Throws io_error.
template <class T = float>
Model<T> load_model(const std::string& path) {
  const SafeTensors file = read_safetensors(path);
  try {
    const nn::ModelSpec spec = nn::spec_from_metadata(file.metadata);
    Model<T> model{nn::build_model<T>(spec), spec, file.metadata};
    load_weights(file, model.net);
    return model;
  } catch (const value_error& e) {
    throw io_error(path + ": " + e.what());
  }
}

} // namespace sgq::io
