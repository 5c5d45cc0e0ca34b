// Shared by the fuzz targets. A reader may throw sgq::error and nothing else. libFuzzer and the
// sanitizers catch other exceptions, hangs, bad accesses and excess memory; require() states what
// must hold for accepted input.
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

/// What each target defines.
void fuzz_one(std::string_view bytes);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
