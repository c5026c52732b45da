# The tests of libpmem2.h: from outside, from inside, and next to PMDK's own library.
find_package(Threads REQUIRED)

foreach(part map arguments reservation)
  terrace_test(NAME persist_pmem2_${part} LABELS unit SOURCES pmem2_${part}_test.cpp LIBRARIES libpmem2 Threads::Threads)
endforeach()
terrace_label(concurrent persist_pmem2_map persist_pmem2_reservation)

terrace_test(NAME persist_pmem2_flush LABELS unit SOURCES pmem2_flush_test.cpp LIBRARIES terrace_libpmem2_parts)
target_link_options(persist_pmem2_flush PRIVATE -Wl,--wrap=msync)
terrace_test(NAME persist_pmem2_device LABELS unit SOURCES pmem2_device_test.cpp LIBRARIES terrace_libpmem2_parts)
target_link_options(persist_pmem2_device PRIVATE -Wl,--wrap=mmap)

# One program in both languages, in each standard that the header promises.
function(pmem2_program name source standard)
  add_executable(${name} ${source})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE libpmem2)
  target_compile_options(${name} PRIVATE ${standard} -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror)
  if(TERRACE_SANITIZER)
    target_link_options(${name} PRIVATE -fsanitize=${TERRACE_SANITIZER})  # its run-time library must come first
  endif()
  add_test(NAME ${name} COMMAND ${name} /dev/shm/terrace-${name})
  set_tests_properties(${name} PROPERTIES LABELS unit)
  add_dependencies(unit_tests ${name})
endfunction()
foreach(standard 99 11 17)
  pmem2_program(persist_pmem2_c${standard} pmem2_c.c -std=gnu${standard})
endforeach()
foreach(standard 11 14 17 20 2b)
  pmem2_program(persist_pmem2_cpp${standard} pmem2_cpp.cpp -std=gnu++${standard})
endforeach()

add_executable(pmem2_calls differential/pmem2_calls.c)
target_link_libraries(pmem2_calls PRIVATE terrace_options libpmem2)
add_dependencies(unit_tests pmem2_calls)
add_test(NAME persist_pmem2_differential
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/differential/pmem2_test.sh $<TARGET_FILE:pmem2_calls> $<TARGET_FILE:libpmem2>)
add_test(NAME persist_pmem2_names
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/differential/pmem2_names_test.sh $<TARGET_FILE:libpmem2> ${CMAKE_CURRENT_SOURCE_DIR}
          ${PROJECT_SOURCE_DIR}/include)
set_tests_properties(persist_pmem2_differential persist_pmem2_names PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
if(TERRACE_SANITIZER)  # PMDK's library, and programs built by the scripts, know nothing of sanitizers
  set_tests_properties(persist_pmem2_differential persist_pmem2_names PROPERTIES DISABLED TRUE)
endif()
