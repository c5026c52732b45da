# The tests of the public headers libpmemobj.h and libpmem.h, and of the flush layer under both.

terrace_test(NAME persist_flush LABELS unit SOURCES api_flush_test.cpp flush_movdir64b_test.cpp LIBRARIES terrace_libpmem_parts)
terrace_test(NAME persist_libpmem LABELS unit SOURCES api_libpmem_test.cpp libpmem_log_test.cpp LIBRARIES libpmem)

if(TARGET libpmemobj)
  terrace_test(NAME persist_api LABELS unit
    SOURCES
      api_pool_test.cpp api_atomic_test.cpp
      api_transaction_test.cpp api_transaction_heap_test.cpp api_transaction_threads_test.cpp
      api_transaction_flags_test.cpp api_ctl_test.cpp api_locks_test.cpp api_lists_test.cpp api_library_test.cpp
      api_defrag_test.cpp api_pool_set_test.cpp api_misuse_test.cpp api_bindings_test.cpp
    LIBRARIES libpmemobj)
  # TX_BEGIN is a setjmp, and a nested one declares its variables anew: both warnings come with the interface.
  target_compile_options(persist_api PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-clobbered>)
  set_source_files_properties(api_transaction_test.cpp api_transaction_threads_test.cpp api_locks_test.cpp
    PROPERTIES COMPILE_OPTIONS -Wno-shadow)

  # One program in both languages, in each standard that the header promises.
  function(api_program name source standard)
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE libpmemobj)
    target_compile_options(${name} PRIVATE ${standard} -Wall -Wextra -Wconversion -Wshadow)
    if(TERRACE_SANITIZER)
      target_link_options(${name} PRIVATE -fsanitize=${TERRACE_SANITIZER})  # its run-time library must come first
    endif()
    add_test(NAME ${name} COMMAND ${name} /dev/shm/terrace-${name})
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
  endfunction()
  foreach(standard 99 11 17)
    api_program(persist_api_c${standard} api_c.c -std=gnu${standard})
  endforeach()
  foreach(standard 11 20)
    api_program(persist_api_cpp${standard} api_cpp.cpp -std=gnu++${standard})
  endforeach()
endif()

# The same calls with Debian's libpmem and with ours; CI has the package from scripts/packages/bench.txt.
include(${PROJECT_SOURCE_DIR}/bench/PeerPair.cmake)
if(TARGET libpmem)
  terrace_peer_pair(NAME libpmem_calls TERRACE libpmem PEER pmem HEADER libpmem.h SOURCES differential/libpmem_calls.c)
endif()
if(TARGET libpmem_calls_peer AND NOT TERRACE_SANITIZER)
  add_test(NAME persist_libpmem_differential COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/differential/differential_test.sh
    $<TARGET_FILE:libpmem_calls_peer> $<TARGET_FILE:libpmem_calls_terrace>)
  set_tests_properties(persist_libpmem_differential PROPERTIES LABELS unit TIMEOUT 300)
endif()

# The same for libpmemobj, and its names, macros and numbers; Debian's package is libpmemobj-dev.
if(TARGET libpmemobj)
  terrace_peer_pair(NAME libpmemobj_calls TERRACE libpmemobj PEER pmemobj HEADER libpmemobj.h SOURCES differential/libpmemobj_calls.c)
endif()
if(TARGET libpmemobj AND NOT TERRACE_SANITIZER)
  if(TARGET libpmemobj_calls_peer)
    add_test(NAME persist_libpmemobj_differential COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/differential/libpmemobj_test.sh
      $<TARGET_FILE:libpmemobj_calls_peer> $<TARGET_FILE:libpmemobj_calls_terrace> $<TARGET_FILE:libpmemobj>)
    set_tests_properties(persist_libpmemobj_differential PROPERTIES LABELS unit)
  endif()
  add_test(NAME persist_libpmemobj_names COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/differential/libpmemobj_names_test.sh
    $<TARGET_FILE:libpmemobj> ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  set_tests_properties(persist_libpmemobj_names PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
endif()

# Pools and libpmem in one process.
if(TARGET libpmemobj AND TARGET libpmem)
  terrace_test(NAME persist_libpmem_pool LABELS unit SOURCES libpmem_pool_test.cpp LIBRARIES libpmem libpmem2 libpmemobj)
  add_executable(libpmem_loaded_late libpmem_loaded_late.c)
  target_link_libraries(libpmem_loaded_late PRIVATE terrace_options libpmemobj ${CMAKE_DL_LIBS})
  add_dependencies(libpmem_loaded_late libpmem)
  add_test(NAME persist_libpmem_loaded_late COMMAND sh -c
    "pool=/dev/shm/terrace-late-$$; \"$0\" \"$1\" $pool; \"$0\" \"$1\" $pool; result=$?; rm -f $pool; exit $result"
    $<TARGET_FILE:libpmem_loaded_late> $<TARGET_FILE:libpmem>)
  set_tests_properties(persist_libpmem_loaded_late PROPERTIES LABELS unit TIMEOUT 300)
endif()

# libpmem for other architectures, built and run in an emulator: each in half a minute, or skipped.
if(TARGET libpmem_calls_terrace AND NOT TERRACE_SANITIZER)
  foreach(architecture aarch64 riscv64)
    add_test(NAME persist_flush_${architecture} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cross/cross_test.sh ${architecture}
      ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/cross-${architecture} $<TARGET_FILE:libpmem_calls_terrace>)
    set_tests_properties(persist_flush_${architecture} PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)
  endforeach()
endif()

# Programs of Debian's that are linked with libpmem, unchanged, with ours.
if(TARGET libpmem AND NOT TERRACE_SANITIZER)
  foreach(program fio qemu_nvdimm daxio)
    add_test(NAME persist_program_${program}
      COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/programs/${program}.sh $<TARGET_FILE:libpmem>)
    set_tests_properties(persist_program_${program} PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)
  endforeach()
endif()
