# What our own programs share: warnings, the strict language subset, optional libraries. None of it reaches users of tfl::tfl.

add_library(tfl_warnings INTERFACE)
target_compile_options(tfl_warnings INTERFACE -Wall -Wextra -Wconversion
  # g++ leaves signedness out of -Wconversion; clang then has the same rule.
  $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wno-sign-conversion>
  # g++ 12 takes its own std::string for an overflow (bugs 105329 and 105651, among others).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  $<$<BOOL:${TFL_WERROR}>:-Werror>)

# The library needs neither exceptions nor RTTI; what links this target proves it.
add_library(tfl_strict INTERFACE)
target_compile_options(tfl_strict INTERFACE -fno-exceptions -fno-rtti)

add_library(tfl_native INTERFACE)
if(TFL_NATIVE AND NOT CMAKE_CROSSCOMPILING)
  target_compile_options(tfl_native INTERFACE -march=native)
endif()

# Libraries that a program of ours may include. One that is missing costs only the programs that include it.
tfl_find_headers(tfl::cli11 FILE CLI/CLI.hpp ENTRIES CLI)
tfl_find_headers(tfl::stb FILE stb_image.h ENTRIES stb SUFFIXES stb)
tfl_find_headers(tfl::json FILE nlohmann/json.hpp ENTRIES nlohmann)
tfl_find_headers(tfl::eigen FILE Eigen/Core ENTRIES eigen3 SUFFIXES eigen3)

add_library(tfl_program INTERFACE)
target_link_libraries(tfl_program INTERFACE tfl::tfl tfl_warnings)
target_include_directories(tfl_program INTERFACE "${PROJECT_SOURCE_DIR}")
set(tfl_optional_libraries "tfl::cli11|<CLI/|CLI11 (libcli11-dev)" "tfl::stb|<(stb/)?stb_|stb (libstb-dev)"
    "tfl::json|<nlohmann/|nlohmann json (nlohmann-json3-dev)" "tfl::eigen|<Eigen/|Eigen (libeigen3-dev)")
foreach(row IN LISTS tfl_optional_libraries)
  string(REGEX REPLACE "\\|.*" "" library "${row}")
  if(TARGET ${library})
    target_link_libraries(tfl_program INTERFACE ${library})
  endif()
endforeach()

# tfl_missing_library(<variable> <source>...): the optional library that the sources include and this machine lacks, or nothing.
function(tfl_missing_library variable)
  set(${variable} "" PARENT_SCOPE)
  foreach(row IN LISTS tfl_optional_libraries)
    string(REGEX MATCH "^([^|]+)\\|([^|]+)\\|(.+)$" row "${row}")
    set(library "${CMAKE_MATCH_1}")
    set(pattern "${CMAKE_MATCH_2}")
    set(name "${CMAKE_MATCH_3}")
    if(NOT TARGET ${library})
      foreach(source IN LISTS ARGN)
        file(STRINGS "${source}" uses REGEX "^ *# *include *${pattern}" LIMIT_COUNT 1)
        if(uses)
          set(${variable} "${name}" PARENT_SCOPE)
          return()
        endif()
      endforeach()
    endif()
  endforeach()
endfunction()

# tfl_source_marks(<variable> <source> <key>): the words after "// <key>:" in the source's first lines, as a list.
function(tfl_source_marks variable source key)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(STRINGS "${source}" lines REGEX "^// ${key}:" LIMIT_COUNT 1)
  string(REGEX REPLACE "^// ${key}: *" "" words "${lines}")
  string(REGEX REPLACE "[ ,]+" ";" words "${words}")
  set(${variable} "${words}" PARENT_SCOPE)
endfunction()

# tfl_add_program(<name> SOURCES <source>... [EXCEPTIONS]): a program of ours. It is compiled without exceptions and RTTI, unless
# it says EXCEPTIONS, holds the line "// needs: exceptions" or includes a library that throws. One with a line TFL_DISPATCH(...) is
# compiled for every processor, whatever TFL_NATIVE says.
function(tfl_add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "EXCEPTIONS" "" "SOURCES")
  set(sources "")
  set(strict TRUE)
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(source "${source}" ABSOLUTE)
    list(APPEND sources "${source}")
    tfl_source_marks(needs "${source}" needs)
    file(STRINGS "${source}" throws REGEX "^ *# *include *<(CLI|nlohmann|benchmark)/" LIMIT_COUNT 1)
    if(arg_EXCEPTIONS OR "exceptions" IN_LIST needs OR throws)
      set(strict FALSE)
    endif()
  endforeach()
  tfl_missing_library(missing ${sources})
  if(missing)
    message(STATUS "tfl: ${name} is left out, because ${missing} is missing")
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE tfl_program)
  tfl_dispatch_sources(${name} dispatched)
  if(NOT dispatched)
    target_link_libraries(${name} PRIVATE tfl_native)
  endif()
  if(strict)
    target_link_libraries(${name} PRIVATE tfl_strict)
  endif()
endfunction()
