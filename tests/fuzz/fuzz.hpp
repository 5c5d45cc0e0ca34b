// What the fuzz targets share. A target reads foreign bytes: it may throw sgq::error, and nothing
// else may happen. libFuzzer and the sanitizers see another exception, a hang, a wrong access and
// memory beyond a limit; require() adds what must hold of bytes that were accepted.
#pragma once

#include "sgq/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

namespace fuzz {

inline void require(bool good) {
  if (!good) std::abort();
}

/// Runs a reader; true if it accepted its input.
template <class F>
bool accepts(F&& read) {
  try {
    read();
    return true;
  } catch (const sgq::error& e) {
    require(*e.what() != '\0');
    return false;
  }
}

/// A file in memory with these bytes, for readers that take a path.
class File {
public:
  explicit File(std::string_view bytes) : fd_(memfd_create("fuzz", 0)) {
    require(fd_ >= 0 &&
            ::write(fd_, bytes.data(), bytes.size()) == static_cast<::ssize_t>(bytes.size()));
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(fd_); }
  std::string path() const { return "/proc/self/fd/" + sgq::to_text(fd_); }

private:
  int fd_;
};

} // namespace fuzz

/// void fuzz_one(std::string_view bytes), which each target defines.
#define FUZZ_TARGET(bytes)                                                                         \
  static void fuzz_one(std::string_view);                                                          \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {              \
    fuzz_one({reinterpret_cast<const char*>(data), size});                                         \
    return 0;                                                                                      \
  }                                                                                                \
  static void fuzz_one(std::string_view bytes)
