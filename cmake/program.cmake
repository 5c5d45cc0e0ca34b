# How the project builds its own programs; nothing here reaches a consumer of sgq::sgq.

add_library(sgq_warnings INTERFACE)
target_compile_options(sgq_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Clang counts it to -Wconversion, GCC does not: sizes are signed here, containers' are not.
  target_compile_options(sgq_warnings INTERFACE -Wno-sign-conversion)
endif()
# A warning is an error with the compilers that every change is tried with. A newer one may warn of
# something new, which should not keep anybody from building.
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
   OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
  target_compile_options(sgq_warnings INTERFACE -Werror)
endif()

# sgq_programs([LIBRARIES target...]): every *.cpp of the current folder becomes a program named
# after its file, and a test of what all programs have in common.
function(sgq_programs)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "LIBRARIES")
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE sgq::sgq sgq_warnings ${arg_LIBRARIES})
    if(SGQ_BUILD_TESTS)
      add_test(NAME program.${name}
               COMMAND "${PROJECT_SOURCE_DIR}/tests/support/program.sh" "$<TARGET_FILE:${name}>")
    endif()
  endforeach()
endfunction()
