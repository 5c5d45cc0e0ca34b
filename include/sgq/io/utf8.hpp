// sgq/io/utf8.hpp -- UTF-8, one code point at a time.
#pragma once

#include "sgq/config.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace sgq::io::detail {

/// Length in bytes of the well-formed UTF-8 sequence at the start of the text (Unicode 15, table
/// 3-7: no overlong form, no surrogate, nothing above U+10FFFF); 0 if there is none.
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return within(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef)
    return within(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) &&
                   within(2, 0x80, 0xbf)
               ? 3
               : 0;
  if (lead >= 0xf0 && lead <= 0xf4)
    return within(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) &&
                   within(2, 0x80, 0xbf) && within(3, 0x80, 0xbf)
               ? 4
               : 0;
  return 0;
}

/// Adds the code point (at most U+10FFFF) to the text.
inline void append_utf8(std::string& out, unsigned code) {
  const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

/// The text, cut short if it is long: safe to quote in a message about a hostile file.
inline std::string clip(std::string_view text, std::size_t most = 80) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "..";
}

} // namespace sgq::io::detail
