# What `cmake --install` lays down, all of it in one place: public headers, libraries with their sonames, static twins,
# pkg-config files, and the CMake package `terrace`.
#
# Runs at the end of the top folder, when every target exists; folders need not do anything for it. Everything is
# found relative to where it lies, so an installed tree can be moved.
include(CMakePackageConfigHelpers)

# terrace_install_library(TARGET PKG_CONFIG name VERSION interface-version DESCRIPTION text)
#
# The interface's version is the one of the library whose interface this is: programs ask pkg-config for it.
function(terrace_install_library target)
  if(NOT TARGET ${target})
    return()
  endif()
  cmake_parse_arguments(ARG "" "PKG_CONFIG;VERSION;DESCRIPTION" "" ${ARGN})
  string(REGEX REPLACE "^lib" "" name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS ${target} EXPORT terrace
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

  if(ARG_PKG_CONFIG)
    terrace_static_twin(${target})
    file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
    set(PC_PREFIX "\${pcfiledir}/${up}")
    string(REGEX REPLACE "/$" "" PC_PREFIX ${PC_PREFIX})
    set(PC_NAME ${ARG_PKG_CONFIG})
    set(PC_DESCRIPTION ${ARG_DESCRIPTION})
    set(PC_VERSION ${ARG_VERSION})
    set(PC_LIBRARY ${name})
    set(pc ${PROJECT_BINARY_DIR}/install/${ARG_PKG_CONFIG}.pc)
    configure_file(${PROJECT_SOURCE_DIR}/scripts/cmake/library.pc.in ${pc} @ONLY)
    install(FILES ${pc} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endfunction()

# terrace_static_twin(TARGET): lib/NAME.a, one object in which only the shared library's public names are global; the
# private jemalloc and C++ run-time support inside it cannot clash with the program's own.
function(terrace_static_twin target)
  set(parts)
  terrace_collect_archives(${target} parts)
  list(TRANSFORM parts REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
  set(twin ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/${target}.a)
  add_custom_command(OUTPUT ${twin}
    COMMAND ${CMAKE_COMMAND} -E env LD=${TERRACE_GNU_LD} OBJCOPY=${TERRACE_GNU_OBJCOPY} AR=${CMAKE_AR} NM=${CMAKE_NM}
            ${PROJECT_SOURCE_DIR}/scripts/cmake/make_static_library.sh ${twin} $<TARGET_FILE:${target}> ${archives}
    DEPENDS ${target} ${parts} ${PROJECT_SOURCE_DIR}/scripts/cmake/make_static_library.sh
    COMMENT "Making ${target}.a" VERBATIM)
  add_custom_target(${target}_static ALL DEPENDS ${twin})
  install(FILES ${twin} DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# The static libraries that a target is made of, directly or through others, each once.
function(terrace_collect_archives target out)
  set(found ${${out}})
  get_target_property(linked ${target} LINK_LIBRARIES)
  get_target_property(interface ${target} INTERFACE_LINK_LIBRARIES)
  string(REGEX MATCHALL "terrace_[a-z0-9_]+" names "${linked};${interface}")
  foreach(name ${names})
    if(TARGET ${name} AND NOT name IN_LIST found)
      get_target_property(type ${name} TYPE)
      if(type STREQUAL STATIC_LIBRARY)
        list(APPEND found ${name})
        terrace_collect_archives(${name} found)
      endif()
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

function(terrace_install_everything)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

  terrace_install_library(libmemkind PKG_CONFIG memkind VERSION 1.14.0
    DESCRIPTION "Memory by kind: DRAM, files, tiers over them")
  terrace_install_library(libmemtier)  # preloaded, never linked
  terrace_install_library(libautohbw)  # preloaded; linked for its switch only
  terrace_install_library(libpmem PKG_CONFIG libpmem VERSION 1.12.1
    DESCRIPTION "Durable memory: mapping, flushing and copying")
  terrace_install_library(libpmem2 PKG_CONFIG libpmem2 VERSION 1.12.1
    DESCRIPTION "Durable memory by granularity: sources, maps, reservations")
  terrace_install_library(libpmemobj PKG_CONFIG libpmemobj VERSION 1.12.1
    DESCRIPTION "Durable objects: pools, transactions, atomic operations")

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/terrace)
  install(EXPORT terrace NAMESPACE terrace:: FILE terraceTargets.cmake DESTINATION ${package_dir})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/scripts/cmake/terraceConfig.cmake.in
    ${PROJECT_BINARY_DIR}/install/terraceConfig.cmake
    INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/install/terraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/install/terraceConfig.cmake ${PROJECT_BINARY_DIR}/install/terraceConfigVersion.cmake
    DESTINATION ${package_dir})
endfunction()

cmake_language(DEFER DIRECTORY ${PROJECT_SOURCE_DIR} CALL terrace_install_everything)
