// sgq/kernels/int8/u8s8_dot_neon.hpp -- U8s8Dot by the dot products of 64-bit ARM
// (kernels/int8/dots_neon.hpp).
//
// A tile is four positions by a panel: 16 registers of sums. A register of codes holds four groups,
// one per lane. So 64 dots need a load for each position, four loads of four registers of weights,
// and with sdot one more instruction per position.
//
// usmmla would do twice as much, but it wants eight bytes of an output side by side: two zips per
// two registers of weights would take back most of the gain.
#pragma once

#include "sgq/kernels/int8/dots_neon.hpp"
#include "sgq/kernels/int8/u8s8_dot.hpp"

#include <cstring>

#if SGQ_ARM
namespace sgq::kernels {

namespace detail {

/// A group: the codes of lane `lane` by 16 outputs' weights at w, which moves on. GCC would load
/// the weights of all four groups first, into registers that are not there; a w and a memory that
/// may have changed keep it from that.
template <bool i8mm, int lane, index_t P>
SGQ_INLINE void add_group(const std::int8_t*& w, const Bytes16* codes, Sums16 (*sum)[4]) {
  asm volatile("" : "+r"(w) : : "memory");
  const int8x16x4_t weights = vld1q_s8_x4(w);
  w += 4 * byte_panel;
  SGQ_UNROLL
  for (index_t j = 0; j < 4; ++j) {
    SGQ_UNROLL
    for (index_t i = 0; i < P; ++i)
      add_weights_by_codes<i8mm, lane>(sum[i][j], reinterpret_cast<Bytes16>(weights.val[j]),
                                       codes[i]);
  }
}

/// What the sums of panel v begin with.
template <bool i8mm>
SGQ_INLINE void first_sums(const U8s8Dot& d, index_t v, Sums16* first) {
  Sums16 less[4] = {};
  const std::int8_t* w = d.w + v * d.panel_size();
  for (index_t g = 0; !i8mm && g < d.rows * d.groups; ++g, w += 4 * byte_panel) {
    SGQ_UNROLL
    for (index_t j = 0; j < 4; ++j) {
      const Bytes16 weights = reinterpret_cast<const Simd<std::int8_t, 16>::loose*>(w)[j];
      subtract_weights(less[j], weights);
    }
  }
  const auto start =
      reinterpret_cast<const Simd<std::int32_t, 16>::loose*>(d.start + v * byte_panel);
  SGQ_UNROLL
  for (index_t j = 0; j < 4; ++j) first[j] = start[j] - less[j];
}

} // namespace detail

/// P positions by panel v.
template <bool i8mm, index_t P>
SGQ_INLINE void u8s8_dot_tile_neon(const U8s8Dot& d, index_t p, index_t v, const Sums16* first) {
  Sums16 sum[std::size_t(P)][4];
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < 4; ++j) sum[i][j] = first[j];
  }
  const index_t step = d.x_step;
  const std::int8_t* w = d.w + v * d.panel_size();
  for (index_t a = 0; a < d.rows; ++a) {
    const std::uint8_t* x = d.x + p * step + a * d.x_row;
    Bytes16 codes[std::size_t(P)];
    index_t g = d.groups;
    for (; g >= 4; g -= 4, x += 16) {
      SGQ_UNROLL
      for (index_t i = 0; i < P; ++i) {
        codes[i] = *reinterpret_cast<const Simd<std::int8_t, 16>::loose*>(x + i * step);
        detail::offset<i8mm>(codes[i]);
      }
      detail::add_group<i8mm, 0, P>(w, codes, sum);
      detail::add_group<i8mm, 1, P>(w, codes, sum);
      detail::add_group<i8mm, 2, P>(w, codes, sum);
      detail::add_group<i8mm, 3, P>(w, codes, sum);
    }
    for (; g > 0; --g, x += 4) {
      SGQ_UNROLL
      for (index_t i = 0; i < P; ++i) {
        std::int32_t four;
        std::memcpy(&four, x + i * step, 4);
        codes[i] = reinterpret_cast<Bytes16>(Sums16{four});
        detail::offset<i8mm>(codes[i]);
      }
      detail::add_group<i8mm, 0, P>(w, codes, sum);
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < 4; ++j)
      reinterpret_cast<Simd<std::int32_t, 16>::loose*>(d.sums + (p + i) * d.outputs() +
                                                       v * byte_panel)[j] = sum[i][j];
  }
}

/// Tiles of P positions, then of half as many for the rest.
template <bool i8mm, index_t P>
SGQ_INLINE void u8s8_dot_column_neon(const U8s8Dot& d, index_t p, index_t v, const Sums16* first) {
  for (; p + P <= d.positions; p += P) u8s8_dot_tile_neon<i8mm, P>(d, p, v, first);
  if constexpr (P > 1)
    if (p < d.positions) u8s8_dot_column_neon<i8mm, P / 2>(d, p, v, first);
}

template <bool i8mm>
SGQ_INLINE void u8s8_dot_neon(const U8s8Dot& d) {
  for (index_t v = 0; v < d.panels; ++v) {
    Sums16 first[4];
    detail::first_sums<i8mm>(d, v, first);
    u8s8_dot_column_neon<i8mm, 4>(d, 0, v, first);
  }
}

inline void u8s8_dot_dotprod(const U8s8Dot& d) {
  detail::run_dotprod<u8s8_dot_neon<false>, const U8s8Dot&>(d);
}
inline void u8s8_dot_i8mm(const U8s8Dot& d) {
  detail::run_i8mm<u8s8_dot_neon<true>, const U8s8Dot&>(d);
}

} // namespace sgq::kernels
#endif
