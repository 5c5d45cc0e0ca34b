// sgq/ops/reduce.hpp -- sums whose result depends on nothing but the numbers.
//
// A sum over n numbers is kept in 64-byte lanes, lane l adding x[l], x[l + L], x[l + 2L], ...; the
// lanes are added in double, in order. The lane count is fixed by the type, not by the machine, so
// every instruction set and every thread count gives the same bits, and the error of a sum of n
// floats is that of n / 16 additions.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

#include <cstring>
#include <type_traits>

namespace sgq::ops {

/// 64 bytes of lanes, 16 floats or 8 doubles, in registers of Bytes: an array of Register, which
/// loops over `registers` of them keep where they belong.
template <class T, int Bytes>
struct Lanes {
  using Register = typename kernels::Simd<T, Bytes>::type;
  static constexpr index_t width = kernels::Simd<T, Bytes>::lanes;
  static constexpr index_t registers = 64 / Bytes, count = width * registers;

  /// r = x[0 .. width), converted.
  template <class U>
  SGQ_INLINE static void load(const U* x, Register& r) {
    if constexpr (std::is_same_v<T, U>) {
      std::memcpy(&r, x, sizeof r);
    } else {
      T converted[std::size_t(width)];
      for (index_t l = 0; l < width; ++l) converted[l] = static_cast<T>(x[l]);
      std::memcpy(&r, converted, sizeof r);
    }
  }
  /// The lanes, added in double, in order.
  SGQ_INLINE static double fold(const Register* lanes) {
    T all[std::size_t(count)];
    std::memcpy(all, lanes, sizeof all);
    double total = 0;
    for (index_t l = 0; l < count; ++l) total += static_cast<double>(all[l]);
    return total;
  }
};

/// *sum = the sum of x[0..n), or of |x[i]|.
template <class T, bool Absolute = false>
struct SumRow {
  template <int Bytes>
  SGQ_INLINE static void run(const T* x, index_t n, double* sum) {
    using L = Lanes<T, Bytes>;
    typename L::Register lanes[L::registers] = {};
    index_t i = 0;
    for (; i + L::count <= n; i += L::count) {
      SGQ_UNROLL
      for (index_t r = 0; r < L::registers; ++r) {
        typename L::Register v;
        L::load(x + i + r * L::width, v);
        if constexpr (Absolute) v = v < 0 ? -v : v;
        lanes[r] += v;
      }
    }
    double total = L::fold(lanes);
    for (; i < n; ++i) total += static_cast<double>(Absolute && x[i] < T{0} ? -x[i] : x[i]);
    *sum = total;
  }
};

/// out[c] += the sum of x over batch and plane; x is [N, C, H, W] or [N, C].
template <class T>
void add_channel_sums(View<const T> x, View<T> out) {
  const index_t channels = x.shape()[1], plane = x.shape().plane();
  check_shape("channel sums", {channels}, out.shape());
  if (plane == 1) { // [N, F]: whole rows at a time
    for (index_t n = 0; n < x.shape()[0]; ++n)
      for (index_t c = 0; c < channels; ++c) out[c] += x[n * channels + c];
    return;
  }
  parallel_for(channels, [&](index_t c) {
    double total = 0;
    for (index_t n = 0; n < x.shape()[0]; ++n) {
      double row;
      kernels::for_registers<SumRow<T>>(x.data() + (n * channels + c) * plane, plane, &row);
      total += row;
    }
    out[c] += static_cast<T>(total);
  });
}

/// y += x, element by element.
template <class T>
SGQ_INLINE void add_row(const T* x, T* y, index_t n) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) y[i] += x[i];
}
template <class T>
void add_to(View<const T> x, View<T> y) {
  check_shape("add", y.shape(), x.shape());
  parallel_blocks(x.size(), 1 << 15, [&](index_t begin, index_t end) {
    kernels::for_isa<add_row<T>>(x.data() + begin, y.data() + begin, end - begin);
  });
}

/// y = x.
template <class T>
void copy_to(View<const T> x, View<T> y) {
  check_shape("copy", y.shape(), x.shape());
  parallel_blocks(x.size(), 1 << 15, [&](index_t begin, index_t end) {
    std::copy(x.data() + begin, x.data() + end, y.data() + begin);
  });
}

} // namespace sgq::ops
