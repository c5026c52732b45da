# memkind_persistent.h: the kind's own functions, memkind.h's on it, what is refused, and the page that teaches it.
terrace_test(NAME persistent_kind_test LABELS unit
  SOURCES persistent_kind_test.cpp persistent_kind_functions_test.cpp persistent_kind_refusals_test.cpp
  LIBRARIES libmemkind libpmemobj)
set_source_files_properties(persistent_kind_test.cpp persistent_kind_functions_test.cpp persistent_kind_refusals_test.cpp
  PROPERTIES COMPILE_OPTIONS "${_no_clobbered}")

# The program of docs/persistent-kind.md, as a user compiles it, twice: what is still there tomorrow is in its second run.
if(NOT TERRACE_SANITIZER)  # whose run-time library would have to come first
  add_test(NAME persistent_kind_page COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/persistent_kind_page.sh
    ${PROJECT_SOURCE_DIR} $<TARGET_FILE_DIR:libmemkind> $<TARGET_FILE_DIR:libpmemobj> ${CMAKE_C_COMPILER})
  set_tests_properties(persistent_kind_page PROPERTIES LABELS unit)
endif()
