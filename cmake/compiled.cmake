# sgq::compiled: what programs take most from the headers, compiled once into a static library. Link
# it instead of sgq::sgq; nothing else changes, neither an include nor a bit of any result.
#
# Each list of include/sgq/compiled/ becomes a source file, or two where it is one of templates, for
# float and double. Nothing is built until
# some target links the library or SGQ_INSTALL_COMPILED asks for it.
set(sgq_compiled_sources "")
file(GLOB lists RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}/include" CONFIGURE_DEPENDS
     "${CMAKE_CURRENT_SOURCE_DIR}/include/sgq/compiled/*.inc")
foreach(list IN LISTS lists)
  cmake_path(GET list STEM name)
  file(STRINGS "${CMAKE_CURRENT_SOURCE_DIR}/include/${list}" templates REGEX "SGQ_REAL")
  set(reals float)
  if(templates)
    set(reals float double)
  endif()
  foreach(real IN LISTS reals)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/compiled/${name}_${real}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT
         "#include \"sgq/sgq.hpp\"\n#define SGQ_EXTERN\n#define SGQ_REAL ${real}\n#include \"${list}\"\n")
    list(APPEND sgq_compiled_sources "${source}")
  endforeach()
endforeach()

add_library(sgq_compiled STATIC EXCLUDE_FROM_ALL ${sgq_compiled_sources})
add_library(sgq::compiled ALIAS sgq_compiled)
target_link_libraries(sgq_compiled PUBLIC sgq)
target_compile_definitions(sgq_compiled PUBLIC SGQ_COMPILED)
target_precompile_headers(sgq_compiled PRIVATE <sgq/sgq.hpp>)
if(TARGET sgq_warnings) # in our own build, where programs share the precompiled header
  target_link_libraries(sgq_compiled PRIVATE $<BUILD_INTERFACE:sgq_warnings>)
endif()
set_target_properties(sgq_compiled PROPERTIES EXPORT_NAME compiled UNITY_BUILD OFF)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND NOT CMAKE_CXX_FLAGS MATCHES "-O")
  target_compile_options(sgq_compiled PRIVATE -O2) # unoptimised kernels would help nobody
endif()
