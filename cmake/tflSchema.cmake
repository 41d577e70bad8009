# Generates include/tfl/model/schema_generated.h. This happens while configuring, so that the header exists before anything
# compiles, in this build and in a project that adds this directory.
if(NOT TARGET tfl::flatbuffers)
  message(FATAL_ERROR "tfl needs the headers of flatbuffers 2.0.8 or newer (Debian: libflatbuffers-dev); set tfl_flatbuffers_DIR to the "
                      "directory that holds flatbuffers/flatbuffers.h")
endif()
if(TFL_WITH_XSIMD AND NOT TARGET tfl::xsimd)
  message(FATAL_ERROR "tfl needs the headers of xsimd 8.1 or newer (Debian: libxsimd-dev); set tfl_xsimd_DIR to the directory that holds "
                      "xsimd/xsimd.hpp, or TFL_WITH_XSIMD=OFF to compile every kernel scalar")
endif()

if(TARGET flatbuffers::flatc AND NOT TFL_FLATC)
  get_target_property(tfl_flatc_location flatbuffers::flatc LOCATION)
  if(EXISTS "${tfl_flatc_location}")
    set(TFL_FLATC "${tfl_flatc_location}" CACHE FILEPATH "The flatbuffers compiler")
  endif()
endif()
find_program(TFL_FLATC flatc DOC "The flatbuffers compiler")
if(NOT TFL_FLATC)
  message(FATAL_ERROR "tfl needs flatc, the flatbuffers compiler (Debian: flatbuffers-compiler); set TFL_FLATC to it")
endif()

# Headers newer than 2.0.8 refuse code of another flatc, deep inside a compile: better said here.
execute_process(COMMAND "${TFL_FLATC}" --version OUTPUT_VARIABLE tfl_flatc_version RESULT_VARIABLE tfl_flatc_result)
if(tfl_flatc_result)
  message(FATAL_ERROR "TFL_FLATC (${TFL_FLATC}) does not run: ${tfl_flatc_result}")
endif()
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" tfl_flatc_version "${tfl_flatc_version}")
file(STRINGS "${tfl_flatbuffers_DIR}/flatbuffers/base.h" tfl_flatbuffers_version REGEX "#define FLATBUFFERS_VERSION_(MAJOR|MINOR|REVISION) ")
string(REGEX REPLACE "[^;0-9]+" "" tfl_flatbuffers_version "${tfl_flatbuffers_version}")
list(JOIN tfl_flatbuffers_version "." tfl_flatbuffers_version)
if(NOT tfl_flatc_version VERSION_EQUAL tfl_flatbuffers_version)
  message(FATAL_ERROR "flatc is version ${tfl_flatc_version} (${TFL_FLATC}), but the flatbuffers headers are version "
                      "${tfl_flatbuffers_version} (${tfl_flatbuffers_DIR}); set TFL_FLATC or tfl_flatbuffers_DIR so that they agree")
endif()
if(tfl_flatbuffers_version VERSION_LESS 2.0.8)
  message(FATAL_ERROR "tfl needs flatbuffers 2.0.8 or newer, found ${tfl_flatbuffers_version}")
endif()

set(tfl_schema "${PROJECT_SOURCE_DIR}/include/tfl/model/schema.fbs")
set(tfl_schema_header "${PROJECT_BINARY_DIR}/include/tfl/model/schema_generated.h")
set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${tfl_schema}")
set(tfl_schema_fresh "${PROJECT_BINARY_DIR}/CMakeFiles/tfl_schema")
file(MAKE_DIRECTORY "${tfl_schema_fresh}")
execute_process(COMMAND "${TFL_FLATC}" --cpp --scoped-enums -o "${tfl_schema_fresh}" "${tfl_schema}"
                OUTPUT_VARIABLE tfl_flatc_output ERROR_VARIABLE tfl_flatc_output RESULT_VARIABLE tfl_flatc_result)
if(tfl_flatc_result)
  message(FATAL_ERROR "flatc rejects ${tfl_schema}:\n${tfl_flatc_output}")
endif()
# An unchanged header keeps its time stamp, and nothing is compiled again.
configure_file("${tfl_schema_fresh}/schema_generated.h" "${tfl_schema_header}" COPYONLY)
