// How waiting threads share a machine with other programs.
//
// Between two loops GCC's OpenMP keeps its waiting threads busy: they ask again and again whether
// there is work. On an idle machine that saves waking them. Beside another busy program they take
// the time of those that do work: a training step on two cores then takes three times as long.
// Asking a thousand times and then sleeping costs nothing on an idle machine and mends most of it.
// How often they ask is set by the environment, which OpenMP reads before main() begins. So:
//
//     int main(int argc, char** argv) {
//       examples::limit_spinning(argv); // first of all: it starts the program once more
#pragma once

#if defined(_OPENMP) && defined(__linux__) && !defined(__clang__)
#include <cstdlib>

#include <unistd.h>
#endif

namespace examples {

/// Starts this program again, with the same arguments, environment and process number, and with
/// GOMP_SPINCOUNT=1000. Returns where the user has chosen GOMP_SPINCOUNT or OMP_WAIT_POLICY, where
/// OpenMP is not GCC's, and where the system refuses. What the program did before is lost. Under
/// valgrind, or where the dynamic loader is called by name, set one of the two: /proc/self/exe is
/// another program there.
inline void limit_spinning([[maybe_unused]] char** argv) {
#if defined(_OPENMP) && defined(__linux__) && !defined(__clang__)
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0) execv("/proc/self/exe", argv);
#endif
}

} // namespace examples
