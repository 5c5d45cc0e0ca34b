// sgq/core/regular_file.hpp -- regular files, open for reading; anything else is refused.
//
// A named pipe, a device or a folder is an error at once: opening never waits, and reading always
// ends. POSIX only. On 32-bit systems, files beyond 2 GB need -D_FILE_OFFSET_BITS=64.
#pragma once

#include "sgq/core/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sgq {

/// Larger files are refused: nothing that is read whole into memory comes near 4 GiB, and a 32-bit
/// system has less.
inline constexpr std::uint64_t max_file_bytes =
    std::min<std::uint64_t>(std::uint64_t{1} << 32, std::numeric_limits<std::size_t>::max() / 4);

/// The error of the last system call: "Permission denied".
inline std::string system_reason() {
  return std::generic_category().message(errno);
}

/// "a named pipe", for messages.
inline std::string_view file_kind(::mode_t mode) {
  return S_ISREG(mode)    ? "a regular file"
         : S_ISDIR(mode)  ? "a directory"
         : S_ISFIFO(mode) ? "a named pipe"
         : S_ISSOCK(mode) ? "a socket"
                          : "a device";
}

/// A file descriptor that is closed when it goes out of scope. Opening never waits.
class Descriptor {
public:
  Descriptor(const std::string& path, int flags, ::mode_t mode = 0666)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode)) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

private:
  int fd_;
};

/// A regular file, open for reading from its beginning.
class RegularFile {
public:
  /// `what` and `hint` begin and end the message of the io_error that is thrown if the file cannot
  /// be opened.
  explicit RegularFile(const std::string& path, std::string_view what, std::string_view hint = {})
      : file_(checked(path, what, hint), O_RDONLY) {
    if (!file_) throw io_error(describe(what, "a readable file", system_reason(), hint));
    struct ::stat status {};
    if (::fstat(file_.get(), &status) != 0)
      throw io_error(describe(what, "its size", system_reason(), hint));
    if (!S_ISREG(status.st_mode))
      throw io_error(describe(what, "a regular file", file_kind(status.st_mode), hint));
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  /// When it was opened; files under /proc say 0.
  std::uint64_t size() const { return size_; }

  /// Reads up to n bytes on, fewer at the end of the file or where reading fails: see error().
  std::size_t read(void* to, std::size_t n) {
    std::size_t used = 0;
    while (used < n) {
      const ::ssize_t got = ::read(file_.get(), static_cast<char*>(to) + used, n - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error_ = system_reason();
      if (got <= 0) break;
      used += static_cast<std::size_t>(got);
    }
    return used;
  }

  /// Why the last read() stopped early; empty at the end of the file.
  const std::string& error() const { return error_; }

private:
  /// open() would take what stands before the zero byte.
  static const std::string& checked(const std::string& path, std::string_view what,
                                    std::string_view hint) {
    if (path.find('\0') != std::string::npos)
      throw io_error(describe(what, "a path", "one with a zero byte", hint));
    return path;
  }

  Descriptor file_;
  std::uint64_t size_ = 0;
  std::string error_;
};

} // namespace sgq
