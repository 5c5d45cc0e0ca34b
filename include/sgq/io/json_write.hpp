// sgq/io/json_write.hpp -- from a JSON value to text that reads back as the same value.
//
// A real number gets the fewest digits that read back as the same double, and always a point or an
// exponent, which tells it from an integer. JSON has no NaN and no infinity: these become null.
#pragma once

#include "sgq/io/json_value.hpp"
#include "sgq/io/utf8.hpp"

#include <algorithm>
#include <cmath>

namespace sgq::io {

namespace detail {

inline void write_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const std::string text = to_text(value);
  out += text;
  if (text.find_first_of(".e") == text.npos) out += ".0";
}

/// In quotes. Throws value_error if the text is not UTF-8.
inline void write_string(std::string& out, std::string_view text) {
  static constexpr std::string_view special = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  out += '"';
  for (std::size_t i = 0, n = 0; i < text.size(); i += n) {
    n = utf8_length(text.substr(i));
    if (n == 0) throw value_error(describe("json string", "UTF-8", "a bad byte at " + to_text(i)));
    const std::size_t escape = special.find(text[i]);
    if (escape != special.npos) {
      out += '\\';
      out += letters[escape];
    } else if (static_cast<unsigned char>(text[i]) < 0x20) {
      out += "\\u00";
      out += "01"[text[i] >> 4];
      out += "0123456789abcdef"[text[i] & 15];
    } else {
      out.append(text, i, n);
    }
  }
  out += '"';
}

/// Two spaces for each level, one member on a line; an array without further levels on one line.
/// indent < 0: everything on one line, no spaces.
class JsonWriter {
public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void value(const Json& json, int indent) {
    if (json.is_array()) return array(json.as_array(), indent);
    if (json.is_object()) return object(json.as_object(), indent);
    if (json.is_string())
      write_string(out_, json.as_string());
    else if (json.is_bool())
      out_ += json.as_bool() ? "true" : "false";
    else if (json.is_int())
      out_ += to_text(json.as_int());
    else if (json.is_number())
      write_number(out_, json.as_double());
    else
      out_ += "null";
  }

private:
  void array(const Json::Array& elements, int indent) {
    const bool flat = std::none_of(elements.begin(), elements.end(),
                                   [](const Json& e) { return e.is_array() || e.is_object(); });
    list(elements, "[]", indent, flat, [&](const Json& e, int inner) { value(e, inner); });
  }

  void object(const Json::Object& members, int indent) {
    list(members, "{}", indent, members.empty(), [&](const Json::Member& m, int inner) {
      write_string(out_, m.first);
      out_ += inner < 0 ? ":" : ": ";
      value(m.second, inner);
    });
  }

  template <class List, class Write>
  void list(const List& items, const char* brackets, int indent, bool flat, const Write& write) {
    const int inner = indent < 0 ? indent : indent + 1;
    out_ += brackets[0];
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += flat && indent >= 0 ? ", " : ",";
      if (!flat) new_line(inner);
      write(item, inner);
      first = false;
    }
    if (!flat) new_line(indent);
    out_ += brackets[1];
  }

  void new_line(int indent) {
    if (indent >= 0) out_.append("\n").append(2 * static_cast<std::size_t>(indent), ' ');
  }

  std::string& out_;
};

} // namespace detail

/// On one line, without spaces: a row of a .jsonl file. Throws value_error on text that is not
/// UTF-8.
SGQ_COMPILE_ONCE std::string to_string(const Json& json) {
  std::string out;
  detail::JsonWriter(out).value(json, -1);
  return out;
}

/// Indented, and ended by a newline: for files that people read. Throws as to_string() does.
SGQ_COMPILE_ONCE std::string to_pretty_string(const Json& json) {
  std::string out;
  detail::JsonWriter(out).value(json, 0);
  return out + "\n";
}

} // namespace sgq::io
