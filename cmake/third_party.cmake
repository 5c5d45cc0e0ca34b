# The two headers that the project's own programs use, and the library does not: Catch2 in the
# tests, stb_image_write in the examples.

# sgq_header(target header PACKAGE .. URL .. SHA256 ..): an interface target for one header, as
# installed by a distribution's package, else downloaded. The limit of 20 s and the check are done
# by hand because FetchContent can hang for minutes without a network.
function(sgq_header target header)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "PACKAGE;URL;SHA256" "")
  # A header has no processor: a cross-build takes this machine's.
  find_path(${target}_INCLUDE_DIR ${header} HINTS "${PROJECT_BINARY_DIR}/third_party"
            PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH)
  mark_as_advanced(${target}_INCLUDE_DIR)
  if(NOT ${target}_INCLUDE_DIR)
    set(file "${PROJECT_BINARY_DIR}/third_party/${header}")
    message(STATUS "${header} is not installed; downloading ${arg_URL}")
    file(DOWNLOAD "${arg_URL}" "${file}.part" TIMEOUT 20 INACTIVITY_TIMEOUT 10 TLS_VERIFY ON
         STATUS status)
    list(POP_FRONT status code reason)
    string(REPLACE "\"" "" reason "${reason}")
    if(code EQUAL 0)
      file(SHA256 "${file}.part" sum)
      if(NOT sum STREQUAL arg_SHA256)
        set(reason "its SHA-256 is ${sum}, not ${arg_SHA256}")
        set(code 1)
      endif()
    endif()
    if(NOT code EQUAL 0)
      file(REMOVE "${file}.part")
      # The blank in front keeps CMake from breaking the line.
      message(FATAL_ERROR " Please install ${arg_PACKAGE}: no ${header}, no download (${reason})")
    endif()
    file(RENAME "${file}.part" "${file}")
    set(${target}_INCLUDE_DIR "${PROJECT_BINARY_DIR}/third_party" CACHE PATH "" FORCE)
  endif()
  set(folder "${${target}_INCLUDE_DIR}")
  if(CMAKE_CROSSCOMPILING) # the system's other headers are those of another processor
    cmake_path(GET header PARENT_PATH inside)
    file(COPY "${folder}/${header}" DESTINATION "${PROJECT_BINARY_DIR}/third_party/${inside}")
    set(folder "${PROJECT_BINARY_DIR}/third_party")
  endif()
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE "${folder}")
endfunction()

# Both checksums are those of the upstream files at these addresses; Debian 12 ships the same bytes.
if(SGQ_BUILD_EXAMPLES)
  sgq_header(sgq_stb stb/stb_image_write.h
    PACKAGE libstb-dev
    URL https://raw.githubusercontent.com/nothings/stb/1ee679ca2ef753a528db5ba6801e1067b40481b8/stb_image_write.h
    SHA256 cbd5f0ad7a9cf4468affb36354a1d2338034f2c12473cf1a8e32053cb6914a05)
endif()

if(SGQ_BUILD_TESTS)
  find_package(Catch2 3 QUIET)
  if(TARGET Catch2::Catch2)
    add_library(sgq_catch ALIAS Catch2::Catch2)
  else()
    sgq_header(sgq_catch catch2/catch.hpp
      PACKAGE catch2
      URL https://github.com/catchorg/Catch2/releases/download/v2.13.10/catch.hpp
      SHA256 3725c0f0a75f376a5005dde31ead0feb8f7da7507644c201b814443de8355170)
  endif()
endif()
