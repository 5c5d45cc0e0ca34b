// sgq/distributed/communicator.hpp -- how the processes of a run exchange bytes.
//
// The ranks 0 .. size - 1 call the same functions in the same order; each call returns when the
// calling rank has what it needs. A derived class says what the ranks are:
//
//     thread_communicator.hpp   threads of one process, for tests
//     mpi.hpp                   the processes of mpirun or srun
//
// There is no all-reduce. Each MPI chooses its own order of additions (Open MPI has several), and a
// sum of floats depends on it. So ranks exchange numbers and add them themselves.
#pragma once

#include "sgq/core/shape.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace sgq::distributed {

class Communicator {
public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual index_t rank() const = 0;
  virtual index_t size() const = 0;

  /// all = the bytes of rank 0, of rank 1, ..; those of rank r are bytes[r] in number. `own` may
  /// lie at its place in `all`.
  virtual void all_gather(const std::byte* own, std::byte* all, std::span<const index_t> bytes) = 0;

  /// `own` holds to[0] bytes for rank 0, then to[1] for rank 1, ..; `received` gets from[0] bytes
  /// of rank 0, then from[1] of rank 1, ...
  virtual void all_to_all(const std::byte* own, std::span<const index_t> to, std::byte* received,
                          std::span<const index_t> from) = 0;

  /// Every rank gets the bytes of `root`.
  virtual void broadcast(std::byte* data, index_t bytes, index_t root) = 0;

  /// Returns when all ranks have called it.
  virtual void barrier() = 0;

  /// Ends the run on all ranks, which a rank that cannot go on must do: the others would wait for
  /// it. It may return, and the rank itself then ends by its exception.
  virtual void fail(std::string_view message) noexcept = 0;

protected:
  Communicator() = default;
};

} // namespace sgq::distributed
