// Libraries that are loaded and unloaded while threads run, and signal handlers that allocate where that is allowed.
#include <signal.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "probe.h"

namespace {

char* from_handler;

// Raised while the program is not inside malloc: POSIX allows it, and programs do it.
void handler(int) {
    from_handler = strdup("from the handler");
    free(malloc(100000));
}

void check_signals() {
    static char stack[1 << 16];
    stack_t other = {};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    CHECK(sigaltstack(&other, nullptr) == 0);
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_ONSTACK;
    CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
    for (int i = 0; i < 1000; ++i) {
        CHECK(raise(SIGUSR1) == 0);
        CHECK(strcmp(from_handler, "from the handler") == 0 && is_tiered(from_handler));
        free(from_handler);
    }
}

void use_plugin(const char* path) {
    void* library = dlopen(path, RTLD_NOW);
    if (library == nullptr)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library != nullptr);
    auto* work = reinterpret_cast<size_t (*)(size_t)>(dlsym(library, "plugin_work"));
    auto* block = reinterpret_cast<char* (*)()>(dlsym(library, "plugin_block"));
    std::mutex lock;  // the plugin's list is not made for threads
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            const std::lock_guard<std::mutex> guard(lock);
            CHECK(work(t * 100) >= 2000);
        });
    for (std::thread& thread : threads)
        thread.join();
    char* kept = block();
    CHECK(is_tiered(kept));
    CHECK(dlclose(library) == 0);
    CHECK(strcmp(kept, "from the plugin") == 0);
    free(kept);
    CHECK(dlopen("/no/such/library.so", RTLD_NOW) == nullptr && dlerror() != nullptr);
}

}  // namespace

int main(int, char** arguments) {
    check_signals();
    std::string plugin = arguments[0];
    plugin = plugin.substr(0, plugin.rfind('/')) + "/libpreload_plugin.so";
    for (int i = 0; i < 50; ++i)
        use_plugin(plugin.c_str());
    puts("libraries come and go");
    return 0;
}
