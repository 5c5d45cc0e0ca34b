// sgq/distributed/thread_communicator.hpp -- ranks that are threads of one process.
//
//     run_on_threads(4, [](Communicator& ranks) { ... });   // returns when all four have
//
// For tests: the exchanges are those of a cluster, but memory is copied where a network would send.
// sgq.hpp leaves this header out, because not every target has threads.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/distributed/communicator.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace sgq::distributed {

/// What the ranks share.
class ThreadGroup {
public:
  explicit ThreadGroup(index_t size) : offers_(static_cast<std::size_t>(size)) {
    if (size < 1) throw value_error(describe("ranks", "1 or more", to_text(size)));
  }

  index_t size() const { return static_cast<index_t>(offers_.size()); }

  /// What a rank lets the others read until the next wait().
  struct Offer {
    const std::byte* data = nullptr;
    std::span<const index_t> bytes{}; ///< for each rank, of an all-to-all
  };
  Offer& offer(index_t rank) { return offers_[static_cast<std::size_t>(rank)]; }

  /// Returns when all ranks wait. Throws sgq::error when one has failed.
  void wait() {
    std::unique_lock lock(mutex_);
    if (failed_) throw error(message_);
    const std::uint64_t turn = turn_;
    if (++waiting_ == size()) {
      waiting_ = 0;
      ++turn_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return turn_ != turn || failed_; });
    if (turn_ == turn) throw error(message_);
  }

  void fail(index_t rank, std::string_view message) {
    const std::lock_guard lock(mutex_);
    if (!failed_) message_ = "rank " + to_text(rank) + ": " + std::string(message);
    failed_ = true;
    changed_.notify_all();
  }

private:
  std::vector<Offer> offers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  index_t waiting_ = 0;
  std::uint64_t turn_ = 0; // how often all have waited
  bool failed_ = false;
  std::string message_;
};

class ThreadCommunicator final : public Communicator {
public:
  ThreadCommunicator(ThreadGroup& group, index_t rank) : group_(group), rank_(rank) {}

  index_t rank() const override { return rank_; }
  index_t size() const override { return group_.size(); }

  void all_gather(const std::byte* own, std::byte* all, std::span<const index_t> bytes) override {
    group_.offer(rank_) = {own, {}};
    group_.wait();
    std::byte* to = all;
    for (index_t r = 0; r < size(); ++r) {
      const index_t n = bytes[static_cast<std::size_t>(r)];
      if (group_.offer(r).data != to) std::copy_n(group_.offer(r).data, n, to);
      to += n;
    }
    group_.wait();
  }

  void all_to_all(const std::byte* own, std::span<const index_t> to, std::byte* received,
                  std::span<const index_t> from) override {
    group_.offer(rank_) = {own, to};
    group_.wait();
    for (index_t r = 0; r < size(); ++r) {
      const ThreadGroup::Offer& offer = group_.offer(r);
      const auto before = offer.bytes.first(static_cast<std::size_t>(rank_));
      const index_t n = from[static_cast<std::size_t>(r)];
      std::copy_n(std::accumulate(before.begin(), before.end(), offer.data), n, received);
      received += n;
    }
    group_.wait();
  }

  void broadcast(std::byte* data, index_t bytes, index_t root) override {
    group_.offer(rank_) = {data, {}};
    group_.wait();
    if (rank_ != root) std::copy_n(group_.offer(root).data, bytes, data);
    group_.wait();
  }

  void barrier() override { group_.wait(); }
  void fail(std::string_view message) noexcept override { group_.fail(rank_, message); }

private:
  ThreadGroup& group_;
  index_t rank_;
};

/// Calls f(Communicator&) on `size` threads, one per rank. If a rank throws, the others end at
/// their next exchange, and the exception of the one that threw first is rethrown.
template <class F>
void run_on_threads(index_t size, F&& f) {
  ThreadGroup group(size);
  std::mutex mutex;
  std::exception_ptr first;
  const auto run = [&](index_t rank) {
    ThreadCommunicator ranks(group, rank);
    const auto failed = [&](const char* message) {
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      ranks.fail(message);
    };
    try {
      f(static_cast<Communicator&>(ranks));
    } catch (const std::exception& e) {
      failed(e.what());
    } catch (...) {
      failed("an exception");
    }
  };
  std::vector<std::thread> threads;
  for (index_t rank = 0; rank < size; ++rank) threads.emplace_back(run, rank);
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

} // namespace sgq::distributed
