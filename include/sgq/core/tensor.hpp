// sgq/core/tensor.hpp -- Tensor owns numbers, View looks at them. Both are contiguous and NCHW.
//
// A View is a pointer and a shape, passed by value; View<const T> only reads. Functions take views,
// so they work on a tensor, on a slice of a batch, and on memory that somebody else owns.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/shape.hpp"

#include <algorithm>
#include <cassert>
#include <span>
#include <type_traits>

namespace sgq {

template <class T>
class View {
public:
  View() = default;
  View(T* data, Shape shape) : data_(data), shape_(shape) {}

  /// A view that may write converts to one that only reads.
  operator View<const T>() const requires(!std::is_const_v<T>) { return {data_, shape_}; }

  T* data() const { return data_; }
  const Shape& shape() const { return shape_; }
  index_t size() const { return shape_.size(); }
  bool empty() const { return size() == 0; }

  T* begin() const { return data_; }
  T* end() const { return data_ + size(); }

  T& operator[](index_t i) const {
    assert(0 <= i && i < size());
    return data_[i];
  }
  T& operator()(index_t row, index_t column) const {
    assert(shape_.rank() == 2);
    return (*this)[row * shape_[1] + column];
  }
  T& operator()(index_t n, index_t c, index_t h, index_t w) const {
    assert(shape_.rank() == 4);
    return (*this)[((n * shape_[1] + c) * shape_[2] + h) * shape_[3] + w];
  }

  /// Rows [first, first + count) of the outermost extent, e.g. some images of a batch.
  View slice(index_t first, index_t count) const {
    if (shape_.rank() == 0 || first < 0 || count < 0 || count > shape_[0] - first)
      throw shape_error(describe("slice", "rows within " + shape_.str(),
                                 to_text(first) + " + " + to_text(count)));
    return {data_ + first * shape_.stride(), shape_.with_batch(count)};
  }

  /// The same numbers under another shape of equal size.
  View reshape(const Shape& shape) const {
    if (shape.size() != size())
      throw shape_error(describe("reshape", "the size of " + shape_.str(), shape.str()));
    return {data_, shape};
  }

  void fill(std::remove_const_t<T> value) const { std::fill(begin(), end(), value); }

private:
  T* data_ = nullptr;
  Shape shape_{0};
};

/// A read-only parameter from which T is not deduced: another argument gives T, so a Tensor<T> or a
/// View<T> may be passed, as x in f(Net<T>& net, ConstView<T> x).
template <class T>
using ConstView = std::type_identity_t<View<const T>>;

template <class T>
class Tensor {
public:
  Tensor() = default;

  /// Zero-filled.
  explicit Tensor(const Shape& shape, T value = T{}) {
    resize(shape);
    fill(value);
  }

  Tensor(const Shape& shape, std::initializer_list<T> values) {
    if (static_cast<index_t>(values.size()) != shape.size())
      throw shape_error(describe("tensor of shape " + shape.str(),
                                 to_text(shape.size()) + " values", to_text(values.size())));
    resize(shape);
    std::copy(values.begin(), values.end(), data());
  }

  Tensor(const Tensor& other) { *this = other; }
  Tensor& operator=(const Tensor& other) {
    if (this != &other) copy_from(other.view());
    return *this;
  }
  Tensor(Tensor&& other) noexcept
      : buffer_(std::move(other.buffer_)), shape_(std::exchange(other.shape_, Shape{0})) {}
  Tensor& operator=(Tensor&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    shape_ = std::exchange(other.shape_, Shape{0});
    return *this;
  }

  /// Takes a new shape; contents are unspecified. Allocates only to grow.
  void resize(const Shape& shape) {
    buffer_.resize(shape.size());
    shape_ = shape;
  }

  void copy_from(View<const T> source) {
    resize(source.shape());
    std::copy(source.begin(), source.end(), data());
  }

  T* data() { return buffer_.data(); }
  const T* data() const { return buffer_.data(); }
  const Shape& shape() const { return shape_; }
  index_t size() const { return shape_.size(); }
  bool empty() const { return size() == 0; }

  View<T> view() { return {data(), shape_}; }
  View<const T> view() const { return {data(), shape_}; }
  operator View<T>() { return view(); }
  operator View<const T>() const { return view(); }
  std::span<T> span() { return {data(), static_cast<std::size_t>(size())}; }
  std::span<const T> span() const { return {data(), static_cast<std::size_t>(size())}; }

  T* begin() { return data(); }
  T* end() { return data() + size(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size(); }

  T& operator[](index_t i) { return view()[i]; }
  const T& operator[](index_t i) const { return view()[i]; }
  T& operator()(index_t row, index_t column) { return view()(row, column); }
  const T& operator()(index_t row, index_t column) const { return view()(row, column); }
  T& operator()(index_t n, index_t c, index_t h, index_t w) { return view()(n, c, h, w); }
  const T& operator()(index_t n, index_t c, index_t h, index_t w) const {
    return view()(n, c, h, w);
  }

  void fill(T value) { std::fill(begin(), end(), value); }

private:
  Buffer<T> buffer_;
  Shape shape_{0};
};

} // namespace sgq
