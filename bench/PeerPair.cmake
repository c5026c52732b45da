# terrace_peer_pair(NAME name TERRACE target PEER library HEADER header SOURCES …): the programs NAME_terrace and NAME_peer.
#
# The peer's program sees neither our headers nor our libraries: it is found where Debian puts it, and nowhere else (an
# installed Terrace in /usr/local has the same names). Without the peer's -dev package the pair is left out, and bench/run
# says so.
function(terrace_peer_pair)
  cmake_parse_arguments(ARG "" "NAME;TERRACE;PEER;HEADER" "SOURCES" ${ARGN})
  find_library(TERRACE_PEER_${ARG_PEER} NAMES lib${ARG_PEER}.so
    PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/lib64 /usr/lib NO_DEFAULT_PATH)
  if(NOT TERRACE_PEER_${ARG_PEER} OR NOT EXISTS /usr/include/${ARG_HEADER})
    message(STATUS "bench: ${ARG_NAME} left out: lib${ARG_PEER}-dev is not installed")
    return()
  endif()
  find_package(Threads REQUIRED)

  foreach(_side terrace peer)
    add_executable(${ARG_NAME}_${_side} ${ARG_SOURCES})
    target_compile_features(${ARG_NAME}_${_side} PRIVATE cxx_std_20 c_std_11)
    target_compile_definitions(${ARG_NAME}_${_side} PRIVATE _GNU_SOURCE)
    target_compile_options(${ARG_NAME}_${_side} PRIVATE -O2 -Wall -Wextra)
    target_link_libraries(${ARG_NAME}_${_side} PRIVATE Threads::Threads)
  endforeach()
  target_link_libraries(${ARG_NAME}_terrace PRIVATE ${ARG_TERRACE})
  target_link_libraries(${ARG_NAME}_peer PRIVATE ${TERRACE_PEER_${ARG_PEER}})
endfunction()
