# Writes sgq.hpp and all that it includes as one file: cmake -D INCLUDE=.. -D LICENSE=.. -D VERSION=..
# -D OUTPUT=.. -P single_header.cmake
#
# Headers go in where they are included first; later includes of them, #pragma once and the lists of
# sgq::compiled go away. Standard headers stay where they are.
cmake_minimum_required(VERSION 3.25)

# Lines cannot be kept in a CMake list as they are: semicolons separate elements and brackets join
# them. So every file is a text that is cut at its next include.
set_property(GLOBAL PROPERTY text "")
function(write text)
  set_property(GLOBAL APPEND_STRING PROPERTY text "${text}")
endfunction()

function(append path)
  get_property(seen GLOBAL PROPERTY "seen ${path}")
  if(seen)
    return()
  endif()
  set_property(GLOBAL PROPERTY "seen ${path}" TRUE)
  file(READ "${INCLUDE}/${path}" text)
  string(REPLACE "#pragma once\n" "" text "${text}")
  string(FIND "${text}" "#include \"sgq/" at)
  while(NOT at EQUAL -1)
    string(SUBSTRING "${text}" 0 ${at} before)
    string(SUBSTRING "${text}" ${at} -1 text)
    string(FIND "${text}" "\n" end)
    string(SUBSTRING "${text}" 0 ${end} line)
    math(EXPR end "${end} + 1")
    string(SUBSTRING "${text}" ${end} -1 text)
    string(REGEX REPLACE "^#include \"([^\"]*)\".*" "\\1" included "${line}")
    write("${before}")
    if(included MATCHES "\\.hpp$")
      append("${included}")
    elseif(NOT included MATCHES "\\.inc$") # config.hpp ends a hopeless compilation so
      write("${line}\n")
    endif()
    string(FIND "${text}" "#include \"sgq/" at)
  endwhile()
  write("${text}")
endfunction()

file(STRINGS "${LICENSE}" license)
list(GET license 0 name)
list(FILTER license INCLUDE REGEX "^Copyright")
list(JOIN license "; " copyright)
write("// sgq.hpp -- sgq ${VERSION} in one file, made by CMake's target single_header.\n//\n")
write("// ${copyright}. ${name}; see LICENSE.\n#pragma once\n\n")
append(sgq/sgq.hpp)
get_property(text GLOBAL PROPERTY text)
file(WRITE "${OUTPUT}" "${text}")
