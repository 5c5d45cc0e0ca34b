# Looks for an MPI as SGQ_MPI says: AUTO (take it where found), ON (it must be there), OFF. Where there is one,
# our own programs link sgq_mpi; the library is headers, of which one includes <mpi.h>.
if(SGQ_MPI)
  set(MPI_CXX_SKIP_MPICXX ON) # the C++ functions that MPI 3 has removed
  find_package(MPI QUIET COMPONENTS CXX)
  if(MPI_CXX_FOUND) # MPI::MPI_CXX is there in any case, empty where no MPI was found
    add_library(sgq_mpi INTERFACE)
    target_link_libraries(sgq_mpi INTERFACE MPI::MPI_CXX)
    target_compile_definitions(sgq_mpi INTERFACE SGQ_MPI)
  elseif(NOT SGQ_MPI STREQUAL "AUTO")
    # The blank in front keeps CMake from breaking the line.
    message(FATAL_ERROR " SGQ_MPI=${SGQ_MPI}, but no MPI was found; install libopenmpi-dev and openmpi-bin or set SGQ_MPI=OFF")
  endif()
endif()
