// sgq/core/shape.hpp -- the extents of a tensor, outermost first.
//
// Activations are NCHW: {batch, channels, height, width}. Convolution weights are OIHW:
// {out channels, in channels, kernel height, kernel width}. A fully connected layer sees {batch,
// features}. Everything is contiguous, so the shape alone gives every offset.
#pragma once

#include "sgq/core/error.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace sgq {

/// Signed, so that differences and downward loops need no care.
using index_t = std::int64_t;

class Shape {
public:
  static constexpr int max_rank = 4;

  constexpr Shape() = default;

  /// Throws shape_error on more than four extents, a negative one, or more than 2^62 elements.
  constexpr Shape(std::initializer_list<index_t> extents) {
    if (extents.size() > max_rank)
      throw shape_error(describe("shape", "at most 4 extents", to_text(extents.size())));
    for (index_t e : extents) extents_[static_cast<std::size_t>(rank_++)] = e;
    check();
  }

  constexpr int rank() const { return rank_; }
  constexpr index_t operator[](int i) const { return extents_[static_cast<std::size_t>(i)]; }

  /// Number of elements; 1 for a scalar (rank 0).
  constexpr index_t size() const {
    index_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= (*this)[i];
    return product;
  }

  /// Elements per step of the first extent: features of one image, weights of one filter.
  constexpr index_t stride() const {
    return rank_ == 0 || (*this)[0] == 0 ? 0 : size() / (*this)[0];
  }

  /// Elements of one channel plane: H*W of NCHW, 1 of {batch, features}.
  constexpr index_t plane() const {
    index_t product = 1;
    for (int i = 2; i < rank_; ++i) product *= (*this)[i];
    return product;
  }

  /// The same shape with another batch size. Throws shape_error as the constructor does, and
  /// without extents.
  constexpr Shape with_batch(index_t n) const {
    if (rank_ == 0) throw shape_error(describe("batch", "a shape with extents", "[]"));
    Shape s = *this;
    s.extents_[0] = n;
    s.check();
    return s;
  }

  constexpr bool operator==(const Shape&) const = default;

  /// "[64, 3, 32, 32]"
  std::string str() const {
    std::string text = "[";
    for (int i = 0; i < rank_; ++i) {
      if (i) text += ", ";
      text += to_text((*this)[i]);
    }
    return text + "]";
  }

private:
  constexpr void check() const {
    index_t room = index_t{1} << 62; // so that no product of extents overflows
    for (int i = 0; i < rank_; ++i) {
      const index_t e = (*this)[i];
      if (e < 0) throw shape_error(describe("shape", "extents >= 0", to_text(e)));
      if (e > room) throw shape_error(describe("shape", "at most 2^62 elements", str()));
      if (e > 0) room /= e;
    }
  }

  std::array<index_t, max_rank> extents_{};
  int rank_ = 0;
};

/// "[N, 3, 32, 32]": any number of images of that shape.
inline std::string batch_text(const Shape& image) {
  const std::string text = image.str();
  return "[N" + text.substr(text.find_first_of(",]"));
}

/// Throws shape_error unless x is one or more images of that shape, whose first extent is 1.
inline void check_batch(std::string_view what, const Shape& image, const Shape& x) {
  if (x.rank() == 0 || x[0] < 1 || x.with_batch(1) != image)
    throw shape_error(describe(what, batch_text(image), x.str(),
                               x.rank() + 1 == image.rank() ? "one image is a batch of 1" : ""));
}

/// Throws shape_error unless the two shapes are the same.
inline void check_shape(std::string_view what, const Shape& expected, const Shape& got,
                        std::string_view hint = {}) {
  if (expected != got) throw shape_error(describe(what, expected.str(), got.str(), hint));
}

} // namespace sgq
