// sgq/data/file.hpp -- reading a file that may be missing, cut short or not what its name says.
//
// The size of the file is read first, and every read or allocation is checked against it.
// Every failure is an io_error that names the file, the offset, what was expected and what was got.
#pragma once

#include "sgq/core/regular_file.hpp"
#include "sgq/core/shape.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace sgq::data {

/// True where there is something of that name, be it a file or not.
inline bool file_exists(const std::string& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

/// True where there is a folder of that name.
inline bool is_folder(const std::string& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

class InputFile {
public:
  /// Opens for reading. `hint` ends every message about this file.
  explicit InputFile(std::string path, std::string hint = {})
      : path_(std::move(path)), hint_(std::move(hint)), file_(path_, path_ + ": at byte 0", hint_),
        size_(static_cast<index_t>(file_.size())) {
    if (size_ == 0) fail("data", "an empty file");
    if (file_.size() > max_file_bytes)
      fail("at most " + to_text(max_file_bytes) + " bytes", to_text(size_));
  }

  const std::string& path() const { return path_; }
  index_t size() const { return size_; }
  index_t offset() const { return offset_; }

  /// Reads n bytes on from the current offset.
  void read(void* to, index_t n) {
    if (n > size_ - offset_) fail(to_text(n) + " more bytes", to_text(size_ - offset_));
    const std::size_t got = file_.read(to, static_cast<std::size_t>(n));
    if (static_cast<index_t>(got) != n) // the file shrank meanwhile, or the disk failed
      fail(to_text(n) + " more bytes",
           to_text(got) + (file_.error().empty() ? "" : ", " + file_.error()));
    offset_ += n;
  }

  /// A 32-bit number, most significant byte first.
  std::uint32_t read_big_endian() {
    std::uint8_t b[4];
    read(b, 4);
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }

  /// "data/mnist/train-labels-idx1-ubyte: at byte 0: expected .., got .."
  [[noreturn]] void fail(const std::string& expected, const std::string& got,
                         index_t offset) const {
    throw io_error(describe(path_ + ": at byte " + to_text(offset), expected, got, hint_));
  }
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const {
    fail(expected, got, offset_);
  }

private:
  std::string path_, hint_;
  RegularFile file_;
  index_t size_, offset_ = 0;
};

} // namespace sgq::data
