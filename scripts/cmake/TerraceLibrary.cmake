# The tools that put object files together: GNU's, whatever linker the compiler prefers (clang may choose lld, which
# knows fewer options).
find_program(TERRACE_GNU_LD NAMES ld.bfd ld REQUIRED)
find_program(TERRACE_GNU_OBJCOPY NAMES ${CMAKE_LIBRARY_ARCHITECTURE}-objcopy objcopy REQUIRED)

# terrace_shared_library(NAME SOVERSION n VERSION v [MAP file] SOURCES/LIBRARIES …)
#
# A public shared library and its static twin. The C compiler driver links it, so that it does not need libstdc++ at
# run time; the version script decides what is public.
function(terrace_shared_library name)
  cmake_parse_arguments(ARG "" "SOVERSION;VERSION;MAP" "LIBRARIES" ${ARGN})
  add_library(${name} SHARED ${PROJECT_SOURCE_DIR}/scripts/cmake/empty.c)
  set_target_properties(${name} PROPERTIES
    LINKER_LANGUAGE C SOVERSION ${ARG_SOVERSION} VERSION ${ARG_VERSION}
    INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON LINK_DEPENDS ${ARG_MAP})
  string(REGEX REPLACE "^lib" "" output ${name})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME ${output})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  # nodelete: fork handlers and thread-end handlers of the library outlive a dlclose.
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${ARG_MAP} -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,-z,defs -Wl,--as-needed)
  target_include_directories(${name} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
endfunction()
