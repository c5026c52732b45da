# Two interface targets that every target of the project links.
#
#   terrace_options          the language, the warnings and the include root: for everything
#   terrace_library_options  what ships in a shared library: no exceptions, no RTTI, hidden symbols, no libstdc++

add_library(terrace_options INTERFACE)
target_compile_features(terrace_options INTERFACE cxx_std_20 c_std_11)
target_include_directories(terrace_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(terrace_options INTERFACE _GNU_SOURCE $<$<CONFIG:Debug>:TERRACE_CHECKS=1>)
target_compile_options(terrace_options INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(TERRACE_WARNINGS_ARE_ERRORS)
  target_compile_options(terrace_options INTERFACE -Werror)
endif()

add_library(terrace_library_options INTERFACE)
target_link_libraries(terrace_library_options INTERFACE terrace_options)
target_compile_options(terrace_library_options INTERFACE
  -fPIC -fvisibility=hidden -fno-semantic-interposition
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility-inlines-hidden>)

# TERRACE_SANITIZER=address,undefined or thread, set by the presets. The sanitizers' vptr check needs RTTI.
set(TERRACE_SANITIZER "" CACHE STRING "Value for -fsanitize=, empty for none")
if(TERRACE_SANITIZER)
  target_compile_options(terrace_options INTERFACE -fsanitize=${TERRACE_SANITIZER} -fno-sanitize=vptr -fno-omit-frame-pointer)
  target_link_options(terrace_options INTERFACE -fsanitize=${TERRACE_SANITIZER})
  target_compile_definitions(terrace_options INTERFACE TERRACE_CHECKS=1)
endif()
