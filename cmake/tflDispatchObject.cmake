# Links INPUTS, which are compiled for one architecture, into the object OUTPUT, whose only visible symbols are tables of kernels.
# Everything else becomes local: a linker that merges inline functions by name can't give these to the rest of the program.
cmake_minimum_required(VERSION 3.22)
set(ENV{LC_ALL} C)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "tfl_enable_dispatch: ${NAME}: this failed: ${command}\n${output}${errors}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

get_filename_component(directory "${OUTPUT}" DIRECTORY)
file(MAKE_DIRECTORY "${directory}")
run("${LINKER}" -r --force-group-allocation -o "${OUTPUT}.linked" ${INPUTS})

# Sections that run code at start would run it on processors that lack its instructions, and a variable would exist once in each
# architecture and once in the rest of the program. Sanitizers and profilers have both, of their own kind.
run("${OBJDUMP}" -h -t "${OUTPUT}.linked")
if(NOT output MATCHES "__(asan|tsan|ubsan|msan|gcov|llvm_profile)_")
  if(output MATCHES " \\.(init_array|ctors)")
    message(FATAL_ERROR "tfl_enable_dispatch: ${NAME}: something that its sources include wants to be initialized at start, on processors "
                        "without this architecture too; <iostream> is often the one")
  endif()
  string(REGEX MATCHALL "\n[0-9a-f]+ [^\n]* O \\.t?(data|bss)[^\n]*" variables "${output}")
  list(FILTER variables EXCLUDE REGEX " \\.data\\.rel\\.ro|DW\\.ref\\.")
  if(variables)
    list(TRANSFORM variables REPLACE ".*[ \t](.*)" "\\1")
    list(JOIN variables " " variables)
    message(FATAL_ERROR "tfl_enable_dispatch: ${NAME}: these variables would exist once for each architecture; let kernels reach them "
                        "through a function of another source: ${variables}")
  endif()
endif()

run("${OBJCOPY}" --wildcard "--keep-global-symbol=_ZN3tfl6detail12kernel_tableI*" "${OUTPUT}.linked" "${OUTPUT}")
file(REMOVE "${OUTPUT}.linked")
