// The ranks of a run: the processes that mpirun or srun has started, or this process alone.
//
//     return run_program(argv, "mnist", [&] {
//       on_ranks("mnist", argc, argv, [&](distributed::Communicator* ranks) {
//         ...                       // ranks is null where nothing has started several processes
//
// Only rank 0 prints. A rank that fails ends them all.
#pragma once

#include "command_line.hpp"

#include "sgq/distributed/communicator.hpp"

#if defined(SGQ_MPI)
#include "sgq/distributed/mpi.hpp"
#endif

#include <chrono>
#include <cstdlib>
#include <thread>

namespace examples {

namespace distributed = sgq::distributed;

/// True if an MPI launcher has started this process: Open MPI's mpirun, that of MPICH or Intel, or
/// srun with PMI or PMIx.
inline bool launched_by_mpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(name)) return true;
  return false;
}

#if defined(SGQ_MPI)

/// Prints the message of a rank that failed and ends all ranks. If all fail alike, rank 0 is first
/// and the only one to print.
inline void end_all_ranks(const char* program, distributed::Communicator& ranks,
                          const char* message) {
  if (ranks.rank() > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
  std::fprintf(stderr, "%s: rank %d: %s\n", program, int(ranks.rank()), message);
  std::fflush(stderr);
  ranks.fail(message);
}

template <class F>
void on_ranks(const char* name, int argc, char** argv, F&& program) {
  if (!launched_by_mpi()) return program(static_cast<distributed::Communicator*>(nullptr));
  distributed::Mpi ranks(&argc, &argv);
  if (ranks.rank() > 0 && !std::freopen("/dev/null", "w", stdout))
    throw sgq::io_error(sgq::describe("standard output of rank " + sgq::to_text(ranks.rank()),
                                      "/dev/null", "no such file"));
  try {
    program(static_cast<distributed::Communicator*>(&ranks));
  } catch (const std::exception& e) {
    if (ranks.size() > 1) end_all_ranks(name, ranks, e.what());
    throw;
  }
}

#else

/// True if the launcher says that it has started one process. A step of Slurm may hold a launcher
/// of its own, so that what Slurm says counts last.
inline bool launched_alone() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const char* const size = std::getenv(name)) return std::string_view(size) == "1";
  return false;
}

template <class F>
void on_ranks(const char*, int, char**, F&& program) {
  if (launched_by_mpi() && !launched_alone())
    throw usage_error(sgq::describe("started by an MPI launcher", "a program built with MPI",
                                    "one without", "install libopenmpi-dev and build again"));
  program(static_cast<distributed::Communicator*>(nullptr));
}

#endif

} // namespace examples
