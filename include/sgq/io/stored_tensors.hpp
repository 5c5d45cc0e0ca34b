// sgq/io/stored_tensors.hpp -- named tensors of mixed types, as a file holds them.
//
//     SafeTensors file;
//     file.add("conv1.weight", weight);                          // any Tensor or View
//     file.metadata["net"] = "lenet5";
//     Tensor<float> copy = file.tensor<float>("conv1.weight");   // or an error that says why not
//     file.load("conv1.weight", weight);                         // into memory of the same shape
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/io/dtype.hpp"
#include "sgq/io/file.hpp"

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sgq::io {

/// A tensor as a file holds it.
struct StoredTensor {
  std::string name;
  DType dtype = DType::f32;
  Extents shape;
  std::string bytes;
};

/// The contents of a safetensors file.
class SafeTensors {
public:
  std::map<std::string, std::string> metadata;
  std::string origin = "safetensors"; // the file it was read from, for messages

  /// Throws value_error on a name that is taken, empty or reserved, or bytes unlike the shape.
  void add(StoredTensor tensor) {
    if (tensor.name.empty() || tensor.name == "__metadata__" || find(tensor.name))
      throw value_error(describe(origin, "a new tensor name", "'" + tensor.name + "'"));
    const std::optional<std::size_t> bytes = byte_size(tensor.shape, tensor.dtype);
    if (bytes != tensor.bytes.size())
      throw value_error(describe(origin + ", tensor '" + tensor.name + "'",
                                 std::to_string(bytes.value_or(0)) + " bytes",
                                 std::to_string(tensor.bytes.size())));
    tensors_.push_back(std::move(tensor));
  }
  template <class T>
  void add(std::string name, View<const T> values) {
    Extents shape;
    for (int i = 0; i < values.shape().rank(); ++i) shape.push_back(values.shape()[i]);
    add({std::move(name), dtype_of<T>(), std::move(shape), std::string(bytes_of(values))});
  }
  template <class T>
  void add(std::string name, const Tensor<T>& values) {
    add(std::move(name), values.view());
  }

  /// In order of the file, or of addition.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

  /// nullptr where there is none.
  const StoredTensor* find(std::string_view name) const {
    for (const StoredTensor& t : tensors_)
      if (t.name == name) return &t;
    return nullptr;
  }

  /// A copy of a tensor of this element type and at most four extents. Throws io_error.
  template <class T>
  Tensor<T> tensor(std::string_view name) const {
    const StoredTensor& stored = typed<T>(name);
    const std::optional<Shape> shape = to_shape(stored.shape);
    if (!shape) fail(name, "at most 4 extents", str(stored.shape));
    Tensor<T> result;
    result.resize(*shape);
    copy(stored, result.view());
    return result;
  }

  /// Copies a tensor to where it belongs. Throws io_error unless type and shape are the same.
  template <class T>
  void load(std::string_view name, View<T> target) const {
    const StoredTensor& stored = typed<T>(name);
    if (to_shape(stored.shape) != target.shape())
      fail(name, "shape " + target.shape().str(), str(stored.shape));
    copy(stored, target);
  }
  template <class T>
  void load(std::string_view name, Tensor<T>& target) const {
    load(name, target.view());
  }

private:
  template <class T>
  const StoredTensor& typed(std::string_view name) const {
    const StoredTensor* stored = find(name);
    if (!stored) fail(name, "to be present", "a file without it");
    if (stored->dtype != dtype_of<T>())
      fail(name, std::string(info(dtype_of<T>()).safetensors),
           std::string(info(stored->dtype).safetensors));
    return *stored;
  }

  template <class T>
  void copy(const StoredTensor& stored, View<T> target) const {
    if constexpr (std::is_same_v<T, bool>) check_truth_values(stored);
    if (!stored.bytes.empty()) std::memcpy(target.data(), stored.bytes.data(), stored.bytes.size());
  }

  void check_truth_values(const StoredTensor& stored) const {
    for (char c : stored.bytes)
      if (c != 0 && c != 1) fail(stored.name, "bytes 0 and 1", std::to_string(+c));
  }

  [[noreturn]] void fail(std::string_view name, const std::string& expected,
                         const std::string& got) const {
    throw io_error(describe(origin + ", tensor '" + std::string(name) + "'", expected, got));
  }

  std::vector<StoredTensor> tensors_;
};

} // namespace sgq::io
