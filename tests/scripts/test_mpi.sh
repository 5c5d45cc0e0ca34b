#!/bin/sh
# Where there is no MPI, the build goes on without, unless one is asked for. CMake defines
# MPI::MPI_CXX in any case, so a build once took it for found and stopped at <mpi.h>.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$1"
  exit 1
}

# configure OPTIONS..: on a machine whose MPI, if any, is hidden; its output goes to $work/log.
configure() {
  rm -rf "$work/build"
  cmake -S . -B "$work/build" -G Ninja -D SGQ_BUILD_EXAMPLES=ON -D SGQ_BUILD_TESTS=OFF -D SGQ_BUILD_BENCH=OFF \
    -D CMAKE_EXPORT_COMPILE_COMMANDS=ON -D MPI_SKIP_COMPILER_WRAPPER=ON -D MPI_SKIP_GUESSING=ON \
    -D MPI_ASSUME_NO_BUILTIN_MPI=ON -D PKG_CONFIG_EXECUTABLE=false "$@" >"$work/log" 2>&1
}

configure || fail "without an MPI: $(cat "$work/log")"
grep -q "mnist" "$work/build/compile_commands.json" || fail "mnist is not built"
! grep -q "SGQ_MPI" "$work/build/compile_commands.json" || fail "the programs expect an MPI that is not there"
! configure -D SGQ_MPI=ON || fail "SGQ_MPI=ON is content without one"
grep -q "no MPI was found; install" "$work/log" || fail "no word on what to install: $(cat "$work/log")"
