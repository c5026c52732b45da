// Choosing the table of flush.hpp: the CPU's best methods, less what the environment rules out.
// It happens at the first use and is then fixed, so that one process never mixes methods by accident.
// A race of two first uses is settled by a lock; everything after costs one load.
#include <stdlib.h>
#include <string.h>

#include <cstdint>

#include "persist/flush/auto_flush.hpp"
#include "persist/flush/cpu.hpp"
#include "src/log.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {
namespace {

Mutex choosing;
FlushMethods chosen;
std::atomic<void (*)(const void*, std::size_t)> cpu_write_back{nullptr};

// PMEM_MOVNT_THRESHOLD; false when it is not set, or nonsense.
bool stream_threshold(std::size_t* bytes) {
    const char* const text = secure_getenv("PMEM_MOVNT_THRESHOLD");
    if (text == nullptr)
        return false;
    char* end = nullptr;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < 0) {
        log_error("PMEM_MOVNT_THRESHOLD: '%s' is not a number of bytes; it is ignored", text);
        return false;
    }
    *bytes = static_cast<std::size_t>(value);
    return true;
}

void write_back_nothing(const void*, std::size_t) {
    asm volatile("" ::: "memory");  // the stores themselves must have been made
}

// PMEM_NO_FLUSH=1 says that the caches are durable, =0 that they are not; else the platform is asked.
bool caches_are_durable() {
    if (is_set_to("PMEM_NO_FLUSH", "1"))
        return true;
    if (is_set_to("PMEM_NO_FLUSH", "0"))
        return false;
    return platform_flushes_caches() == 1;
}

void choose(FlushMethods* methods) {
    *methods = {};
    methods_of_this_cpu(methods);
    if (is_set_to("PMEM_NO_MOVNT", "1")) {
        methods->stream_lines = nullptr;
        methods->stream_fill = nullptr;
    }
    cpu_write_back.store(methods->write_back, std::memory_order_relaxed);
    if (std::size_t bytes = 0; stream_threshold(&bytes)) {
        methods->stream_from = bytes;
        methods->stream_words_from = bytes;
        methods->stream_near_from = bytes;
    }
    methods->caches_are_durable = caches_are_durable();
    if (methods->caches_are_durable) {
        // With durable caches a cached copy is durable at once; streaming would only cost the reader.
        methods->name = "nothing (the caches are durable)";
        methods->write_back = write_back_nothing;
        methods->stream_from = SIZE_MAX;
        methods->stream_words_from = SIZE_MAX;
    }
    log_info("durable memory: written back by %s, streamed from %zu bytes on", methods->name,
             methods->stream_lines != nullptr ? methods->stream_words_from : SIZE_MAX);
}

}  // namespace

namespace detail {

std::atomic<const FlushMethods*> methods_in_use{nullptr};

const FlushMethods& choose_flush_methods() {
    bool is_first = false;
    {
        LockGuard lock(choosing);
        if (methods_in_use.load(std::memory_order_relaxed) == nullptr) {
            choose(&chosen);
            methods_in_use.store(&chosen, std::memory_order_release);
            is_first = true;
        }
    }
    if (is_first && methods_were_chosen != nullptr)
        methods_were_chosen();
    return *methods_in_use.load(std::memory_order_acquire);
}

}  // namespace detail

bool is_set_to(const char* variable, const char* value) {
    const char* const text = secure_getenv(variable);
    return text != nullptr && strcmp(text, value) == 0;
}

const FlushMethods* use_flush_methods(const FlushMethods* methods) {
    LockGuard lock(choosing);
    return detail::methods_in_use.exchange(methods, std::memory_order_acq_rel);
}

void write_back_always(const void* address, std::size_t size) {
    (void)flush_methods();
    cpu_write_back.load(std::memory_order_relaxed)(address, size);
}

}  // namespace terrace::persist
