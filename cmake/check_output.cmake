# Runs RUN (a list: the program and its arguments) and checks both its exit code and that its output matches every regular
# expression of PRINTS. ctest's PASS_REGULAR_EXPRESSION would forgive a failing exit code.
execute_process(COMMAND ${RUN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
message(NOTICE "${output}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the program ended with: ${result}")
endif()
foreach(pattern IN LISTS PRINTS)
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "nothing in the output matches: ${pattern}")
  endif()
endforeach()
