# Builds and runs the consumer in one WAY: subdirectory, package (install, move, find_package) or
# compiler (no CMake at all); then checks what reached its compiler. subdirectory_compiled and
# package_compiled link sgq::compiled, which the latter takes from the build in BUILT.
#
#   cmake -D WAY=.. -D OPENMP=ON|OFF -D SOURCE=.. -D BINARY=.. -D COMPILER=.. -D GENERATOR=..
#         -D VERSION=.. -D BUILT=.. -P consume.cmake
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

set(work "${BINARY}/${WAY}-openmp-${OPENMP}")
file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")
set(include "${SOURCE}/include")

if(WAY STREQUAL "compiler")
  set(flags -std=c++20 -O2)
  if(OPENMP)
    list(APPEND flags -fopenmp)
  endif()
  run("${COMPILER}" ${flags} "-I${include}" "${SOURCE}/tests/consume/main.cpp"
      -o "${work}/consumer")
else()
  set(options -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DSGQ_OPENMP=${OPENMP}")
  set(target sgq::sgq)
  set(allowed "")
  if(WAY MATCHES "_compiled$")
    set(target sgq::compiled)
    set(allowed -DSGQ_COMPILED)
  endif()
  if(WAY STREQUAL "subdirectory_compiled")
    # Whether it links and runs does not depend on optimisation, which would take much longer.
    list(APPEND options -DCMAKE_CXX_FLAGS=-O0)
    list(APPEND allowed -O0)
  elseif(WAY STREQUAL "package_compiled")
    # Other flags than the library's: they may be linked together.
    list(APPEND options -DCMAKE_BUILD_TYPE=Debug)
    list(APPEND allowed -g)
    run("${CMAKE_COMMAND}" --install "${BUILT}" --prefix "${work}/installed")
  elseif(WAY STREQUAL "package")
    # Installed from a build with OpenMP, then moved: the consumer's own wish counts.
    run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${work}/sgq" -G "${GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${COMPILER}" -DSGQ_BUILD_EXAMPLES=OFF -DSGQ_BUILD_BENCH=OFF
        -DSGQ_BUILD_TESTS=OFF)
    run("${CMAKE_COMMAND}" --install "${work}/sgq" --prefix "${work}/installed")
  endif()
  if(WAY MATCHES "^package")
    file(RENAME "${work}/installed" "${work}/moved")
    set(include "${work}/moved/include")
    list(APPEND options "-DCMAKE_PREFIX_PATH=${work}/moved")
  endif()
  run("${CMAKE_COMMAND}" -S "${SOURCE}/tests/consume/project" -B "${work}/build" ${options}
      "-DWAY=${WAY}" "-DTARGET=${target}" "-DSGQ_SOURCE=${SOURCE}" "-DSGQ_VERSION=${VERSION}"
      -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)
  run("${CMAKE_COMMAND}" --build "${work}/build")
  file(RENAME "${work}/build/consumer" "${work}/consumer")

  # Nothing of sgq's own programs is there: its one file and perhaps the compiled library, which is
  # built only where it is linked.
  file(READ "${work}/build/compile_commands.json" commands)
  string(JSON count LENGTH "${commands}")
  set(command "")
  math(EXPR end "${count} - 1")
  foreach(i RANGE ${end})
    string(JSON file GET "${commands}" ${i} file)
    if(file MATCHES "consume/main\\.cpp$")
      string(JSON command GET "${commands}" ${i} command)
    elseif(WAY STREQUAL "subdirectory" AND file MATCHES "/sgq/compiled/")
      string(JSON other GET "${commands}" ${i} command) # configured, not compiled
      if(NOT other MATCHES " -O2 ")
        message(FATAL_ERROR "kernels without optimisation: ${other}")
      endif()
    elseif(NOT WAY MATCHES "^subdirectory" OR NOT file MATCHES "/sgq/(compiled|CMakeFiles)/")
      message(FATAL_ERROR "the consumer compiles ${file}")
    endif()
  endforeach()
  file(GLOB built "${work}/build/sgq/libsgq_compiled.a")
  if(built AND NOT WAY STREQUAL "subdirectory_compiled")
    message(FATAL_ERROR "the compiled library is built, and nobody links it")
  endif()

  # Its compiler sees a path, a standard and OpenMP: no warning flag, no -march, no definition but
  # that of the compiled library.
  string(REPLACE " -isystem " " -I" flags "${command}")
  separate_arguments(flags UNIX_COMMAND "${flags}")
  list(POP_FRONT flags)
  list(FIND flags "-I${include}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "no -I${include} in: ${command}")
  endif()
  list(REMOVE_ITEM flags "-I${include}" -std=c++20 -std=gnu++20 -o -c ${allowed})
  if(OPENMP)
    list(REMOVE_ITEM flags -fopenmp -fopenmp=libomp)
  endif()
  list(FILTER flags EXCLUDE REGEX "main\\.cpp(\\.o)?$")
  if(flags)
    message(FATAL_ERROR "unexpected flags (${flags}) in: ${command}")
  endif()
endif()

run("${work}/consumer")
set(expected "sgq ${VERSION} without OpenMP\n")
if(OPENMP)
  set(expected "sgq ${VERSION} with OpenMP\n")
endif()
if(NOT output STREQUAL expected)
  message(FATAL_ERROR "the consumer printed \"${output}\" instead of \"${expected}\"")
endif()
