// Samples and comparisons that several tests of quantisers use.
#pragma once

#include "golden/quant.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/quant/weight_quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sgq::quant::test {

/// scale * standard normal numbers that are exact in float, whatever T.
template <class T>
Tensor<T> gaussian(const Shape& shape, double scale, std::uint64_t seed) {
  Tensor<T> x(shape);
  const Random random(seed);
  for (index_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<T>(static_cast<float>(scale * random.normal(i)));
  return x;
}

/// A vector of tests/golden/quant.hpp.
template <class T>
Tensor<T> golden_tensor(const std::string& name) {
  const std::vector<double>& values = golden::quant.at(name);
  Tensor<T> t({static_cast<index_t>(values.size())});
  std::transform(values.begin(), values.end(), t.data(),
                 [](double v) { return static_cast<T>(v); });
  return t;
}

template <class T>
bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0;
}

/// The codes of w, which need no step or bring their own.
template <class T>
WeightCodes<T> quantized(const WeightQuantizer<T>& quantizer, const Tensor<T>& w) {
  WeightCodes<T> out;
  quantizer.quantize(w, quantizer.initial_step(w), out, "layer");
  return out;
}

/// How many codes are not integers of the grid.
template <class T>
int codes_off_grid(const Tensor<T>& codes, const QuantRange& grid) {
  int off = 0;
  for (T c : codes) {
    const int i = static_cast<int>(c);
    if (static_cast<T>(i) != c || i < grid.quant_min || i > grid.quant_max ||
        (!grid.has_zero && i % 2 == 0))
      ++off;
  }
  return off;
}

} // namespace sgq::quant::test
