// sgq/io/file.hpp -- whole files in, whole files out, and nothing in between.
//
// A file is a std::string of bytes. Writing goes to PATH.sgq-tmp in the same directory, is flushed
// to the disk and then renamed, so that PATH has at any moment, after a kill or a power cut too,
// the old bytes or the new ones. A PATH.sgq-tmp that a killed run left behind is removed.
//
// A replaced file keeps its permissions and, where the system allows it, its owner and group;
// PATH.sgq-tmp has them before it has any bytes. A symbolic link stays: the file it points to is
// replaced. Character devices such as /dev/null are written to. Other special files are refused,
// and so are files without write permission, even for root. POSIX only.
#pragma once

#include "sgq/core/regular_file.hpp"

#include <cstdio>

#include <sys/file.h>

namespace sgq::io {

namespace detail {

/// "read 'a/b.bin': expected a readable file, got No such file or directory"
inline std::string action(std::string_view verb, const std::string& path) {
  return std::string(verb).append(" '").append(path).append("'");
}
[[noreturn]] inline void fail(std::string_view verb, const std::string& path,
                              std::string_view expected, std::string_view got,
                              std::string_view hint = {}) {
  throw io_error(describe(action(verb, path), expected, got, hint));
}

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

inline bool same_file(const struct ::stat& a, const struct ::stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

inline std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// Makes the renaming itself durable, where that is possible: some file systems cannot and say
/// EINVAL, and a directory that may not be read cannot be opened.
inline bool sync_directory(const std::string& directory) {
  Descriptor d(directory, O_RDONLY | O_DIRECTORY);
  if (!d) return errno == EACCES;
  return ::fsync(d.get()) == 0 || errno == EINVAL;
}

/// Where bytes will go, and what is there now.
struct Target {
  std::string path; ///< behind all symbolic links
  bool there = false;
  struct ::stat status {};
  bool device() const { return there && S_ISCHR(status.st_mode); }
};

/// Follows symbolic links; the last may name a file that does not exist yet.
inline void follow_links(std::string_view verb, const std::string& path, Target& target) {
  struct ::stat named {};
  for (int links = 0; ::lstat(target.path.c_str(), &named) == 0 && S_ISLNK(named.st_mode);) {
    if (target.path.rfind("/proc/", 0) == 0) // /dev/stdout leads there; its file is open elsewhere
      fail(verb, path, "a file by its own name", "a link of /proc");
    char text[4096];
    const ::ssize_t n = ::readlink(target.path.c_str(), text, sizeof text);
    if (n <= 0 || n == sizeof text || ++links > 40)
      fail(verb, path, "a symbolic link to a file", "one that cannot be followed");
    const std::string next(text, static_cast<std::size_t>(n));
    target.path = next[0] == '/' ? next : directory_of(target.path) + "/" + next;
  }
  // Both names must mean the same file, which links of /proc do not guarantee. If another writer
  // has replaced the file in between, a second look finds one file.
  for (int looks = 0; target.there && !same_file(named, target.status); ++looks)
    if (looks == 100 || ::stat(path.c_str(), &target.status) != 0 ||
        ::lstat(target.path.c_str(), &named) != 0)
      fail(verb, path, "a symbolic link that names its file", "'" + target.path + "'");
}

/// Throws io_error where nothing may be written.
inline Target target_of(std::string_view verb, const std::string& path) {
  if (path.find('\0') != std::string::npos) fail(verb, path, "a path", "one with a zero byte");
  if (path.empty() || path.back() == '/') fail(verb, path, "the name of a file", "none");
  Target target{path};
  target.there = ::stat(path.c_str(), &target.status) == 0;
  if (!target.there && errno != ENOENT)
    fail(verb, path, "a file, or room for one", system_reason());
  if (target.device()) return target;
  if (target.there) {
    const ::mode_t mode = target.status.st_mode;
    if (!S_ISREG(mode)) fail(verb, path, "a regular file", file_kind(mode));
    // Root could write, but the missing permission was intended.
    if ((mode & 0222) == 0 || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0)
      fail(verb, path, "a file that may be written", "a read-only one", "chmod u+w permits it");
  }
  follow_links(verb, path, target);
  return target;
}

/// Gives an empty file the owner, group and permissions of the old one. A group that cannot be
/// kept passes no permission on to the one in its place.
inline bool make_alike(int fd, const struct ::stat& now, const struct ::stat& old) {
  ::mode_t mode = old.st_mode & 07777;
  if (now.st_uid != old.st_uid && ::fchown(fd, old.st_uid, static_cast<::gid_t>(-1)) != 0)
    mode &= 0777;
  if (now.st_gid != old.st_gid && ::fchown(fd, static_cast<::uid_t>(-1), old.st_gid) != 0)
    mode = (mode & 0707) | (mode & 07) << 3;
  return (now.st_mode & 07777) == mode || ::fchmod(fd, mode) == 0;
}

inline void write_device(std::string_view verb, const std::string& path, std::string_view bytes) {
  Descriptor file(path, O_WRONLY);
  // From here on it may wait: a terminal takes some thousand bytes at a time.
  if (!file || ::fcntl(file.get(), F_SETFL, 0) != 0 || !write_all(file.get(), bytes))
    fail(verb, path, to_text(bytes.size()) + " bytes taken", system_reason());
}

/// PATH.sgq-tmp: locked, empty, and on its way to become the target.
inline Descriptor open_temporary(const std::string& path, const std::string& temporary,
                                 const Target& target) {
  const ::mode_t mode = target.there ? target.status.st_mode & 0600 : 0666;
  for (;;) {
    Descriptor file(temporary, O_WRONLY | O_CREAT | O_NOFOLLOW, mode);
    if (!file) fail("write", path, "a writable '" + temporary + "'", system_reason());
    struct ::stat open {};
    struct ::stat named {};
    if (::fstat(file.get(), &open) != 0 || !S_ISREG(open.st_mode))
      fail("write", path, "a regular file '" + temporary + "'", file_kind(open.st_mode));
    // A file system without locks answers at once; simultaneous writers are then not protected.
    while (::flock(file.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
    if (::fstat(file.get(), &open) != 0 || ::lstat(temporary.c_str(), &named) != 0 ||
        !same_file(open, named))
      continue; // renamed by another, meanwhile
    if (open.st_size == 0) {
      if (!target.there || make_alike(file.get(), open, target.status)) return file;
      const std::string cause = system_reason();
      ::unlink(temporary.c_str());
      fail("write", path, "the permissions of the old file", cause);
    }
    // Left behind by a killed run, and perhaps open elsewhere: not to be written into.
    if (::unlink(temporary.c_str()) != 0)
      fail("write", path, "no '" + temporary + "'", system_reason());
  }
}

} // namespace detail

/// The whole contents of a regular file of at most `limit` bytes. Throws io_error.
SGQ_COMPILE_ONCE std::string read_file(const std::string& path,
                                       std::uint64_t limit = max_file_bytes) {
  RegularFile file(path, detail::action("read", path));
  const auto check = [&](std::uint64_t n) {
    if (n > limit) detail::fail("read", path, "at most " + to_text(limit) + " bytes", to_text(n));
  };
  check(file.size());

  // The size is a hint; one byte more than that finds the end.
  std::string bytes(static_cast<std::size_t>(file.size()) + 1, '\0');
  for (std::size_t used = 0;;) {
    used += file.read(bytes.data() + used, bytes.size() - used);
    if (!file.error().empty())
      detail::fail("read", path, "data at byte " + to_text(used), file.error());
    check(used);
    if (used < bytes.size()) {
      bytes.resize(used);
      return bytes;
    }
    bytes.resize(2 * used + 4096);
  }
}

/// Replaces the file, or makes it. Until the new one is complete, any failure (io_error) leaves the
/// old file untouched and removes the temporary one. Two writers of one path take turns.
SGQ_COMPILE_ONCE void write_file_atomically(const std::string& path, std::string_view bytes) {
  const detail::Target target = detail::target_of("write", path);
  if (target.device()) return detail::write_device("write", path, bytes);
  const std::string temporary = target.path + ".sgq-tmp";
  const Descriptor file = detail::open_temporary(path, temporary, target);
  if (detail::write_all(file.get(), bytes) && ::fsync(file.get()) == 0 &&
      ::rename(temporary.c_str(), target.path.c_str()) == 0) {
    if (!detail::sync_directory(detail::directory_of(target.path)))
      detail::fail("write", path, "a directory that can be flushed", system_reason(),
                   "the new file is there, but a loss of power may undo it");
    return;
  }
  const std::string cause = system_reason();
  ::unlink(temporary.c_str());
  detail::fail("write", path, to_text(bytes.size()) + " bytes stored", cause);
}

/// Throws the io_error that writing to the path would throw for the file there, so that a program
/// can check before its work. Does not check whether the folder exists or has room.
inline void check_writable(const std::string& path) {
  detail::target_of("write", path);
}

/// Adds one line (given without its newline) to the end of a file, and flushes it to the disk: for
/// logs of results, where a line that was added must survive. A last line that lacks its newline is
/// ended first. On failure (io_error) the file is cut back to what it was.
SGQ_COMPILE_ONCE void append_line(const std::string& path, std::string_view line) {
  if (line.find('\n') != line.npos) detail::fail("append to", path, "one line", "several");
  const detail::Target target = detail::target_of("append to", path);
  std::string text = std::string(line) + "\n";
  if (target.device()) return detail::write_device("append to", path, text);
  Descriptor file(target.path, O_RDWR | O_CREAT | O_APPEND);
  if (!file) detail::fail("append to", path, "a writable file", system_reason());
  // One at a time, so that cutting back takes no line of another. Without locks this is not sure.
  while (::flock(file.get(), LOCK_EX) != 0 && errno == EINTR) {
  }
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  char last = '\n';
  if (size < 0 || (size > 0 && ::pread(file.get(), &last, 1, size - 1) != 1))
    detail::fail("append to", path, "a regular file", system_reason());
  if (last != '\n') text.insert(0, "\n");
  if (detail::write_all(file.get(), text) && ::fsync(file.get()) == 0) {
    if (!target.there && !detail::sync_directory(detail::directory_of(target.path)))
      detail::fail("append to", path, "a directory that can be flushed", system_reason(),
                   "the line is there, but a loss of power may undo it");
    return;
  }
  const std::string cause = system_reason();
  const bool restored = ::ftruncate(file.get(), size) == 0;
  detail::fail("append to", path, to_text(text.size()) + " bytes stored",
               restored ? cause : cause + ", and a torn last line");
}

} // namespace sgq::io
