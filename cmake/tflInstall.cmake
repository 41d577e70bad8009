# Component "development" is the library; component "programs" is what tools/ builds.
include(CMakePackageConfigHelpers)

set(tfl_config_dir "${CMAKE_INSTALL_DATADIR}/cmake/tfl")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/tfl" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.fbs")
install(FILES "${tfl_schema_header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/tfl/model" COMPONENT development)
install(TARGETS tfl EXPORT tflTargets)
install(EXPORT tflTargets NAMESPACE tfl:: DESTINATION "${tfl_config_dir}" COMPONENT development)

configure_package_config_file(cmake/tflConfig.cmake.in "${PROJECT_BINARY_DIR}/tflConfig.cmake" INSTALL_DESTINATION "${tfl_config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tflConfigVersion.cmake" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/tflConfig.cmake" "${PROJECT_BINARY_DIR}/tflConfigVersion.cmake" "${PROJECT_SOURCE_DIR}/cmake/tflDependencies.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/tflDispatch.cmake" "${PROJECT_SOURCE_DIR}/cmake/tflDispatchObject.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/tflStaticModel.cmake"
        DESTINATION "${tfl_config_dir}" COMPONENT development)

# pkg-config knows neither flatbuffers nor xsimd by one name on every system, so their directories stand in the file.
set(tfl_pc_cflags "")
foreach(directory IN ITEMS "${tfl_flatbuffers_DIR}" "${tfl_xsimd_DIR}")
  if(directory AND NOT directory IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES AND NOT CMAKE_CROSSCOMPILING)
    string(APPEND tfl_pc_cflags " -isystem ${directory}")
  endif()
endforeach()
if(NOT TFL_WITH_XSIMD)
  string(APPEND tfl_pc_cflags " -DTFL_HEADER_ONLY_SCALAR")
endif()
file(RELATIVE_PATH tfl_pc_prefix "/prefix/${CMAKE_INSTALL_DATADIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" tfl_pc_prefix "${tfl_pc_prefix}")
configure_file(cmake/tfl.pc.in "${PROJECT_BINARY_DIR}/tfl.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tfl.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig" COMPONENT development)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
