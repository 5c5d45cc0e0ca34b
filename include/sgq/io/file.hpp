// sgq/io/file.hpp -- whole files in, whole files out, and nothing in between.
//
// A file is a std::string of bytes. Writing goes to PATH.tmp in the same directory, is flushed to
// the disk and then renamed, so that whoever looks at PATH at any moment, after a kill or a power
// cut too, finds the old bytes or the new ones. A PATH.tmp that a killed run left behind is taken
// over by the next one. POSIX only.
#pragma once

#include "sgq/core/error.hpp"

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sgq::io {

namespace detail {

/// "read 'a/b.bin': expected an open file, got No such file or directory"
[[noreturn]] inline void fail(std::string_view verb, const std::string& path,
                              std::string_view expected, std::string_view got) {
  throw io_error(describe(std::string(verb).append(" '").append(path).append("'"), expected, got));
}

inline std::string reason() {
  return std::generic_category().message(errno);
}

/// A file descriptor that is closed when it goes out of scope.
class Descriptor {
public:
  Descriptor(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

  /// False where closing reports a write that failed late (network file systems do).
  bool close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

private:
  int fd_;
};

/// Writes all bytes, or returns false with errno set.
inline bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ::ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// True if the name still leads to the open file.
inline bool same_file(int fd, const std::string& path) {
  struct ::stat open {};
  struct ::stat named {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

inline std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// Makes the renaming itself durable. Some file systems cannot and say EINVAL.
inline bool sync_directory(const std::string& directory) {
  Descriptor d(directory, O_RDONLY | O_DIRECTORY);
  return d && (::fsync(d.get()) == 0 || errno == EINVAL);
}

} // namespace detail

/// The whole contents of a regular file of at most `limit` bytes. Throws io_error.
inline std::string read_file(const std::string& path, std::size_t limit = std::size_t{1} << 32) {
  // O_NONBLOCK: a named pipe without a writer is an error here, not an endless wait.
  detail::Descriptor file(path, O_RDONLY | O_NONBLOCK);
  if (!file) detail::fail("read", path, "a readable file", detail::reason());
  struct ::stat status {};
  if (::fstat(file.get(), &status) != 0) detail::fail("read", path, "its size", detail::reason());
  if (!S_ISREG(status.st_mode))
    detail::fail("read", path, "a regular file",
                 S_ISDIR(status.st_mode) ? "a directory" : "something else");

  const auto size = static_cast<std::size_t>(status.st_size);
  const auto check = [&](std::size_t n) {
    if (n > limit) detail::fail("read", path, "at most " + to_text(limit) + " bytes", to_text(n));
  };
  check(size);

  // The size is a hint (files under /proc say 0); one byte more than that finds the end.
  std::string bytes(size + 1, '\0');
  for (std::size_t used = 0;;) {
    if (used == bytes.size()) bytes.resize(2 * used + 4096);
    const ::ssize_t n = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) detail::fail("read", path, "data at byte " + to_text(used), detail::reason());
    used += static_cast<std::size_t>(n);
    check(used);
    if (n == 0) {
      bytes.resize(used);
      return bytes;
    }
  }
}

/// Replaces the file, or makes it. On any failure (io_error) the old file is untouched and the
/// temporary one removed. Two writers of one path take turns.
inline void write_file_atomically(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  for (;;) {
    detail::Descriptor file(temporary, O_WRONLY | O_CREAT | O_NOFOLLOW);
    if (!file) detail::fail("write", path, "a writable '" + temporary + "'", detail::reason());
    // A file system without locks answers at once: then two writers at a time are on their own.
    while (::flock(file.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
    if (!detail::same_file(file.get(), temporary)) continue; // renamed by another, meanwhile

    if (::ftruncate(file.get(), 0) == 0 && detail::write_all(file.get(), bytes) &&
        ::fsync(file.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0) {
      if (!detail::sync_directory(detail::directory_of(path)))
        detail::fail("write", path, "a directory that can be flushed", detail::reason());
      return;
    }
    const std::string cause = detail::reason();
    ::unlink(temporary.c_str());
    detail::fail("write", path, to_text(bytes.size()) + " bytes stored", cause);
  }
}

/// Adds one line (given without its newline) to the end of a file, and flushes it to the disk: for
/// logs of results, where a line that was added must survive. A last line that lacks its newline is
/// ended first. On failure (io_error) the file is cut back to what it was.
inline void append_line(const std::string& path, std::string_view line) {
  detail::Descriptor file(path, O_RDWR | O_CREAT | O_APPEND);
  if (!file) detail::fail("append to", path, "a writable file", detail::reason());
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  char last = '\n';
  if (size < 0 || (size > 0 && ::pread(file.get(), &last, 1, size - 1) != 1))
    detail::fail("append to", path, "a regular file", detail::reason());
  std::string text = last == '\n' ? "" : "\n";
  text.append(line).append("\n");
  if (detail::write_all(file.get(), text) && ::fsync(file.get()) == 0) return;
  const std::string cause = detail::reason();
  const bool restored = ::ftruncate(file.get(), size) == 0;
  detail::fail("append to", path, to_text(text.size()) + " bytes stored",
               restored ? cause : cause + ", and a torn last line");
}

} // namespace sgq::io
