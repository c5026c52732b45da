# memkind's interface as its users see it: headers, names, numbers, and the functions around the heap.
add_test(NAME surface_names COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/surface_names_test.sh
  $<TARGET_FILE:libmemkind> ${CMAKE_CURRENT_SOURCE_DIR}/surface_names.txt)
set_tests_properties(surface_names PROPERTIES LABELS unit)
if(NOT TERRACE_SANITIZER) # it knows nothing of this build
  # This build's compilers, and the others that are there.
  add_test(NAME surface_headers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/surface_headers_test.sh
    ${PROJECT_SOURCE_DIR}/include gcc:g++ clang-14:clang++-14)
  set_tests_properties(surface_headers PROPERTIES LABELS unit)
endif()

terrace_test(NAME cpp_allocators_test LABELS unit
  SOURCES cpp_allocators_test.cpp cpp_allocators_everywhere.cpp LIBRARIES ${_kinds})
terrace_label(concurrent cpp_allocators_test)
terrace_test(NAME hbw_test LABELS unit SOURCES hbw_test.cpp LIBRARIES ${_kinds})
foreach(_name surface_test surface_environment_test)
  terrace_test(NAME ${_name} LABELS unit SOURCES ${_name}.cpp surface_program.c LIBRARIES ${_kinds})
endforeach()
# Programs that no sanitizer was built into cannot load a library that one was.
if(NOT TERRACE_SANITIZER)
add_test(NAME surface_examples COMMAND ${CMAKE_COMMAND} -E env CC=${CMAKE_C_COMPILER} CXX=${CMAKE_CXX_COMPILER}
  ${CMAKE_CURRENT_SOURCE_DIR}/surface_examples_test.sh ${PROJECT_SOURCE_DIR}/include $<TARGET_FILE:libmemkind>)
set_tests_properties(surface_examples PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
endif()
