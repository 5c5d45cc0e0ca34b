// What an exception says: tests check the words a user would read, not only the type.
#pragma once

#include <string>

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

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
