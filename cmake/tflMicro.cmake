# Programs for microcontrollers inside of a build for this machine: tests, examples and measurements run them in QEMU.
#
# tfl_micro_program(<target> BOARD m3|m4|m55 SOURCES <file>... [MODELS <name>...] [OPTIONS <flag>...] [READS_FILES])
# makes <target>.elf in the current binary directory, by arm-none-eabi-g++, with the start-up code of examples/micro/board. MODELS are names
# of headers made by tfl_micro_model(). READS_FILES: the program reads .tflite files, for which it needs the headers of flatbuffers. tfl_micro_model(<name> <file.tflite> [<flag of tfl_codegen>...]) writes <name>.hpp. tfl_micro_run(<variable> <board> [<argument>...])
# gives the command that runs an ELF file; the first argument stands for the program's name. TFL_MICRO is true where compiler and emulator are there.
find_program(TFL_MICRO_CXX arm-none-eabi-g++)
find_program(TFL_MICRO_QEMU qemu-system-arm)
find_program(TFL_MICRO_NM arm-none-eabi-nm)
mark_as_advanced(TFL_MICRO_CXX TFL_MICRO_QEMU TFL_MICRO_NM)
set(TFL_MICRO OFF)
if(TFL_MICRO_CXX AND TFL_MICRO_QEMU AND TFL_MICRO_NM AND NOT CMAKE_CROSSCOMPILING)
  set(TFL_MICRO ON)
endif()
set(tfl_micro_headers "${PROJECT_BINARY_DIR}/micro_models")
set(tfl_micro_board "${PROJECT_SOURCE_DIR}/examples/micro/board")

set(tfl_micro_cpu_m3 -mcpu=cortex-m3)
set(tfl_micro_cpu_m4 -mcpu=cortex-m4)
# Some assemblers take `vcvtne`, a conversion that happens or not, for another instruction: nothing is made conditional so late.
set(tfl_micro_cpu_m55 -mcpu=cortex-m55 -mfloat-abi=hard -fno-if-conversion2)
set(tfl_micro_script_m3 mps2.ld)
set(tfl_micro_script_m4 mps2.ld)
set(tfl_micro_script_m55 mps3-an547.ld)
set(tfl_micro_machine_m3 mps2-an385)
set(tfl_micro_machine_m4 mps2-an386)
set(tfl_micro_machine_m55 mps3-an547)

function(tfl_micro_run variable board)
  set(arguments "")
  foreach(argument IN LISTS ARGN)
    string(APPEND arguments ",arg=${argument}")
  endforeach()
  set(${variable} "${TFL_MICRO_QEMU}" -M ${tfl_micro_machine_${board}} -nographic -semihosting-config "enable=on,target=native${arguments}"
      -kernel PARENT_SCOPE)
endfunction()

function(tfl_micro_model name file)
  get_filename_component(file "${file}" ABSOLUTE)
  if(TARGET tfl_micro_model_${name})
    return()
  endif()
  file(MAKE_DIRECTORY "${tfl_micro_headers}")
  set(codegen tfl_codegen)
  if(TFL_CODEGEN)
    set(codegen "${TFL_CODEGEN}")
  endif()
  add_custom_command(OUTPUT "${tfl_micro_headers}/${name}.hpp"
                     COMMAND ${codegen} "${file}" -o "${tfl_micro_headers}/${name}.hpp" --name ${name} --target cortex-m --quiet ${ARGN}
                     DEPENDS "${file}" ${codegen} COMMENT "Writing ${name}.hpp" VERBATIM)
  add_custom_target(tfl_micro_model_${name} DEPENDS "${tfl_micro_headers}/${name}.hpp")
endfunction()

function(tfl_micro_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "READS_FILES" "BOARD" "SOURCES;MODELS;OPTIONS")
  if(arg_READS_FILES)
    # Behind the C library of the other processor.
    list(APPEND arg_OPTIONS -DNDEBUG "-I${PROJECT_BINARY_DIR}/include" -idirafter "${tfl_flatbuffers_DIR}")
  endif()
  set(sources "")
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(source "${source}" ABSOLUTE)
    list(APPEND sources "${source}")
  endforeach()
  list(APPEND sources "${tfl_micro_board}/startup.cpp")
  set(headers "")
  foreach(model IN LISTS arg_MODELS)
    list(APPEND headers "${tfl_micro_headers}/${model}.hpp" tfl_micro_model_${model})
  endforeach()
  set(elf "${CMAKE_CURRENT_BINARY_DIR}/${target}.elf")
  file(GLOB_RECURSE library CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/tfl/*.hpp")
  file(GLOB board CONFIGURE_DEPENDS "${tfl_micro_board}/*")
  add_custom_command(
    OUTPUT "${elf}"
    COMMAND "${TFL_MICRO_CXX}" -std=c++20 ${tfl_micro_cpu_${arg_BOARD}} -mthumb -Os -fno-exceptions -fno-rtti -fno-threadsafe-statics
            -ffunction-sections -fdata-sections -Wall -Wextra -Wconversion -Werror -Wno-psabi -DTFL_NO_ERROR_TEXT ${arg_OPTIONS}
            "-I${PROJECT_SOURCE_DIR}/include" "-I${tfl_micro_board}" "-I${tfl_micro_headers}" ${sources}
            --specs=nano.specs --specs=nosys.specs -nostartfiles -Wl,--gc-sections "-L${tfl_micro_board}"
            "-T${tfl_micro_script_${arg_BOARD}}" -o "${elf}"
    DEPENDS ${sources} ${headers} ${library} ${board} COMMENT "Compiling ${target} for ${arg_BOARD}" VERBATIM)
  add_custom_target(${target} ALL DEPENDS "${elf}")
endfunction()
