// sgq/distributed/mpi.hpp -- ranks that are the processes of mpirun or srun.
//
//     int main(int argc, char** argv) {
//       distributed::Mpi ranks(&argc, &argv);   // MPI begins here and ends with `ranks`
//
// Needs an MPI (Debian: libopenmpi-dev; compile and link with mpicxx). It is the only header that
// does, and sgq.hpp leaves it out. The MPI calls are those of MPI 2, from one thread.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/distributed/communicator.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <vector>

#include <mpi.h>

namespace sgq::distributed {

class Mpi final : public Communicator {
public:
  /// Begins MPI. One object per process; throws sgq::error if there has been one before.
  Mpi(int* argc, char*** argv) {
    int begun = 0, level = 0;
    MPI_Initialized(&begun);
    if (begun) throw error(describe("MPI", "one distributed::Mpi per process", "a second one"));
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    for (std::vector<int>* numbers : {&sent_, &sent_at_, &received_, &received_at_})
      numbers->resize(static_cast<std::size_t>(size_));
  }
  /// Waits for the other ranks, unless fail() has ended them. While an exception unwinds, the
  /// others may be waiting for this rank. Then this process ends them at its own exit, after its
  /// message, and its status is 1.
  ~Mpi() override {
    if (std::uncaught_exceptions() > begun_) {
      [[maybe_unused]] static const EndOthers with_the_process;
    } else {
      MPI_Finalize();
    }
  }

  index_t rank() const override { return rank_; }
  index_t size() const override { return size_; }

  void all_gather(const std::byte* own, std::byte* all, std::span<const index_t> bytes) override {
    place(bytes, received_, received_at_);
    const auto at = static_cast<std::size_t>(rank_);
    const bool there = own == all + received_at_[at];
    check(MPI_Allgatherv(there ? MPI_IN_PLACE : own, received_[at], MPI_BYTE, all, received_.data(),
                         received_at_.data(), MPI_BYTE, MPI_COMM_WORLD));
  }

  void all_to_all(const std::byte* own, std::span<const index_t> to, std::byte* received,
                  std::span<const index_t> from) override {
    place(to, sent_, sent_at_);
    place(from, received_, received_at_);
    check(MPI_Alltoallv(own, sent_.data(), sent_at_.data(), MPI_BYTE, received, received_.data(),
                        received_at_.data(), MPI_BYTE, MPI_COMM_WORLD));
  }

  void broadcast(std::byte* data, index_t bytes, index_t root) override {
    check(MPI_Bcast(data, count(bytes), MPI_BYTE, static_cast<int>(root), MPI_COMM_WORLD));
  }

  void barrier() override { check(MPI_Barrier(MPI_COMM_WORLD)); }

  /// The launcher kills all ranks, this one included. The message is the caller's to print.
  void fail(std::string_view) noexcept override { MPI_Abort(MPI_COMM_WORLD, 1); }

private:
  struct EndOthers {
    ~EndOthers() {
      std::fflush(nullptr); // the launcher kills this process, too
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  };

  /// MPI 2 counts in ints.
  static int count(index_t bytes) {
    if (bytes > std::numeric_limits<int>::max())
      throw value_error(describe("an exchange between ranks", "less than 2^31 bytes",
                                 to_text(bytes), "a smaller batch"));
    return static_cast<int>(bytes);
  }

  static void place(std::span<const index_t> bytes, std::vector<int>& counts,
                    std::vector<int>& offsets) {
    index_t end = 0;
    for (std::size_t r = 0; r < bytes.size(); ++r) {
      offsets[r] = count(end);
      counts[r] = count(bytes[r]);
      end += bytes[r];
    }
  }

  static void check(int code) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw error("MPI: " + std::string(text, static_cast<std::size_t>(length)));
  }

  int rank_ = 0, size_ = 1;
  int begun_ = std::uncaught_exceptions(); // more of them at the end: this one is being unwound
  std::vector<int> sent_, sent_at_, received_, received_at_; // per rank, of the exchange under way
};

} // namespace sgq::distributed
