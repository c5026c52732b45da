// A library for dlopen: a constructor, a destructor, static objects and thread-local ones, all of which allocate.
#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

namespace {
std::vector<std::string> list(100, std::string(500, 'p'));
thread_local std::string of_thread(2000, 't');
thread_local char large_tls[20000];
void* from_constructor;
__attribute__((constructor)) void open() {
    from_constructor = malloc(10000);
}
__attribute__((destructor)) void close() {
    free(from_constructor);
}
}  // namespace

extern "C" size_t plugin_work(size_t n) {
    large_tls[n % sizeof large_tls] = 1;
    of_thread.append(n, 'n');
    list.emplace_back(n, 'x');
    return of_thread.size() + list.size();
}
extern "C" char* plugin_block() {
    return strdup("from the plugin");
}
