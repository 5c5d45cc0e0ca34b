// sgq/io/stored_tensors.hpp -- named tensors of mixed types, as a file holds them.
//
//     SafeTensors file;
//     file.add("conv1.weight", weight);                          // any Tensor or View
//     file.metadata["net"] = "lenet5";
//     Tensor<float> copy = file.tensor<float>("conv1.weight");   // or an error that says why not
//     file.load("conv1.weight", weight);                         // into memory of the same shape
#pragma once

#include "sgq/io/dtype.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sgq::io {

/// A tensor of any element type and rank.
struct StoredTensor {
  DType dtype = DType::f32;
  Extents shape;
  std::string bytes; // row-major, little endian
};

/// The contents of a safetensors file.
class SafeTensors {
public:
  std::map<std::string, std::string> metadata;
  std::string origin = "safetensors"; // the file it was read from, for messages

  /// Throws value_error on a name that is taken, empty or reserved, or bytes unlike the shape.
  void add(std::string name, StoredTensor tensor) {
    if (name.empty() || name == "__metadata__" || find(name))
      throw value_error(describe(origin, "a new tensor name", "'" + name + "'"));
    if (std::any_of(tensor.shape.begin(), tensor.shape.end(), [](index_t e) { return e < 0; }))
      throw value_error(
          describe(origin + ", tensor '" + name + "'", "extents >= 0", str(tensor.shape)));
    if (byte_size(tensor.shape, tensor.dtype) != tensor.bytes.size())
      throw value_error(describe(origin + ", tensor '" + name + "'",
                                 "as many bytes as shape " + str(tensor.shape) + " needs",
                                 to_text(tensor.bytes.size())));
    tensors_.emplace(std::move(name), std::move(tensor));
  }

  /// The same for a Tensor or a View.
  template <class Values>
  void add(std::string name, const Values& values) {
    const auto view = as_view(values);
    using T = std::remove_cvref_t<decltype(*view.data())>;
    add(std::move(name),
        StoredTensor{dtype_of<T>(), extents_of(view.shape()), std::string(bytes_of(view))});
  }

  /// By name.
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const { return tensors_; }

  /// nullptr where there is none.
  const StoredTensor* find(std::string_view name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }

  /// A copy of a tensor of this element type and at most four extents. Throws io_error.
  template <class T>
  Tensor<T> tensor(std::string_view name) const {
    const StoredTensor& stored = typed<T>(name);
    const std::optional<Shape> shape = to_shape(stored.shape);
    if (!shape) fail(name, "at most 4 extents", str(stored.shape));
    Tensor<T> result;
    result.resize(*shape);
    copy(name, stored, result.view());
    return result;
  }

  /// Copies a tensor to where it belongs. Throws io_error unless type and shape are the same.
  template <class T>
  void load(std::string_view name, View<T> target) const {
    const StoredTensor& stored = typed<T>(name);
    if (to_shape(stored.shape) != target.shape())
      fail(name, "shape " + target.shape().str(), str(stored.shape));
    copy(name, stored, target);
  }
  template <class T>
  void load(std::string_view name, Tensor<T>& target) const {
    load(name, target.view());
  }

private:
  template <class T>
  const StoredTensor& typed(std::string_view name) const {
    const StoredTensor* stored = find(name);
    if (!stored) {
      const bool packed = name.ends_with(".weight") &&
                          find(std::string(name.substr(0, name.rfind('.'))) + ".codes") != nullptr;
      fail(name, "a tensor of this name",
           packed ? "packed codes alone, which serve inference" : "none");
    }
    if (stored->dtype != dtype_of<T>())
      fail(name, std::string(info(dtype_of<T>()).safetensors),
           std::string(info(stored->dtype).safetensors));
    return *stored;
  }

  template <class T>
  void copy(std::string_view name, const StoredTensor& stored, View<T> target) const {
    if (!copy_bytes(stored.bytes, target)) fail(name, "bytes 0 and 1", "another");
  }

  [[noreturn]] void fail(std::string_view name, const std::string& expected,
                         const std::string& got) const {
    throw io_error(describe(origin + ", tensor '" + std::string(name) + "'", expected, got));
  }

  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

/// Throws value_error, beginning with `what`, if metadata of the caller's use a name of the
/// library's own, which would be written over; not if they come from a file of this `format`, whose
/// names the library wrote itself.
inline void check_metadata(std::string_view what,
                           const std::map<std::string, std::string>& metadata,
                           std::initializer_list<const char*> own, std::string_view format = {}) {
  const auto said = metadata.find("format");
  if (said != metadata.end() && !format.empty() && said->second == format) return;
  for (const char* name : own)
    if (metadata.contains(name))
      throw value_error(describe(std::string(what) + ": metadata",
                                 "names other than the library's own",
                                 "'" + std::string(name) + "'"));
}

} // namespace sgq::io
