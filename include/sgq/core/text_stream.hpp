// sgq/core/text_stream.hpp -- std::to_chars and std::from_chars of real numbers, through a stream.
//
// For standard libraries that lack them (core/text.hpp). Slower, and the text may be written in
// another way, but a finite number reads back as the same one.
#pragma once

#include "sgq/config.hpp"

#include <charconv>
#include <limits>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace sgq {

namespace detail {

/// The characters of a decimal number at the start of a text: -1.5e-3. 0 if there is none.
inline std::size_t decimal_length(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t first = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - first;
  };
  if (i < text.size() && text[i] == '-') ++i;
  std::size_t found = digits();
  if (i < text.size() && text[i] == '.') ++i, found += digits();
  if (found == 0) return 0;
  const std::size_t mantissa = i;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return mantissa;
  }
  return i;
}

/// std::from_chars through a stream.
template <class Real>
std::from_chars_result stream_from_text(const char* first, const char* last, Real& value) {
  const std::string_view text(first, static_cast<std::size_t>(last - first));
  const std::size_t length = decimal_length(text);
  if (length == 0) return {first, std::errc::invalid_argument};
  std::istringstream stream{std::string(text.substr(0, length))};
  stream.imbue(std::locale::classic());
  Real read{};
  const bool refused = !(stream >> read);
  // libc++ reads a denormal number, but calls it out of range.
  constexpr Real least_normal = std::numeric_limits<Real>::min();
  const bool tiny = read != 0 && read >= -least_normal && read <= least_normal;
  if (refused && !tiny) return {first + length, std::errc::result_out_of_range};
  value = read;
  return {first + length, std::errc{}};
}

/// std::to_chars through a stream: the fewest digits that read back as the value.
template <class Real>
std::string stream_to_text(Real value) {
  if (value != value) return "nan";
  if (value - value != 0) return value > 0 ? "inf" : "-inf";
  std::string text;
  for (int digits = 1; digits <= std::numeric_limits<Real>::max_digits10; ++digits) {
    std::ostringstream stream;
    stream.imbue(std::locale::classic());
    stream.precision(digits);
    stream << value;
    text = stream.str();
    Real again{};
    const auto read = stream_from_text(text.data(), text.data() + text.size(), again);
    if (read.ec == std::errc{} && again == value) break;
  }
  return text;
}

} // namespace detail

} // namespace sgq
