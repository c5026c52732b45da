#include "persist/kind/engine.hpp"

#include <dlfcn.h>

#include "persist/pool/engine_interface.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

constexpr const char* kLibrary = "libpmemobj.so.1";
constexpr const char* kTable = "terrace_pool_engine_table";

const terrace_pool_engine* load() {
    // One that the program has loaded already, else the one that lies beside libmemkind (its run path), else
    // the system's.
    void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        log_error("a persistent kind needs %s: %s", kLibrary, dlerror());
        return nullptr;
    }
    using Table = const terrace_pool_engine* (*)();
    const auto table = reinterpret_cast<Table>(dlsym(library, kTable));
    if (table == nullptr || table()->version != TERRACE_POOL_ENGINE_VERSION) {
        log_error(
            "a persistent kind needs Terrace's %s of the same version; the one that was found is another",
            kLibrary);
        return nullptr;
    }
    return table();
}

}  // namespace

const terrace_pool_engine* engine() {
    static const terrace_pool_engine* found = nullptr;
    const terrace_pool_engine* answer = __atomic_load_n(&found, __ATOMIC_ACQUIRE);
    if (answer == nullptr) [[unlikely]] {
        answer = load();  // two threads that race here find the same
        __atomic_store_n(&found, answer, __ATOMIC_RELEASE);
    }
    return answer;
}

}  // namespace terrace::persist
