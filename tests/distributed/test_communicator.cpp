// The exchanges between ranks that are threads, and how a batch is cut.
#include "sgq/core/shared_batch.hpp"
#include "sgq/distributed/thread_communicator.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <atomic>
#include <string>
#include <vector>

namespace test_communicator {

using namespace sgq;
using namespace sgq::distributed;

namespace {

std::byte* bytes_of(std::string& text) {
  return reinterpret_cast<std::byte*>(text.data());
}

/// What the ranks say, in a text per rank.
template <class F>
std::vector<std::string> on_threads(index_t size, F f) {
  std::vector<std::string> said(static_cast<std::size_t>(size));
  run_on_threads(
      size, [&](Communicator& ranks) { said[static_cast<std::size_t>(ranks.rank())] = f(ranks); });
  return said;
}

} // namespace

TEST_CASE("all-gather puts parts of any size side by side", "[distributed]") {
  const std::vector<index_t> bytes = {2, 0, 3};
  const auto said = on_threads(3, [&](Communicator& ranks) {
    std::string own = std::vector<std::string>{"ab", "", "xyz"}[std::size_t(ranks.rank())];
    std::string all = "-----";
    ranks.all_gather(bytes_of(own), bytes_of(all), bytes);
    std::string in_place = ranks.rank() == 0 ? "pq---" : ranks.rank() == 2 ? "--rst" : "-----";
    ranks.all_gather(bytes_of(in_place) + (ranks.rank() == 0 ? 0 : 2), bytes_of(in_place), bytes);
    return all + " " + in_place;
  });
  CHECK(said == std::vector<std::string>(3, "abxyz pqrst"));
}

TEST_CASE("all-to-all turns rows into columns", "[distributed]") {
  const auto said = on_threads(3, [](Communicator& ranks) {
    // Rank r sends r + 1 letters to every rank.
    const auto r = static_cast<std::size_t>(ranks.rank());
    std::string own;
    for (char to = '0'; to < '3'; ++to) own += std::string(r, char('a' + r)) + to;
    std::string received = "------";
    const std::vector<index_t> to(3, index_t(r + 1)), from = {1, 2, 3};
    ranks.all_to_all(bytes_of(own), to, bytes_of(received), from);
    return received;
  });
  CHECK(said == std::vector<std::string>{"0b0cc0", "1b1cc1", "2b2cc2"});
}

TEST_CASE("broadcast and barrier", "[distributed]") {
  std::atomic<int> before{0};
  const auto said = on_threads(4, [&](Communicator& ranks) {
    ++before;
    ranks.barrier();
    const bool all_there = before == 4;
    std::string text = ranks.rank() == 2 ? "two" : "---";
    ranks.broadcast(bytes_of(text), 3, 2);
    return text + (all_there ? "" : ", too early");
  });
  CHECK(said == std::vector<std::string>(4, "two"));
}

TEST_CASE("a rank that throws ends the others, and its exception goes on", "[distributed]") {
  std::atomic<int> ended{0};
  CHECK(message_of<value_error>([&] {
          run_on_threads(3, [&](Communicator& ranks) {
            ranks.barrier();
            if (ranks.rank() == 1) throw value_error("a bad number");
            for (int i = 0; i < 3; ++i) // who has failed once must not complete a turn
              if (message_of<error>([&] { ranks.barrier(); }) == "rank 1: a bad number") ++ended;
          });
        }) == "a bad number");
  CHECK(ended == 2 * 3);
  CHECK(message_of<value_error>([] { run_on_threads(0, [](Communicator&) {}); }) ==
        "ranks: expected 1 or more, got 0");
}

TEST_CASE("ranks get whole blocks of images, in order, as equal as can be", "[distributed]") {
  for (index_t images : {1, 8, 9, 26, 64, 100, 128})
    for (index_t ranks = 1; ranks <= 20; ++ranks) {
      const index_t blocks = blocks_of(images, block_images);
      index_t end = 0;
      for (index_t r = 0; r < ranks; ++r) {
        const Part own = images_of_rank(images, r, ranks);
        CHECK(own.first == end);
        CHECK(own.first % block_images * (images - own.first) == 0);
        const index_t has = blocks_of(own.size(), block_images);
        CHECK(has >= blocks / ranks);
        CHECK(has <= blocks_of(blocks, ranks));
        end = own.end;
      }
      CHECK(end == images);
    }
}

TEST_CASE("without ranks every batch is whole", "[distributed]") {
  const double rows[] = {1, 2, 3};
  CHECK(SharedBatch::current() == nullptr);
  CHECK(whole_batch(3) == 3);
  CHECK(gather_images(rows, 3, 1) == rows);
  CHECK(own_part(7).size() == 7);
}

} // namespace test_communicator
