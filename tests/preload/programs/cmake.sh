# cmake: a project configured with compiler checks, generators, JSON and regular expressions, built, tested, installed.
needs="cmake make gcc" packages="cmake make gcc"

run() {
    mkdir source
    cat >source/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(Small C)
include(CheckIncludeFile)
check_include_file(malloc.h HAS_MALLOC)
check_include_file(nowhere.h HAS_NOWHERE)
set(list "")
foreach(i RANGE 1 3000)
  math(EXPR n "(${i} * 7919) % 3001")
  list(APPEND list ${n})
endforeach()
list(SORT list COMPARE NATURAL)
list(GET list 1000 item)
string(REGEX MATCHALL "[0-9]*77[0-9]*" sevens "${list}")
list(LENGTH sevens count)
string(MD5 hash "${list}")
string(JSON name GET "{\"a\": [1, {\"name\": \"deep\"}]}" a 1 name)
message(STATUS "answer: ${item} ${count} ${hash} ${name}")
file(WRITE ${CMAKE_BINARY_DIR}/gen.c "int answer(void) { return ${item}; }\n")
add_library(gen STATIC ${CMAKE_BINARY_DIR}/gen.c)
add_executable(small main.c)
target_link_libraries(small gen)
enable_testing()
add_test(NAME runs COMMAND small ${item})
add_test(NAME fails COMMAND small 1)
set_tests_properties(fails PROPERTIES WILL_FAIL TRUE)
install(TARGETS small DESTINATION bin)
CMAKE
    cat >source/main.c <<'C'
#include <stdlib.h>
int answer(void);
int main(int n, char **a) { return n < 2 || atoi(a[1]) != answer(); }
C
    tiered cmake -S source -B build | grep -v -E 'identification|\([0-9.]+s\)'
    tiered cmake --build build -j 2 | grep -E 'Built|warning|error' | sort
    # Which of the two ends first, and so is the first, is chance.
    tiered ctest --test-dir build -j 2 | sed -E 's/ +[0-9.]+ sec.*//; s|^ *[0-9]+/2 ||; /Total Test time/d; /^$/d' | sort
    tiered cmake --install build --prefix "$PWD/out" | sed "s|$PWD||"
    tiered cmake -E tar czf out.tgz out && tiered cmake -E tar tzf out.tgz | sort
    tiered out/bin/small 1001; echo "status $?"
    echo 'unknown_command()' >source/CMakeLists.txt
    tiered cmake -S source -B other 2>&1 | grep -c 'Unknown CMake command'
}
