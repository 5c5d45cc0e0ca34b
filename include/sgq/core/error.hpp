// sgq/core/error.hpp -- how the library says that something is wrong.
//
// Bad input raises an exception whose text has four parts: what was being done, what was expected,
// what was got, and (where one exists) a hint. The library never prints and never aborts.
#pragma once

#include "sgq/core/text.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sgq {

/// Base of every exception that sgq throws on purpose.
class error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Tensor shapes or sizes that do not fit the operation.
class shape_error : public error {
public:
  using error::error;
};

/// A file that cannot be read, written or trusted. The text names the file, and the byte offset
/// where one is known.
class io_error : public error {
public:
  using error::error;
};

/// A value out of its range: an option, a label, a bit width, a NaN.
class value_error : public error {
public:
  using error::error;
};

namespace detail {
/// Adds a part of a message, which may quote a hostile file: cut short where it is very long, and
/// without characters that control a terminal.
inline void append_part(std::string& message, std::string_view part) {
  constexpr std::size_t most = 5000; // a path has at most 4096
  const std::size_t begin = message.size();
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(part[i]); };
  std::size_t end = std::min(part.size(), most);
  while (end < part.size() && end > 0 && (byte(end) & 0xc0) == 0x80) --end; // within a character
  message.append(part.substr(0, end));
  for (std::size_t i = 0; i < end; ++i) {
    const bool control = byte(i) == 0xc2 && i + 1 < end && byte(i + 1) < 0xa0; // U+0080 to U+009F
    if (control) message[begin + i + 1] = '?';
    if (control || byte(i) < 0x20 || byte(i) == 0x7f) message[begin + i] = '?';
  }
  if (end < part.size()) message.append("..");
}
} // namespace detail

/// "conv2d: expected 3 input channels, got 1 (hint: ...)"
inline std::string describe(std::string_view what, std::string_view expected, std::string_view got,
                            std::string_view hint = {}) {
  std::string text;
  detail::append_part(text, what);
  detail::append_part(text.append(": expected "), expected);
  detail::append_part(text.append(", got "), got);
  if (hint.empty()) return text;
  detail::append_part(text.append(" (hint: "), hint);
  return text.append(")");
}

} // namespace sgq
