#include "kinds/heap_manager.hpp"

#include <stdlib.h>
#include <string.h>

#include "src/log.hpp"

namespace terrace::kinds {

void check_heap_manager_variable() {
    static bool checked = false;
    if (__atomic_load_n(&checked, __ATOMIC_RELAXED) || __atomic_exchange_n(&checked, true, __ATOMIC_RELAXED))
        return;
    const char* const wanted = secure_getenv("MEMKIND_HEAP_MANAGER");
    if (wanted == nullptr || strcmp(wanted, "JEMALLOC") == 0)
        return;
    if (strcmp(wanted, "TBB") == 0)
        log_error(
            "MEMKIND_HEAP_MANAGER: 'TBB' is not supported: this library has one heap, and goes on with it");
    else
        log_error("MEMKIND_HEAP_MANAGER: '%s' is not accepted; accepted: JEMALLOC", wanted);
}

}  // namespace terrace::kinds
