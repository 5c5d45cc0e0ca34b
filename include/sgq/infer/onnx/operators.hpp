// sgq/infer/onnx/operators.hpp -- the operators that exported nets are made of, as functions.
//
// Each appends a node to a model and returns the name of its value. Constants that belong to one
// value are named after it ("conv1/weight"), numbers that many share after themselves.
#pragma once

#include "sgq/core/shape.hpp"
#include "sgq/infer/onnx/model.hpp"
#include "sgq/io/dtype.hpp"

#include <span>

namespace sgq::infer::onnx {

template <class T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, float>)
    return Type::float32;
  else if constexpr (std::is_same_v<T, double>)
    return Type::float64;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return Type::uint8;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return Type::int8;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return Type::int32;
  else {
    static_assert(std::is_same_v<T, std::int64_t>, "an element type of ONNX");
    return Type::int64;
  }
}

/// [N, ...] of a shape whose first extent is the batch.
inline Extents with_open_batch(const Shape& s) {
  Extents extents = io::extents_of(s);
  extents[0] = batch;
  return extents;
}

class Operators {
public:
  Model& model() { return model_; }

  template <class T>
  std::string constant(const std::string& name, const Extents& extents, std::span<const T> values) {
    const View<const T> view(values.data(), {static_cast<index_t>(values.size())});
    return model_.constant(name, type_of<T>(), extents, io::bytes_of(view));
  }
  template <class T>
  std::string constant(const std::string& name, const Extents& extents,
                       const std::vector<T>& values) {
    return constant(name, extents, std::span<const T>(values));
  }
  /// One number per channel, to be broadcast over [N, C, H, W].
  template <class T>
  std::string per_channel(const std::string& name, const std::vector<T>& values) {
    return constant(name, {1, static_cast<index_t>(values.size()), 1, 1}, values);
  }
  /// A scalar; equal ones are stored once.
  template <class T>
  std::string number(T value) {
    constexpr const char* names[] = {"float", "uint8", "int8", "", "", "int32", "int64"};
    const int type = static_cast<int>(type_of<T>());
    const std::string name =
        std::string(type == 11 ? "double" : names[type - 1]) + "/" + to_text(value);
    if (numbers_.insert(name).second) constant(name, {}, std::vector<T>{value});
    return name;
  }

  std::string cast(const std::string& name, const std::string& x, Type to) {
    return model_.node("Cast", name, {x}, {{"to", static_cast<index_t>(to)}});
  }
  std::string binary(const char* op, const std::string& name, const std::string& a,
                     const std::string& b) {
    return model_.node(op, name, {a, b});
  }
  /// x limited to low .. high, both of x's type.
  std::string clip(const std::string& name, const std::string& x, const std::string& low,
                   const std::string& high) {
    return model_.node("Clip", name, {x, low, high});
  }
  std::string flatten(const std::string& name, const std::string& x) {
    return model_.node("Flatten", name, {x}, {{"axis", index_t{1}}});
  }

  /// Every stride-th row and column; new channels around the old ones are zero (ops/shortcut.hpp).
  std::string shortcut(const std::string& name, const std::string& x, const Shape& in,
                       const Shape& out, index_t stride, const std::string& zero) {
    std::string y = x;
    if (stride > 1)
      y = model_.node("Slice", name + "/strided",
                      {y, integers(name + "/from", {0, 0}), integers(name + "/to", {in[2], in[3]}),
                       integers(name + "/axes", {2, 3}),
                       integers(name + "/steps", {stride, stride})});
    const index_t before = (out[1] - in[1]) / 2, after = out[1] - in[1] - before;
    const std::string pads = integers(name + "/pads", {0, before, 0, 0, 0, after, 0, 0});
    return model_.node("Pad", name, {y, pads, zero}, {{"mode", std::string("constant")}});
  }

  std::string integers(const std::string& name, const std::vector<index_t>& values) {
    return constant(name, {static_cast<index_t>(values.size())}, values);
  }

private:
  Model model_;
  std::set<std::string> numbers_;
};

/// What a window looks at, as attributes of Conv and its kin.
inline Attributes window(index_t kernel_h, index_t kernel_w, index_t stride, index_t pad) {
  return {{"kernel_shape", Extents{kernel_h, kernel_w}},
          {"strides", Extents{stride, stride}},
          {"pads", Extents(4, pad)}};
}

} // namespace sgq::infer::onnx
