# Compiles through ccache where it is installed and no other launcher was asked for.
if(NOT TFL_CCACHE OR CMAKE_CXX_COMPILER_LAUNCHER)
  return()
endif()
find_program(TFL_CCACHE_PROGRAM ccache)
mark_as_advanced(TFL_CCACHE_PROGRAM)
if(TFL_CCACHE_PROGRAM)
  # ccache refuses precompiled headers unless it is told that their time stamps and macros may be ignored.
  # Paths relative to the checkout let several checkouts share what was compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros
                                  "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${TFL_CCACHE_PROGRAM}")
endif()
