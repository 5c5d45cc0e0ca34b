// sgq/core/text.hpp -- numbers as text and back: the shortest text that reads back as the same
// number, in every locale.
//
// std::to_chars and std::from_chars do this where the standard library has them for floating point;
// libc++ 13, the one of emscripten 3.1, does not. There a stream in the "C" locale takes their
// place.
#pragma once

#include "sgq/config.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#if defined(__cpp_lib_to_chars)
#define SGQ_FLOAT_CHARCONV 1
#else
#define SGQ_FLOAT_CHARCONV 0
#include "sgq/core/text_stream.hpp"
#endif

namespace sgq {

/// The shortest text that reads back as the number: "0.1", "1e-300", "64", "nan".
template <class Number>
std::string to_text(Number value) {
  static_assert(std::is_arithmetic_v<Number>);
  if constexpr (std::is_integral_v<Number>) {
    return std::to_string(value);
  } else {
#if SGQ_FLOAT_CHARCONV
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
#else
    return detail::stream_to_text(value);
#endif
  }
}

/// std::from_chars in base 10 for any number: reads the longest number at the start of
/// [first, last). On failure `value` is left as it is.
template <class Number>
std::from_chars_result from_text(const char* first, const char* last, Number& value) {
  if constexpr (std::is_integral_v<Number>) {
    return std::from_chars(first, last, value);
  } else {
#if SGQ_FLOAT_CHARCONV
    return std::from_chars(first, last, value);
#else
    return detail::stream_from_text(first, last, value);
#endif
  }
}

/// True if the whole text is one number, which goes to `value`.
template <class Number>
bool read_number(std::string_view text, Number& value) {
  const char* const end = text.data() + text.size();
  const auto read = from_text(text.data(), end, value);
  return read.ec == std::errc{} && read.ptr == end;
}

} // namespace sgq
