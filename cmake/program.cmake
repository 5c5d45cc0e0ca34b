# How the project builds its own programs; nothing here reaches a consumer of sgq::sgq.

add_library(sgq_warnings INTERFACE)
# Clang's -Wconversion includes -Wsign-conversion.
target_compile_options(sgq_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion
                       -Wsign-conversion -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies in "text" + std::string, GCC bug 105651.
  target_compile_options(sgq_warnings INTERFACE -Wno-restrict)
endif()
# A warning is an error with the compilers that every change is tried with. A newer one may warn of
# something new, which should not keep anybody from building.
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
   OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
  target_compile_options(sgq_warnings INTERFACE -Werror)
endif()

# What runs at a command line: in WebAssembly, a program for node that sees files and environment.
add_library(sgq_program INTERFACE)
if(EMSCRIPTEN)
  target_link_options(sgq_program INTERFACE -sNODERAWFS
                      "SHELL:--pre-js ${PROJECT_SOURCE_DIR}/cmake/toolchains/node.js")
endif()

# test_program(program script test): tests/programs/SCRIPT.sh, given the program.
function(test_program program script test)
  add_test(NAME ${test}
           COMMAND sh "${PROJECT_SOURCE_DIR}/tests/programs/${script}.sh" "$<TARGET_FILE:${program}>"
           WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  # ctest begins with the tests of the highest cost: the longest should not be left at the end.
  set(cost 1)
  if(script STREQUAL "reproduce")
    set(cost 50)
  elseif(test MATCHES "contract$")
    set(cost 20)
  endif()
  set_tests_properties(${test} PROPERTIES TIMEOUT 600 COST ${cost} SKIP_RETURN_CODE 77
                       ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()

# sgq_programs([LIBRARIES target...] [FOLDERS folder...]): every *.cpp of the current folder and of
# these folders in it becomes a program named after its file, tested for what all programs have in
# common and by tests/programs/NAME.sh and NAME_*.sh.
function(sgq_programs)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "LIBRARIES;FOLDERS")
  list(TRANSFORM arg_FOLDERS APPEND "/*.cpp")
  file(GLOB sources CONFIGURE_DEPENDS *.cpp ${arg_FOLDERS})
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE sgq::compiled sgq_warnings sgq_program ${arg_LIBRARIES})
    target_precompile_headers(${name} REUSE_FROM sgq_compiled)
    if(SGQ_BUILD_TESTS)
      test_program(${name} every_program program.${name})
      file(GLOB contracts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/programs/${name}.sh"
           "${PROJECT_SOURCE_DIR}/tests/programs/${name}_*.sh")
      foreach(contract IN LISTS contracts)
        cmake_path(GET contract STEM script)
        test_program(${name} ${script} program.${script}.contract)
      endforeach()
    endif()
  endforeach()
endfunction()
