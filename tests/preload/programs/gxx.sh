# g++: a program heavy in templates, compiled optimised and with debug information by gcc's own processes, then run.
needs="g++" packages="g++"

run() {
    cat >program.cpp <<'CPP'
#include <algorithm>
#include <future>
#include <iostream>
#include <map>
#include <memory_resource>
#include <numeric>
#include <regex>
#include <string>
#include <vector>
struct alignas(256) Wide { char bytes[300]; };
int main() {
    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 50000; ++i) map["k" + std::to_string(i % 1000)].push_back(i);
    std::vector<std::future<long>> futures;
    for (int t = 0; t < 4; ++t) futures.push_back(std::async(std::launch::async, [t] {
        std::vector<std::unique_ptr<Wide>> v; for (int i = 0; i < 500; ++i) v.push_back(std::make_unique<Wide>());
        for (auto& w : v) if (reinterpret_cast<std::uintptr_t>(w.get()) % 256) return -1L;
        std::vector<long> n(100000); std::iota(n.begin(), n.end(), t); return std::accumulate(n.begin(), n.end(), 0L); }));
    for (auto& f : futures) std::cout << f.get() << '\n';
    std::pmr::monotonic_buffer_resource arena; std::pmr::vector<std::pmr::string> s(&arena);
    for (int i = 0; i < 1000; ++i) s.emplace_back("a string that is not short at all");
    std::cout << map.size() << ' ' << std::regex_replace(std::string("a1b22c333"), std::regex("[0-9]+"), "#") << ' ' << s.size() << '\n';
    try { std::vector<char> huge(1UL << 60); } catch (const std::bad_alloc&) { std::cout << "bad_alloc\n"; }
}
CPP
    tiered g++ -std=c++20 -O2 -g -pthread -c program.cpp -o program.o && md5sum <program.o
    tiered g++ -pthread program.o -o program && tiered ./program
    echo "status $?"
    echo 'int main() { return missing; }' >wrong.cpp
    tiered g++ -c wrong.cpp
    echo "status $?"
}
