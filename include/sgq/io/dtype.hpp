// sgq/io/dtype.hpp -- the element types that files can hold, in one table, and tensors as bytes.
//
// Every file here is little endian, and so must be the machine.
#pragma once

#include "sgq/core/tensor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sgq::io {

static_assert(std::endian::native == std::endian::little, "files are copied as little endian");
static_assert(sizeof(bool) == 1, "a bool is stored as one byte");

enum class DType { f64, f32, i64, i32, i16, i8, u8, boolean };

/// One row of the table: how safetensors and NPY call a type, and its size in bytes.
struct DTypeInfo {
  DType dtype;
  std::string_view safetensors, npy;
  std::size_t bytes;
};

inline constexpr std::array<DTypeInfo, 8> dtypes = {{{DType::f64, "F64", "<f8", 8},
                                                     {DType::f32, "F32", "<f4", 4},
                                                     {DType::i64, "I64", "<i8", 8},
                                                     {DType::i32, "I32", "<i4", 4},
                                                     {DType::i16, "I16", "<i2", 2},
                                                     {DType::i8, "I8", "|i1", 1},
                                                     {DType::u8, "U8", "|u1", 1},
                                                     {DType::boolean, "BOOL", "|b1", 1}}};

constexpr const DTypeInfo& info(DType dtype) {
  return dtypes[static_cast<std::size_t>(dtype)];
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::i64;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::i16;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::i8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::u8;
  else {
    static_assert(std::is_same_v<T, bool>, "no file format here has this element type");
    return DType::boolean;
  }
}

/// A read-only view of anything that holds numbers.
template <class T>
View<const T> as_view(const Tensor<T>& tensor) {
  return tensor.view();
}
template <class T>
View<const std::remove_const_t<T>> as_view(View<T> view) {
  return view;
}

/// The memory of a tensor or view, to be hashed or written.
template <class Values>
std::string_view bytes_of(const Values& values) {
  const auto view = as_view(values);
  return {reinterpret_cast<const char*>(view.data()),
          static_cast<std::size_t>(view.size()) * sizeof(*view.data())};
}

/// Copies a file's bytes, as many as the target has, to where they belong. False, and nothing
/// copied, if T is bool and a byte is neither 0 nor 1.
template <class T>
bool copy_bytes(std::string_view bytes, View<T> target) {
  assert(bytes.size() == bytes_of(target).size());
  if constexpr (std::is_same_v<T, bool>)
    if (!std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0 || c == 1; }))
      return false;
  if (!bytes.empty()) std::memcpy(target.data(), bytes.data(), bytes.size());
  return true;
}

/// Extents in a file: any rank, so not yet a Shape.
using Extents = std::vector<index_t>;

/// "[64, 3, 32, 32]"
inline std::string str(const Extents& extents) {
  std::string text = "[";
  for (index_t e : extents) text.append(text.size() > 1 ? ", " : "").append(to_text(e));
  return text + "]";
}

inline Extents extents_of(const Shape& shape) {
  Extents extents;
  for (int i = 0; i < shape.rank(); ++i) extents.push_back(shape[i]);
  return extents;
}

/// Bytes of a tensor; nothing if an extent is negative or they are more than memory can have.
/// Zeros count as ones in that check, so that the extents are fit for a Shape.
inline std::optional<std::size_t> byte_size(const Extents& extents, DType dtype) {
  constexpr auto most = static_cast<index_t>(
      std::min<std::uint64_t>(std::uint64_t{1} << 62, std::numeric_limits<std::size_t>::max() / 2));
  auto total = static_cast<index_t>(info(dtype).bytes);
  bool empty = false;
  for (index_t e : extents) {
    empty = empty || e == 0;
    if (e < 0 || e > most / total) return std::nullopt;
    total *= std::max<index_t>(e, 1);
  }
  return empty ? 0 : static_cast<std::size_t>(total);
}

/// A Shape with these extents, or nothing if there are more than four. They must have a
/// byte_size().
inline std::optional<Shape> to_shape(const Extents& e) {
  switch (e.size()) {
  case 0:
    return Shape{};
  case 1:
    return Shape{e[0]};
  case 2:
    return Shape{e[0], e[1]};
  case 3:
    return Shape{e[0], e[1], e[2]};
  case 4:
    return Shape{e[0], e[1], e[2], e[3]};
  default:
    return std::nullopt;
  }
}

} // namespace sgq::io
