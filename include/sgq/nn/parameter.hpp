// sgq/nn/parameter.hpp -- a trainable tensor and its gradient.
//
// The group says how an optimiser treats it: each group has its own learning rate and decay. Every
// write goes through edit(), which moves a version number on: that is how a quantised layer knows
// that its weight codes are stale.
#pragma once

#include "sgq/core/tensor.hpp"

#include <algorithm>
#include <string>

namespace sgq::nn {

/// weight: of a convolution or linear layer. bias: theirs. norm: gamma and beta of batch norm.
/// clip: a learnable range, PACT's alpha or LSQ's step.
enum class ParameterGroup { weight, bias, norm, clip };
inline constexpr int group_count = 4;

inline const char* name(ParameterGroup group) {
  constexpr const char* names[] = {"weight", "bias", "norm", "clip"};
  return names[static_cast<int>(group)];
}

template <class T>
class Parameter {
public:
  Parameter() = default;
  Parameter(ParameterGroup group, const Shape& shape, T value = T{})
      : group_(group), value_(shape, value), grad_(shape) {}

  ParameterGroup group() const { return group_; }
  const Shape& shape() const { return value_.shape(); }
  index_t size() const { return value_.size(); }
  bool empty() const { return value_.empty(); }

  View<const T> value() const { return value_.view(); }
  /// The values, to be written; marks everything derived from them as stale.
  View<T> edit() {
    ++version_;
    return value_.view();
  }
  View<T> grad() { return grad_.view(); }
  View<const T> grad() const { return grad_.view(); }

  /// True once somebody has overwritten the values that the constructor gave.
  bool written() const { return version_ > 1; }
  /// False for weights that are still all 0, and for clips that nobody has given a value.
  bool initialized() const {
    if (written() || empty()) return true;
    const View<const T> values = value();
    return group_ != ParameterGroup::clip &&
           (group_ != ParameterGroup::weight ||
            std::any_of(values.begin(), values.end(), [](T v) { return v != T{0}; }));
  }
  /// Counts the writes.
  std::uint64_t version() const { return version_; }

private:
  ParameterGroup group_ = ParameterGroup::weight;
  Tensor<T> value_, grad_;
  std::uint64_t version_ = 1;
};

/// A parameter or another stored tensor with the name it has in files, "conv1.weight".
template <class T>
struct NamedParameter {
  std::string name;
  Parameter<T>* parameter;
};
template <class T>
struct NamedBuffer {
  std::string name;
  Tensor<T>* tensor;
};

} // namespace sgq::nn
