// sgq/core/memory.hpp -- 64-byte aligned buffers, and an arena for scratch space.
//
// 64 bytes is a cache line and an AVX-512 register. A Buffer keeps its capacity when it shrinks and
// an Arena keeps its chunk when it is rewound, so a training loop allocates in its first steps
// only. Where sizes come from a file, an AllocationLimit says how much they may take.
#pragma once

#include "sgq/core/shape.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sgq {

inline constexpr std::size_t alignment = 64;

struct AlignedDelete {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{alignment}); }
};
using AlignedBytes = std::unique_ptr<std::byte, AlignedDelete>;

/// Uninitialised bytes on a 64-byte boundary. Throws std::bad_alloc.
inline AlignedBytes allocate_aligned(std::size_t bytes) {
  return AlignedBytes(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment})));
}

/// Bytes of n values. Throws std::bad_alloc where a size_t, of 32 bits perhaps, is too small.
template <class T>
std::size_t bytes_of_values(index_t n) {
  if (static_cast<std::uint64_t>(n) > std::numeric_limits<std::size_t>::max() / (2 * sizeof(T)))
    throw std::bad_alloc();
  return static_cast<std::size_t>(n) * sizeof(T);
}

/// While it lives, the buffers that the calling thread makes or enlarges may take `bytes` in all;
/// a request beyond that throws value_error. Limits nest: each counts for itself.
///
///     AllocationLimit limit("the net of this file", 1 << 20);
class AllocationLimit {
public:
  AllocationLimit(std::string what, std::uint64_t bytes)
      : what_(std::move(what)), bytes_(bytes), outer_(std::exchange(innermost(), this)) {}
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
  ~AllocationLimit() { innermost() = outer_; }

  static void count(std::uint64_t bytes) {
    for (AllocationLimit* limit = innermost(); limit; limit = limit->outer_) limit->add(bytes);
  }

private:
  static AllocationLimit*& innermost() {
    thread_local AllocationLimit* limit = nullptr;
    return limit;
  }

  void add(std::uint64_t bytes) {
    if (bytes > bytes_ - used_)
      throw value_error(describe(what_, "at most " + to_text(bytes_) + " bytes of memory",
                                 to_text(used_ + bytes) + " or more"));
    used_ += bytes;
  }

  std::string what_;
  std::uint64_t bytes_, used_ = 0;
  AllocationLimit* outer_;
};

/// An owned, aligned array of plain values that only ever grows.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "a Buffer holds plain values");

public:
  /// Makes room for n values. Contents are kept only if no growth was needed. Throws
  /// std::bad_alloc, and value_error beyond an AllocationLimit.
  void resize(index_t n) {
    if (n > capacity_) {
      AllocationLimit::count(std::min(static_cast<std::uint64_t>(n), std::uint64_t{1} << 59) *
                             sizeof(T));
      bytes_ = allocate_aligned(bytes_of_values<T>(n));
      capacity_ = n;
    }
  }

  T* data() { return reinterpret_cast<T*>(bytes_.get()); }
  const T* data() const { return reinterpret_cast<const T*>(bytes_.get()); }
  index_t capacity() const { return capacity_; }

  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : bytes_(std::move(other.bytes_)), capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

private:
  AlignedBytes bytes_;
  index_t capacity_ = 0;
};

/// A stack of scratch memory: take() moves a mark up, and leaving a Scope moves it back. A request
/// that does not fit opens a further chunk; the chunks are merged into one as soon as the arena is
/// empty again, so a repeated pattern of requests soon allocates nothing.
class Arena {
public:
  /// Takes back, on destruction, whatever was taken while it lived.
  class Scope {
  public:
    explicit Scope(Arena& arena) : arena_(arena), chunk_(arena.chunk_), used_(arena.used_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { arena_.rewind(chunk_, used_); }

  private:
    Arena& arena_;
    std::size_t chunk_, used_;
  };

  /// n uninitialised values, 64-byte aligned, valid until the enclosing Scope ends.
  template <class T>
  T* take(index_t n) {
    const std::size_t want = (bytes_of_values<T>(n) + alignment - 1) / alignment * alignment;
    while (chunk_ < chunks_.size() && used_ + want > chunks_[chunk_].bytes) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
      chunks_.push_back({allocate_aligned(want), want});
      used_ = 0;
    }
    std::byte* p = chunks_[chunk_].memory.get() + used_;
    used_ += want;
    return reinterpret_cast<T*>(p);
  }

private:
  struct Chunk {
    AlignedBytes memory;
    std::size_t bytes;
  };

  void rewind(std::size_t chunk, std::size_t used) noexcept {
    chunk_ = chunk;
    used_ = used;
    if (chunk_ != 0 || used_ != 0 || chunks_.size() < 2) return;
    std::size_t total = 0;
    for (const Chunk& c : chunks_) total += c.bytes;
    try {
      AlignedBytes merged = allocate_aligned(total);
      chunks_.resize(1);
      chunks_[0] = {std::move(merged), total};
    } catch (const std::bad_alloc&) {
      // The separate chunks still serve; merging them was only to save time.
    }
  }

  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

/// The calling thread's own scratch space, for packing buffers and the like:
///
///     Arena::Scope scope(scratch());
///     float* panel = scratch().take<float>(k * nr);
inline Arena& scratch() {
  thread_local Arena arena;
  return arena;
}

} // namespace sgq
