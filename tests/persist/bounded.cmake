# Tests of the bound on the DRAM of a pool's working copy.
foreach(part limit stores transaction container)
  set_source_files_properties(bounded_${part}_test.cpp PROPERTIES COMPILE_OPTIONS "${_no_clobbered};-Wno-shadow")
  terrace_test(NAME persist_bounded_${part} LABELS unit COST 25 SOURCES bounded_${part}_test.cpp LIBRARIES terrace_pool)
endforeach()
terrace_label(concurrent persist_bounded_limit persist_bounded_stores persist_bounded_transaction)
