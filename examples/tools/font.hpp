// A bitmap font of 5 x 8 pixels for printable ASCII, drawn for this project: capitals are seven
// rows high, the eighth row is for what hangs below the line.
//
// A glyph is 40 bits, five a row, the top row first and its left pixel the highest bit.
#pragma once

#include <cstdint>

namespace examples::font {

inline constexpr int width = 5, height = 8;

// clang-format off
inline constexpr std::uint64_t glyphs[95] = {
    0x0000000000, 0x2108420080, 0x5280000000, 0x52beafa940, 0x23e8e2f880, 0xce44444e60,  //  !"#$%
    0x64a88ac9a0, 0x2100000000, 0x1110841040, 0x4104211100, 0x0289f22800, 0x0109f21000,  // &'()*+
    0x0000003188, 0x0001f00000, 0x0000003180, 0x0884442200, 0x74675cc5c0, 0x23084211c0,  // ,-./01
    0x74422223e0, 0x744260c5c0, 0x11952f8840, 0xfc3c10c5c0, 0x3221e8c5c0, 0xf844421080,  // 234567
    0x7462e8c5c0, 0x7462f08980, 0x0018c03180, 0x0018c03188, 0x1111041040, 0x003e0f8000,  // 89:;<=
    0x4104111100, 0x7442220080, 0x746f5bc1c0, 0x7463f8c620, 0xf463e8c7c0, 0x74610845c0,  // >?@ABC
    0xf46318c7c0, 0xfc21e843e0, 0xfc21e84200, 0x746178c5c0, 0x8c63f8c620, 0x71084211c0,  // DEFGHI
    0x3884214980, 0x8ca98a4a20, 0x84210843e0, 0x8eeb58c620, 0x8e7359ce20, 0x746318c5c0,  // JKLMNO
    0xf463e84200, 0x74631ac9a0, 0xf463ea4a20, 0x7460e0c5c0, 0xf908421080, 0x8c6318c5c0,  // PQRSTU
    0x8c63152880, 0x8c635aee20, 0x8c54454620, 0x8c54421080, 0xf8444443e0, 0x72108421c0,  // VWXYZ[
    0x8210410820, 0x70842109c0, 0x22a2000000, 0x000000001f, 0x4100000000, 0x001c17c5e0,  // \]^_`a
    0x842d98c7c0, 0x001d1845c0, 0x085b38cda0, 0x001d1fc1c0, 0x3251c42100, 0x001f18bc2e,  // bcdefg
    0x842d98c620, 0x20184211c0, 0x100c210a4c, 0x84254c5240, 0x61084211c0, 0x00355ad6a0,  // hijklm
    0x002d98c620, 0x001d18c5c0, 0x002d98e6d0, 0x001b38cda1, 0x002d984200, 0x001f0707c0,  // nopqrs
    0x42388424c0, 0x002318cda0, 0x002318a880, 0x00235ad540, 0x0022a22a20, 0x002318bc2e,  // tuvwxy
    0x003e2223e0, 0x32110420c0, 0x2108421080, 0x6084110980, 0x0013600000,  // z{|}~
};
// clang-format on

/// True where the glyph of c has ink, x in 0..4, y in 0..7. Other characters show as '?'.
constexpr bool ink(char c, int x, int y) {
  const int i = c >= ' ' && c <= '~' ? c - ' ' : '?' - ' ';
  return (glyphs[i] >> (5 * (height - 1 - y) + (width - 1 - x)) & 1) != 0;
}

} // namespace examples::font
