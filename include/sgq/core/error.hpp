// sgq/core/error.hpp -- how the library says that something is wrong.
//
// Bad input raises an exception whose text has four parts: what was being done, what was expected,
// what was got, and (where one exists) a hint. The library never prints and never aborts.
#pragma once

#include "sgq/core/text.hpp"

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

/// "conv2d: expected 3 input channels, got 1 (hint: ...)"
inline std::string describe(std::string_view what, std::string_view expected, std::string_view got,
                            std::string_view hint = {}) {
  std::string text;
  text.append(what).append(": expected ").append(expected).append(", got ").append(got);
  if (!hint.empty()) text.append(" (hint: ").append(hint).append(")");
  return text;
}

} // namespace sgq
