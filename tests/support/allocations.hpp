// Counts every operator new of the test program, and its bytes. Replaces the global operators, so
// exactly one file of a program includes it. (OpenMP's own bookkeeping does not go through them.)
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace allocations {

inline std::atomic<long> count{0};
inline std::atomic<std::size_t> bytes_taken{0};

inline void* counted(std::size_t bytes, std::size_t alignment) {
  ++count;
  bytes_taken += bytes;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* p = std::aligned_alloc(alignment, rounded ? rounded : alignment)) return p;
  throw std::bad_alloc();
}

} // namespace allocations

// Not inlined: GCC would see malloc's memory in one place and delete in another, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return allocations::counted(bytes, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocations::counted(bytes, static_cast<std::size_t>(alignment));
}
// The forms that do not throw too, or a sanitizer sees its own memory freed here.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations::count;
  return std::malloc(bytes ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}
