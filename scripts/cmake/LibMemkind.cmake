# libmemkind.so.0: the kinds, the memtier interface over them, and the persistent kind.
# Made here because it is put together from three folders that do not know of each other.
set(_parts terrace_kinds)
foreach(_part terrace_tiering terrace_persistent_kind)
  if(TARGET ${_part})
    list(APPEND _parts ${_part})
  endif()
endforeach()

# Whole archives: the public interface is wanted whether something else refers to it or not.
terrace_shared_library(libmemkind SOVERSION 0 VERSION 0.0.1 MAP ${PROJECT_SOURCE_DIR}/kinds/libmemkind.map
  LIBRARIES "$<LINK_LIBRARY:WHOLE_ARCHIVE,${_parts}>" terrace_ground terrace_jemalloc)
target_link_options(libmemkind PRIVATE -static-libgcc)
