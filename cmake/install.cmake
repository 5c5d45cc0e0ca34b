# The headers and a relocatable CMake package: find_package(sgq) gives sgq::sgq. Nothing in it
# depends on the architecture, so it goes to share/; with SGQ_INSTALL_COMPILED there is also
# sgq::compiled, and everything goes to lib/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(sgq_package "${CMAKE_INSTALL_DATADIR}/cmake/sgq")
set(sgq_architecture ARCH_INDEPENDENT)
if(SGQ_INSTALL_COMPILED)
  set(sgq_package "${CMAKE_INSTALL_LIBDIR}/cmake/sgq")
  set(sgq_architecture "")
endif()
target_include_directories(sgq INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# A package installed without OpenMP stays without; else each consumer takes it where found.
set(sgq_default_openmp AUTO)
if(NOT SGQ_OPENMP)
  set(sgq_default_openmp OFF)
endif()
set(sgq_compiled_openmp OFF)
if(SGQ_OPENMP AND TARGET OpenMP::OpenMP_CXX)
  set(sgq_compiled_openmp ON)
endif()
configure_package_config_file(cmake/sgqConfig.cmake.in "${PROJECT_BINARY_DIR}/sgqConfig.cmake"
                              INSTALL_DESTINATION "${sgq_package}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sgqConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion ${sgq_architecture})

install(TARGETS sgq EXPORT sgqTargets)
if(SGQ_INSTALL_COMPILED)
  set_target_properties(sgq_compiled PROPERTIES EXCLUDE_FROM_ALL OFF)
  install(TARGETS sgq_compiled EXPORT sgqTargets)
endif()
install(EXPORT sgqTargets NAMESPACE sgq:: DESTINATION "${sgq_package}")
install(FILES "${PROJECT_BINARY_DIR}/sgqConfig.cmake" "${PROJECT_BINARY_DIR}/sgqConfigVersion.cmake"
              cmake/openmp.cmake
        DESTINATION "${sgq_package}")
install(DIRECTORY include/sgq DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/sgq")
