// What an exception says: tests check the words a user would read, not only the type.
#pragma once

#include "sgq/core/error.hpp"
#include "support/catch.hpp"

#include <initializer_list>
#include <string>
#include <utility>

/// The text of the Exception that f() throws; "" if it throws nothing (another type passes
/// through).
template <class Exception, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Exception& e) {
    return e.what();
  }
  return {};
}

/// The same of any error of the library's.
template <class F>
std::string refusal(F&& f) {
  return message_of<sgq::error>(std::forward<F>(f));
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The parts that the text does not have, and the text; "" if it has all of them.
inline std::string lacking(const std::string& text, std::initializer_list<std::string> parts) {
  if (text.empty()) return "no exception";
  std::string lacks;
  for (const std::string& part : parts)
    if (!contains(text, part)) lacks += "'" + part + "' ";
  return lacks.empty() ? lacks : lacks + "in: " + text;
}

/// Checks that the expression throws this type, and that the text has all of these parts.
#define CHECK_SAYS(expression, type, ...)                                                          \
  CHECK(lacking(message_of<type>([&] { static_cast<void>(expression); }), {__VA_ARGS__}) == "")
