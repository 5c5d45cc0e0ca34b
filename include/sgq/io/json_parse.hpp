// sgq/io/json_parse.hpp -- from JSON text to a value, strictly (RFC 8259).
//
// Exactly one value of valid UTF-8 and nothing the RFC does not allow: no comment, no trailing
// comma, no NaN, no leading zero; no repeated key either. Depth and size are bounded, and memory is
// proportional to the text, so that a hostile file can do no harm.
#pragma once

#include "sgq/io/json_value.hpp"
#include "sgq/io/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <system_error>

namespace sgq::io {

/// How to read, and what to call the text in messages.
struct JsonOptions {
  std::string_view name = "json"; // the file, usually
  std::size_t offset = 0;         // where in that file the text begins
  int max_depth = 64;             // arrays and objects inside each other
  std::size_t max_bytes = 100'000'000;
  std::size_t max_values = 4'000'000; // a value of two bytes of text takes 40 of memory
};

namespace detail {

/// Recursive descent; one function for each rule of the grammar.
class JsonParser {
public:
  JsonParser(std::string_view text, const JsonOptions& options) : text_(text), options_(options) {}

  Json document() {
    if (text_.size() > options_.max_bytes)
      fail("at most " + to_text(options_.max_bytes) + " bytes of json", to_text(text_.size()));
    Json json = value(0);
    if (peek() != end) fail("the end of the text");
    return json;
  }

private:
  static constexpr int end = -1;

  int current() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : end; }

  /// The next character that is not white space, without taking it.
  int peek() {
    while (current() == ' ' || current() == '\n' || current() == '\r' || current() == '\t') ++at_;
    return current();
  }

  bool take(char c) {
    if (current() != c) return false;
    ++at_;
    return true;
  }

  Json value(int depth) {
    const int c = peek();
    if (++values_ > options_.max_values)
      fail("at most " + to_text(options_.max_values) + " values", "more");
    if ((c == '{' || c == '[') && depth == options_.max_depth)
      fail("at most " + to_text(options_.max_depth) + " levels", "more");
    switch (c) {
    case '{':
      return object(depth);
    case '[':
      return array(depth);
    case '"':
      return string();
    case 't':
      return word("true", true);
    case 'f':
      return word("false", false);
    case 'n':
      return word("null", nullptr);
    default:
      return number();
    }
  }

  Json word(std::string_view spelling, Json meaning) {
    if (text_.substr(at_, spelling.size()) != spelling) fail("a value");
    at_ += spelling.size();
    return meaning;
  }

  Json array(int depth) {
    Json::Array elements;
    take('[');
    if (peek() != ']') {
      do elements.push_back(value(depth + 1));
      while (peek() == ',' && take(','));
    }
    if (!take(']')) fail("',' or ']'");
    return elements;
  }

  Json object(int depth) {
    Json::Object members;
    std::vector<std::size_t> key_at; // for the message about a repeated key
    take('{');
    if (peek() != '}') {
      do {
        if (peek() != '"') fail("a key in quotes");
        key_at.push_back(at_);
        std::string key = string();
        if (peek() != ':') fail("':'");
        take(':');
        members.emplace_back(std::move(key), value(depth + 1));
      } while (peek() == ',' && take(','));
    }
    if (!take('}')) fail("',' or '}'");
    check_unique(members, key_at);
    return Json::from_members(std::move(members));
  }

  void check_unique(const Json::Object& members, const std::vector<std::size_t>& key_at) {
    std::vector<std::pair<std::string_view, std::size_t>> keys; // and where they stand
    for (const Json::Member& m : members) keys.emplace_back(m.first, key_at[keys.size()]);
    std::sort(keys.begin(), keys.end());
    for (std::size_t i = 1; i < keys.size(); ++i)
      if (keys[i - 1].first == keys[i].first) {
        at_ = keys[i].second;
        fail("different keys", clip(std::string(keys[i].first)) + " again");
      }
  }

  Json number() {
    const std::size_t begin = at_;
    const auto digits = [&] {
      if (current() < '0' || current() > '9') fail(at_ == begin ? "a value" : "a digit");
      while (current() >= '0' && current() <= '9') ++at_;
    };
    const bool negative = take('-');
    if (!take('0')) digits();
    bool real = false;
    if (take('.')) real = true, digits();
    if (take('e') || take('E')) {
      real = true;
      if (!take('+')) take('-');
      digits();
    }
    const char *first = text_.data() + begin, *last = text_.data() + at_;
    std::int64_t integer = 0;
    if (!real && std::from_chars(first, last, integer).ec == std::errc{} &&
        !(negative && integer == 0)) // -0 is a real number
      return integer;
    double result = 0;
    if (from_text(first, last, result).ec != std::errc{}) {
      const std::string digits_read = clip(text_.substr(begin, at_ - begin));
      at_ = begin;
      fail("a number that a double can hold", digits_read);
    }
    return result;
  }

  std::string string() {
    std::string out;
    for (take('"'); !take('"');) {
      const std::size_t n = utf8_length(text_.substr(at_, 4));
      if (current() == end) fail("'\"' to end the string");
      if (current() < 0x20) fail("control characters as \\u00..");
      if (n == 0) fail("UTF-8");
      if (take('\\')) {
        escape(out);
      } else {
        out.append(text_, at_, n);
        at_ += n;
      }
    }
    return out;
  }

  void escape(std::string& out) {
    static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const std::size_t i = at_ < text_.size() ? letters.find(text_[at_]) : letters.npos;
    if (i != letters.npos) {
      ++at_;
      out.push_back(meanings[i]);
      return;
    }
    const std::size_t begin = at_;
    unsigned code = hex4();
    if (code >= 0xd800 && code < 0xdc00 && take('\\')) { // half of a surrogate pair
      const unsigned low = hex4();
      code =
          low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff) : 0xd800;
    }
    if (code >= 0xd800 && code < 0xe000) {
      at_ = begin;
      fail("a pair of surrogates", "half of one");
    }
    append_utf8(out, code);
  }

  /// The four digits of \uXXXX.
  unsigned hex4() {
    if (!take('u')) fail("an escape of JSON");
    unsigned code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      unsigned digit = 0;
      const char* p = text_.data() + at_;
      if (at_ >= text_.size() || std::from_chars(p, p + 1, digit, 16).ec != std::errc{})
        fail("four hexadecimal digits");
      code = code << 4 | digit;
    }
    return code;
  }

  [[noreturn]] void fail(std::string_view expected, std::string got = {}) const {
    if (got.empty()) {
      const int c = current();
      if (c == end)
        got = "the end";
      else if (c > 0x20 && c < 0x7f)
        got.append("'").append(1, static_cast<char>(c)).append("'");
      else
        got = "byte value " + to_text(c);
    }
    const std::string where = to_text(options_.offset + at_);
    throw io_error(describe(std::string(options_.name) + ", byte " + where, expected, got));
  }

  std::string_view text_;
  const JsonOptions& options_;
  std::size_t at_ = 0, values_ = 0;
};

} // namespace detail

/// Reads one JSON value. Throws io_error with the byte offset of the first fault.
SGQ_COMPILE_ONCE Json parse_json(std::string_view text, const JsonOptions& options = {}) {
  return detail::JsonParser(text, options).document();
}

} // namespace sgq::io
