// sgq/data/file.hpp -- reading a file that may be missing, cut short or not what its name says.
//
// The size is asked for first, and nothing is read or allocated that has not been compared with it.
// Every failure is an io_error that names the file, the offset, what was expected and what was got.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace sgq::data {

/// Larger files are refused: no set that is read whole into memory comes near it.
inline constexpr index_t max_file_bytes = index_t{1} << 32;

/// True where a file can be opened.
inline bool file_exists(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file) std::fclose(file);
  return file != nullptr;
}

class InputFile {
public:
  /// Opens for reading. `hint` ends every message about this file.
  explicit InputFile(std::string path, std::string hint = {})
      : path_(std::move(path)), hint_(std::move(hint)), file_(std::fopen(path_.c_str(), "rb")) {
    if (!file_) fail("a readable file", std::strerror(errno));
    const bool seekable = std::fseek(file_.get(), 0, SEEK_END) == 0;
    size_ = seekable ? static_cast<index_t>(std::ftell(file_.get())) : -1;
    // A directory opens, too, and reports a size; only reading from it fails.
    std::rewind(file_.get());
    const bool readable = size_ == 0 || std::fgetc(file_.get()) != EOF;
    if (size_ < 0 || !readable) fail("a regular file", "something that cannot be read");
    if (size_ == 0) fail("data", "an empty file");
    if (size_ > max_file_bytes)
      fail("at most " + to_text(max_file_bytes) + " bytes", to_text(size_));
    std::rewind(file_.get());
  }

  const std::string& path() const { return path_; }
  index_t size() const { return size_; }
  index_t offset() const { return offset_; }

  /// Reads n bytes on from the current offset.
  void read(void* to, index_t n) {
    if (n > size_ - offset_) fail(to_text(n) + " more bytes", to_text(size_ - offset_));
    const auto want = static_cast<std::size_t>(n);
    const std::size_t got = std::fread(to, 1, want, file_.get());
    if (got != want) // the file shrank meanwhile, or the disk failed
      fail(to_text(n) + " more bytes", to_text(got));
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
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_, hint_;
  std::unique_ptr<std::FILE, Close> file_;
  index_t size_ = 0, offset_ = 0;
};

} // namespace sgq::data
