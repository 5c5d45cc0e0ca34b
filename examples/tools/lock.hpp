// Keeps a second run out of a folder. Locks are given back when the process ends, however it does.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/regular_file.hpp"

#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <string>

namespace examples {

/// `how` is LOCK_EX or LOCK_SH. Throws io_error where another run has the lock. Where the file cannot
/// be opened, or its file system has no locks, the user has to be trusted.
inline void take_lock(const sgq::Descriptor& file, int how, const std::string& out) {
  if (file && ::flock(file.get(), how | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw sgq::io_error(sgq::describe("--out " + out, "a folder that no other run writes to",
                                      "one at work", "wait for it, or use another --out"));
}

/// One run at a time in a folder.
class FolderLock {
public:
  /// Throws io_error where another run is at work.
  explicit FolderLock(const std::string& out)
      : file_(out + "/.lock", O_RDWR | O_CREAT), others_(out + "/.lock", O_RDONLY) {
    take_lock(file_ ? file_ : others_, LOCK_EX, out);
  }

private:
  sgq::Descriptor file_, others_; // the second where another user made it
};

} // namespace examples
