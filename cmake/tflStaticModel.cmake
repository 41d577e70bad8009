# tfl_add_static_model(<target> MODEL <file.tflite> [NAME <name>] [EXTENTS dynamic|filters|fixed] [WEIGHTS inline|blob]
# [TARGET generic|cortex-m|cortex-m-dsp|helium|x86|aarch64] [PACKED]):
# lets the sources of <target> include <name>.hpp, in which tfl_codegen has written the model as a type; see docs/design. NAME is
# the file's name where nothing is said. With WEIGHTS blob the constants are linked from a file instead of compiled. With PACKED
# <target> also holds them in the order in which its processor's kernels read them, for plans with PlanPacking::linked, which start at once: a
# program compiled as <target> is writes them while building. Several targets of
# a directory may take the same model.
#
# TFL_CODEGEN names the program where it isn't built here: cross builds set it to one that runs on this machine.
set(TFL_CODEGEN "" CACHE FILEPATH "tfl_codegen for this machine; where nothing is said, the one that is built or installed here")

function(tfl_add_static_model target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PACKED" "MODEL;NAME;EXTENTS;WEIGHTS;TARGET" "")
  if(TFL_CODEGEN)
    set(codegen "${TFL_CODEGEN}")
  elseif(TARGET tfl_codegen)
    set(codegen tfl_codegen)
  else()
    message(FATAL_ERROR "tfl_add_static_model needs tfl_codegen: build tools/ (TFL_BUILD_TOOLS, CLI11) or set TFL_CODEGEN to the program")
  endif()
  get_filename_component(model "${arg_MODEL}" ABSOLUTE)
  if(NOT arg_NAME)
    get_filename_component(arg_NAME "${model}" NAME_WE)
    string(MAKE_C_IDENTIFIER "${arg_NAME}" arg_NAME)
  endif()
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/static_models")
  set(outputs "${directory}/${arg_NAME}.hpp")
  set(arguments "${model}" -o "${directory}/${arg_NAME}.hpp" --name "${arg_NAME}" --quiet)
  if(arg_EXTENTS)
    list(APPEND arguments --extents "${arg_EXTENTS}")
  endif()
  if(arg_TARGET)
    list(APPEND arguments --target "${arg_TARGET}")
  endif()
  if(arg_WEIGHTS STREQUAL "blob")
    list(APPEND arguments --weights blob)
    list(APPEND outputs "${directory}/${arg_NAME}.bin")
    set(symbol "${arg_NAME}_weights")
    set(blob "${directory}/${arg_NAME}_weights.cpp")
    file(CONFIGURE OUTPUT "${blob}" CONTENT [=[
// The constants of a model, taken in by the assembler.
__asm__(".pushsection .rodata,\"a\"\n"
        ".balign 16\n"
        ".global @symbol@\n"
        "@symbol@:\n"
        ".incbin \"@directory@/@arg_NAME@.bin\"\n"
        ".popsection\n");
]=] @ONLY)
    set_source_files_properties("${blob}" PROPERTIES OBJECT_DEPENDS "${directory}/${arg_NAME}.bin")
    target_sources(${target} PRIVATE "${blob}")
  endif()
  set(id "tfl_static_model_${arg_NAME}_in_${CMAKE_CURRENT_BINARY_DIR}")
  string(MAKE_C_IDENTIFIER "${id}" id)
  if(NOT TARGET ${id})
    file(MAKE_DIRECTORY "${directory}")
    add_custom_command(OUTPUT ${outputs} COMMAND ${codegen} ${arguments} DEPENDS "${model}" ${codegen}
                       COMMENT "Writing ${arg_NAME}.hpp" VERBATIM)
    add_custom_target(${id} DEPENDS ${outputs})
  endif()
  if(arg_PACKED)
    set(packer "tfl_pack_${arg_NAME}_for_${target}")
    file(CONFIGURE OUTPUT "${directory}/${packer}.cpp" CONTENT "#include \"@arg_NAME@.hpp\"\n#include <tfl/plan/write_packed.hpp>\n\n\
int main(int argc, char** argv) { return argc == 2 ? tfl::plan::write_packed<@arg_NAME@>(\"@arg_NAME@\", argv[1]) : 2; }\n" @ONLY)
    add_executable(${packer} EXCLUDE_FROM_ALL "${directory}/${packer}.cpp")
    target_link_libraries(${packer} PRIVATE $<TARGET_PROPERTY:${target},LINK_LIBRARIES>)
    target_compile_options(${packer} PRIVATE $<TARGET_PROPERTY:${target},COMPILE_OPTIONS>)
    target_compile_definitions(${packer} PRIVATE $<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>)
    target_include_directories(${packer} PRIVATE "${directory}")
    add_dependencies(${packer} ${id})
    add_custom_command(OUTPUT "${directory}/${target}_${arg_NAME}_packed.cpp" COMMAND ${packer} "${directory}/${target}_${arg_NAME}_packed.cpp"
                       DEPENDS ${packer} ${outputs} COMMENT "Packing ${arg_NAME} for ${target}" VERBATIM)
    target_sources(${target} PRIVATE "${directory}/${target}_${arg_NAME}_packed.cpp")
  endif()
  add_dependencies(${target} ${id})
  target_include_directories(${target} PRIVATE "${directory}")
endfunction()
