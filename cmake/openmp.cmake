# Looks for OpenMP as SGQ_OPENMP says: AUTO (take it where found), ON (it must be there), OFF.
# On return SGQ_OPENMP_MISSING is an error text or empty. Serves the build tree and, installed
# beside sgqConfig.cmake, every project that finds the package.
set(SGQ_OPENMP_MISSING "")
if(SGQ_OPENMP)
  find_package(OpenMP QUIET COMPONENTS CXX GLOBAL) # global: add_subdirectory's caller links it
  if(NOT TARGET OpenMP::OpenMP_CXX AND NOT SGQ_OPENMP STREQUAL "AUTO")
    string(CONCAT SGQ_OPENMP_MISSING "SGQ_OPENMP=${SGQ_OPENMP}, but the compiler has no OpenMP; "
                  "install libomp-dev (Clang) or set SGQ_OPENMP=OFF")
  endif()
endif()
