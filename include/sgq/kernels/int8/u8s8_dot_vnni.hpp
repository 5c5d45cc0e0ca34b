// sgq/kernels/int8/u8s8_dot_vnni.hpp -- U8s8Dot by AVX-512 VNNI: vpdpbusd multiplies 64 pairs of
// bytes and adds them, four by four, to 16 sums of 32 bits. It widens by itself and cannot
// saturate.
//
// A tile is P positions by V panels. Each step loads V vectors of weights, broadcasts four bytes
// of each position, and does P * V multiplications; 16 sums hide the latency of five cycles of
// two units.
#pragma once

#include "sgq/kernels/int8/u8s8_dot.hpp"
#include "sgq/kernels/int8/vnni.hpp"

#if SGQ_X86
#include <immintrin.h>

#include <cstring>

namespace sgq::kernels {

/// One tile from position p and panel v on.
template <index_t P, index_t V>
[[SGQ_TARGET_VNNI]] void u8s8_dot_tile_vnni(const U8s8Dot& d, index_t p, index_t v) {
  __m512i sum[std::size_t(P)][std::size_t(V)];
  SGQ_UNROLL
  for (index_t j = 0; j < V; ++j) {
    const __m512i start = _mm512_loadu_si512(d.start + (v + j) * byte_panel);
    SGQ_UNROLL
    for (index_t i = 0; i < P; ++i) sum[i][j] = start;
  }
  const index_t panel = d.panel_size(), step = d.x_step;
  const std::int8_t* w = d.w + v * panel;
  for (index_t a = 0; a < d.rows; ++a) {
    const std::uint8_t* x = d.x + p * step + a * d.x_row;
    for (index_t g = 0; g < d.groups; ++g, x += 4, w += 64) {
      __m512i weights[std::size_t(V)];
      SGQ_UNROLL
      for (index_t j = 0; j < V; ++j) weights[j] = _mm512_loadu_si512(w + j * panel);
      SGQ_UNROLL
      for (index_t i = 0; i < P; ++i) {
        std::int32_t four;
        std::memcpy(&four, x + i * step, 4);
        const __m512i codes = _mm512_set1_epi32(four);
        SGQ_UNROLL
        for (index_t j = 0; j < V; ++j)
          sum[i][j] = _mm512_dpbusd_epi32(sum[i][j], codes, weights[j]);
      }
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < V; ++j)
      _mm512_storeu_si512(d.sums + (p + i) * d.outputs() + (v + j) * byte_panel, sum[i][j]);
  }
}

/// All positions of V panels: tiles of P, then of half as many for the rest.
template <index_t P, index_t V>
void u8s8_dot_column_vnni(const U8s8Dot& d, index_t p, index_t v) {
  for (; p + P <= d.positions; p += P) u8s8_dot_tile_vnni<P, V>(d, p, v);
  if constexpr (P > 1)
    if (p < d.positions) u8s8_dot_column_vnni<P / 2, V>(d, p, v);
}

inline void u8s8_dot_vnni(const U8s8Dot& d) {
  index_t v = 0;
  for (; v + 2 <= d.panels; v += 2) u8s8_dot_column_vnni<8, 2>(d, 0, v);
  if (v < d.panels) u8s8_dot_column_vnni<16, 1>(d, 0, v);
}

} // namespace sgq::kernels
#endif
