// sgq/nn/net_tensors.hpp -- the numbers of a net in a safetensors file, and out of it again.
//
//     io::SafeTensors file;
//     add_tensors(file, stored(net));       // "conv1.weight", "bn1.running_mean", ..
//     load_tensors(file, stored(net));
//
// Loading checks every tensor before it touches the net: names, types, shapes, that all numbers are
// finite, and that clips and variances are in their range.
#pragma once

#include "sgq/io/safetensors.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/ops/finite.hpp"

namespace sgq::nn {

/// Everything in a net, or an optimiser, that is stored: by the names it has in the file.
template <class T>
struct Stored {
  std::vector<NamedParameter<T>> parameters;
  std::vector<NamedBuffer<T>> buffers;
};

template <class T>
Stored<T> stored(Net<T>& net) {
  return {net.parameters(), net.buffers()};
}

template <class T>
void add_tensors(io::SafeTensors& file, const Stored<T>& what) {
  for (const auto& p : what.parameters) file.add(p.name, p.parameter->value());
  for (const auto& b : what.buffers) file.add(b.name, *b.tensor);
}

namespace detail {

[[noreturn]] inline void fail_tensor(const io::SafeTensors& file, const std::string& name,
                                     const std::string& expected, const std::string& got) {
  throw io_error(describe(file.origin + ", tensor '" + name + "'", expected, got));
}

/// F32 for a net of doubles.
template <class T>
bool widens(const io::StoredTensor* stored) {
  return std::is_same_v<T, double> && stored && stored->dtype == io::DType::f32;
}

/// A tensor of the file, of this shape and finite.
template <class T>
Tensor<T> checked_tensor(const io::SafeTensors& file, const std::string& name, const Shape& shape) {
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
void check_sign(const io::SafeTensors& file, const std::string& name, const Tensor<T>& values,
                bool positive) {
  for (T v : values)
    if (v < 0 || (positive && v == 0))
      fail_tensor(file, name, positive ? "numbers > 0" : "numbers >= 0", to_text(v));
}

/// PyTorch's count of the batches that a batch norm has seen: no part of what the net computes.
inline bool counts_batches(const std::string& name, const io::StoredTensor& tensor) {
  constexpr std::string_view end = ".num_batches_tracked";
  return std::string_view(name).ends_with(end) && tensor.dtype == io::DType::i64 &&
         tensor.bytes.size() == sizeof(std::int64_t) && tensor.shape.size() <= 1;
}

template <class T>
void check_no_other(const io::SafeTensors& file, const Stored<T>& known) {
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
void load_tensors(const io::SafeTensors& file, const Stored<T>& into) {
  std::vector<Tensor<T>> values;
  for (const auto& p : into.parameters) {
    values.push_back(detail::checked_tensor<T>(file, p.name, p.parameter->shape()));
    if (p.parameter->group() == ParameterGroup::clip)
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

} // namespace sgq::nn
