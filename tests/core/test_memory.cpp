#include "sgq/core/memory.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cstdint>
#include <thread>
#include <vector>

namespace test_memory {

using namespace sgq;

namespace {

template <class T>
bool aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

// One step of a made-up training loop: two requests, and a third inside an inner scope.
std::vector<const void*> step(Arena& arena, index_t n) {
  Arena::Scope scope(arena);
  const void* a = arena.take<float>(n);
  const void* b = arena.take<double>(3 * n);
  const void* c = nullptr;
  {
    Arena::Scope inner(arena);
    c = arena.take<std::uint8_t>(n);
  }
  const void* d = arena.take<std::uint8_t>(n); // where c was
  return {a, b, c, d};
}

} // namespace

TEST_CASE("Buffer: aligned, and only ever grows", "[core]") {
  Buffer<float> buffer;
  CHECK(buffer.data() == nullptr);
  buffer.resize(100);
  const float* memory = buffer.data();
  CHECK(aligned(memory));
  buffer.data()[99] = 5;
  buffer.resize(10);
  buffer.resize(100);
  CHECK(buffer.data() == memory);
  CHECK(buffer.data()[99] == 5);
  buffer.resize(101);
  CHECK(buffer.capacity() == 101);
  CHECK(aligned(buffer.data()));
}

TEST_CASE("Buffer: a move leaves the source empty and usable", "[core]") {
  Buffer<int> a;
  a.resize(8);
  const int* memory = a.data();
  Buffer<int> b = std::move(a);
  CHECK(b.data() == memory);
  CHECK(a.capacity() == 0);
  a.resize(4); // must allocate: its old memory is b's
  CHECK(a.data() != nullptr);
  CHECK(a.data() != memory);
  a = std::move(b);
  CHECK(a.data() == memory);
  CHECK(a.capacity() == 8);
}

TEST_CASE("Buffer: an absurd size is bad_alloc and changes nothing", "[core]") {
  Buffer<double> buffer;
  buffer.resize(4);
  const double* memory = buffer.data();
  CHECK_THROWS_AS(buffer.resize(std::numeric_limits<index_t>::max()), std::bad_alloc);
  CHECK_THROWS_AS(buffer.resize(index_t{1} << 60), std::bad_alloc);
  CHECK(buffer.data() == memory);
  CHECK(buffer.capacity() == 4);
}

TEST_CASE("Arena: requests are aligned and do not overlap", "[core]") {
  Arena arena;
  Arena::Scope scope(arena);
  struct Range {
    std::uintptr_t begin, end;
  };
  std::vector<Range> taken;
  for (index_t n : {1, 63, 64, 65, 1, 1000, 3, 100000, 7}) {
    const auto* p = arena.take<std::uint8_t>(n);
    CHECK(aligned(p));
    const auto begin = reinterpret_cast<std::uintptr_t>(p);
    const Range range{begin, begin + static_cast<std::uintptr_t>(n)};
    for (const Range& other : taken) CHECK((range.end <= other.begin || other.end <= range.begin));
    taken.push_back(range);
  }
}

TEST_CASE("Arena: what was taken stays put while further blocks open", "[core]") {
  Arena arena;
  Arena::Scope scope(arena);
  std::vector<int*> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(arena.take<int>(index_t{1} << i));
    *all.back() = i;
  }
  for (int i = 0; i < 20; ++i) CHECK(*all[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("Arena: a repeated pattern settles into one block", "[core]") {
  Arena arena;
  step(arena, 1000);
  const auto first = step(arena, 1000);
  // One block: each request begins where the one before it ended.
  const auto distance = [](const void* from, const void* to) {
    return static_cast<const std::byte*>(to) - static_cast<const std::byte*>(from);
  };
  CHECK(distance(first[0], first[1]) == 4032); // 4000 bytes, rounded up to lines of 64
  CHECK(distance(first[1], first[2]) == 24000);
  CHECK(first[3] == first[2]);
  for (int i = 0; i < 3; ++i) CHECK(step(arena, 1000) == first);
  CHECK(step(arena, 10)[0] == first[0]); // a smaller step, e.g. the last batch
  CHECK(step(arena, 1000) == first);
}

TEST_CASE("Arena: an exception gives back what was taken", "[core]") {
  Arena arena;
  step(arena, 100);
  const auto before = step(arena, 100);
  try {
    Arena::Scope scope(arena);
    arena.take<float>(50);
    throw 1;
  } catch (int) {
  }
  CHECK(step(arena, 100) == before);
}

TEST_CASE("scratch: each thread has its own", "[core]") {
  Arena* other = nullptr;
  std::thread([&] { other = &scratch(); }).join();
  CHECK(&scratch() == &scratch());
  CHECK(&scratch() != other);
}

TEST_CASE("An allocation limit holds for what is made while it lives", "[core]") {
  Buffer<float> before;
  before.resize(100);
  {
    const AllocationLimit limit("a net", 4000);
    Buffer<float> first, second;
    first.resize(900);
    first.resize(300); // no growth
    before.resize(100);
    CHECK(message_of<value_error>([&] { second.resize(101); }) ==
          "a net: expected at most 4000 bytes of memory, got 4004 or more");
    CHECK(second.data() == nullptr);
    second.resize(100);
    {
      const AllocationLimit inner("an inner one", 1 << 30);
      CHECK(contains(message_of<value_error>([&] { before.resize(101); }), "a net"));
    }
    std::thread other([] { Buffer<float>().resize(5000); }); // each thread has its own
    other.join();
  }
  CHECK_NOTHROW(before.resize(5000));
}

} // namespace test_memory
