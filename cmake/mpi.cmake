# Looks for an MPI as SGQ_MPI says: AUTO (take it where found), ON (it must be there), OFF. Only our own
# programs use it; the library is headers, of which one includes <mpi.h>.
if(SGQ_MPI)
  set(MPI_CXX_SKIP_MPICXX ON) # the C++ functions that MPI 3 has removed
  find_package(MPI QUIET COMPONENTS CXX)
  if(NOT TARGET MPI::MPI_CXX AND NOT SGQ_MPI STREQUAL "AUTO")
    # The blank in front keeps CMake from breaking the line.
    message(FATAL_ERROR " SGQ_MPI=${SGQ_MPI}, but no MPI was found; install libopenmpi-dev and openmpi-bin or set SGQ_MPI=OFF")
  endif()
endif()
