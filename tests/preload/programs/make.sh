# make: a C++ library and a program with make -j, again after a change, with a failing rule, and large lists.
needs="make g++ ar" packages="make g++ binutils"

run() {
    mkdir part
    for i in 1 2 3 4; do
        cat >part/$i.cpp <<CPP
#include <map>
#include <string>
#include "../parts.hpp"
int part$i(int n) {
    std::map<std::string, int> counts;
    for (int k = 0; k < n; ++k) counts[std::to_string(k % ($i * 10))] += k;
    int sum = 0;
    for (const auto& [name, count] : counts) sum += count + static_cast<int>(name.size());
    return sum;
}
CPP
        echo "int part$i(int);" >>parts.hpp
    done
    cat >main.cpp <<'CPP'
#include <iostream>
#include "parts.hpp"
int main() { std::cout << part1(1000) + part2(1000) + part3(1000) + part4(1000) << '\n'; }
CPP
    cat >Makefile <<'MAKE'
objects := $(patsubst %.cpp,%.o,$(sort $(wildcard part/*.cpp)))
many := $(foreach a,$(shell seq 1 300),$(foreach b,0 1 2 3 4 5 6 7 8 9,name_$(a)_$(b)))
program: main.o libparts.a
	@$(CXX) $^ -o $@
libparts.a: $(objects)
	@rm -f $@ && $(AR) rcsD $@ $^
%.o: %.cpp parts.hpp
	@$(CXX) -std=c++17 -O1 -c $< -o $@
words:
	@echo $(words $(many)) $(words $(filter name_1%,$(many))) $(lastword $(sort $(many)))
wrong:
	@false
.PHONY: words wrong
MAKE
    tiered make -j4 -s && tiered ./program
    md5sum <program
    tiered make -j4 -s -q; echo "nothing to do: $?"
    sed -i 's/\* 10/* 11/' part/3.cpp
    tiered make -j4 -n | sort
    tiered make -j4 -s && tiered ./program
    tiered make -s words
    tiered make -s -k wrong missing
    echo "status $?"
}
