// sgq/kernels/simd/lane_sum.hpp -- sums whose result depends on nothing but the numbers.
//
// A sum over n numbers is kept in a fixed number of lanes, lane l adding x[l], x[l + L],
// x[l + 2L], ...; the lanes are added in double, in order. L is fixed by the kind of sum, not by
// the machine, so every instruction set and every thread count gives the same bits, and the error
// of a sum of n numbers is that of n / L additions.
//
// LaneSum is for loops that compilers vectorise by themselves. Lanes does the same in registers,
// for loops that they do not. Where n is no multiple of L, for_lanes gives the last numbers to the
// first lanes; loops over Lanes add them to the total, one by one and in order.
#pragma once

#include "sgq/kernels/simd/microkernel.hpp"

#include <cstring>
#include <type_traits>

namespace sgq::kernels {

/// A sum of doubles in 16 lanes: lane[l] += the elements l, l + 16, ...
struct LaneSum {
  static constexpr index_t lanes = 16;
  double lane[lanes] = {};

  SGQ_INLINE double total() const {
    double sum = 0;
    for (index_t l = 0; l < lanes; ++l) sum += lane[l];
    return sum;
  }
};

/// Calls add(i, l) for every element i of [0, n) and its lane l, sixteen elements at a time.
template <class F>
SGQ_INLINE void for_lanes(index_t n, F&& add) {
  index_t i = 0;
  for (; i + LaneSum::lanes <= n; i += LaneSum::lanes) {
    SGQ_SIMD
    for (index_t l = 0; l < LaneSum::lanes; ++l) add(i + l, l);
  }
  for (index_t l = 0; i + l < n; ++l) add(i + l, l);
}

/// Count lanes of T in registers of Bytes: an array of Register, which loops over `registers` of
/// them keep where they belong. 64 bytes are 16 floats or 8 doubles.
template <class T, int Bytes, index_t Count = index_t{64 / sizeof(T)}>
struct Lanes {
  using Register = typename Simd<T, Bytes>::type;
  static constexpr index_t width = Simd<T, Bytes>::lanes;
  static constexpr index_t count = Count, registers = Count / width;

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
  /// Each lane += its element of x[0 .. count).
  template <class U>
  SGQ_INLINE static void add(const U* x, Register* lanes) {
    SGQ_UNROLL
    for (index_t r = 0; r < registers; ++r) {
      Register v;
      load(x + r * width, v);
      lanes[r] += v;
    }
  }
  /// The lanes, added in double, in order.
  SGQ_INLINE static double total(const Register* lanes) {
    T all[std::size_t(count)];
    std::memcpy(all, lanes, sizeof all);
    double sum = 0;
    for (index_t l = 0; l < count; ++l) sum += static_cast<double>(all[l]);
    return sum;
  }
};

} // namespace sgq::kernels
