# terrace_peer_pair(NAME name TERRACE target PEER library HEADER header SOURCES … [JEMALLOC] [BARE]): the programs NAME_terrace
# and NAME_peer; with JEMALLOC also NAME_jemalloc, the same source over plain malloc with Debian's jemalloc behind it; with
# BARE also NAME_bare, over no library at all. Each sees its own BENCH_SIDE_TERRACE, BENCH_SIDE_PEER, …
#
# The peers' programs see neither our headers nor our libraries: they are found where Debian puts them, and nowhere else (an
# installed Terrace in /usr/local has the same names). Without the peer's -dev package the pair is left out, and bench/run
# says so.
function(terrace_peer_pair)
  cmake_parse_arguments(ARG "JEMALLOC;BARE" "NAME;TERRACE;PEER;HEADER" "SOURCES" ${ARGN})
  set(_debian_only PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/lib64 /usr/lib NO_DEFAULT_PATH)
  find_library(TERRACE_PEER_${ARG_PEER} NAMES lib${ARG_PEER}.so ${_debian_only})
  if(NOT TERRACE_PEER_${ARG_PEER} OR NOT EXISTS /usr/include/${ARG_HEADER})
    message(STATUS "bench: ${ARG_NAME} left out: lib${ARG_PEER}-dev is not installed")
    return()
  endif()
  find_package(Threads REQUIRED)

  set(_sides TERRACE PEER)
  if(ARG_JEMALLOC)
    find_library(TERRACE_PEER_jemalloc NAMES libjemalloc.so ${_debian_only})
    if(TERRACE_PEER_jemalloc)
      list(APPEND _sides JEMALLOC)
    else()
      message(STATUS "bench: ${ARG_NAME}_jemalloc left out: libjemalloc-dev is not installed")
    endif()
  endif()
  if(ARG_BARE)
    list(APPEND _sides BARE)
  endif()
  foreach(_side IN LISTS _sides)
    string(TOLOWER ${ARG_NAME}_${_side} _program)
    add_executable(${_program} ${ARG_SOURCES})
    target_compile_features(${_program} PRIVATE cxx_std_20 c_std_11)
    target_compile_definitions(${_program} PRIVATE _GNU_SOURCE BENCH_SIDE_${_side})
    # Without -fno-builtin a compiler that knows malloc may drop a malloc and a free that do nothing in between.
    target_compile_options(${_program} PRIVATE -O2 -fno-builtin -Wall -Wextra)
    target_link_libraries(${_program} PRIVATE Threads::Threads)
  endforeach()
  target_link_libraries(${ARG_NAME}_terrace PRIVATE ${ARG_TERRACE})
  target_link_libraries(${ARG_NAME}_peer PRIVATE ${TERRACE_PEER_${ARG_PEER}})
  if(TARGET ${ARG_NAME}_jemalloc)
    target_link_libraries(${ARG_NAME}_jemalloc PRIVATE ${TERRACE_PEER_jemalloc})
  endif()
endfunction()
