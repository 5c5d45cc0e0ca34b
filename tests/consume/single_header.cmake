# Makes the one-file header, alone in a folder, and compiles and runs the quickstart with it.
#
#   cmake -D SOURCE=.. -D BINARY=.. -D COMPILER=.. -D VERSION=.. -P single_header.cmake
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

set(work "${BINARY}/single_header")
file(REMOVE_RECURSE "${work}")
run("${CMAKE_COMMAND}" -D "INCLUDE=${SOURCE}/include" -D "LICENSE=${SOURCE}/LICENSE"
    -D VERSION=${VERSION} -D "OUTPUT=${work}/sgq/sgq.hpp"
    -P "${SOURCE}/cmake/single_header.cmake")
file(READ "${work}/sgq/sgq.hpp" text)
foreach(expected "sgq ${VERSION} in one file" "Copyright (c)" "MIT License")
  string(FIND "${text}" "${expected}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the one-file header does not say: ${expected}")
  endif()
endforeach()

run("${COMPILER}" -std=c++20 -O1 "-I${work}" "${SOURCE}/examples/quickstart.cpp" -o
    "${work}/quickstart")
run("${work}/quickstart" --help)
if(NOT output STREQUAL "quickstart [--help]\n")
  message(FATAL_ERROR "quickstart printed \"${output}\"")
endif()
run("${work}/quickstart")
if(NOT output MATCHES "epoch 4: test accuracy [5-9][0-9]\\.")
  message(FATAL_ERROR "quickstart printed \"${output}\"")
endif()
