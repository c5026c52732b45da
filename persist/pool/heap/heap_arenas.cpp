// See heap.hpp. Which arena a thread allocates from, and arenas that the program makes itself.
// The ordinary case costs two loads: the thread's number picks an arena. Once a program has pinned a thread or
// changed which arenas are automatic, a thread remembers its arena until the next such change.
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "persist/pool/ctl_settings.hpp"
#include "persist/pool/heap/heap.hpp"
#include "persist/pool/thread_state.hpp"

namespace terrace::persist {
namespace {

constexpr uint32_t kMostAtFirst = 1024;

thread_local uint32_t t_number __attribute__((tls_model("initial-exec"))) = UINT32_MAX;
thread_local uint32_t t_remembered_arena __attribute__((tls_model("initial-exec"))) = 0;
thread_local uint64_t t_remembered_serial __attribute__((tls_model("initial-exec"))) = 0;
std::atomic<uint32_t> g_next_number{0};
std::atomic<uint64_t> g_next_serial{1};

uint32_t number_of_thread() {
    if (t_number == UINT32_MAX) [[unlikely]]
        t_number = g_next_number.fetch_add(1, std::memory_order_relaxed);
    return t_number;
}

uint64_t new_serial() {
    return g_next_serial.fetch_add(1, std::memory_order_relaxed);
}

template <class T>
T* map_zeros(uint64_t count) {
    void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

}  // namespace

uint32_t Heap::default_arena_count() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 2;
    return std::min(static_cast<uint32_t>(std::max(CPU_COUNT(&set), 1)) * 2, 32u);
}

bool Heap::start_arenas() {
    const uint32_t wanted = arenas_of_new_pool();
    ordinary_arenas_ = wanted != 0 ? wanted : default_arena_count();
    most_arenas_ = std::max(kMostAtFirst, ordinary_arenas_);
    arenas_ = map_zeros<Arena*>(kMostArenas);
    if (arenas_ == nullptr)
        return false;
    for (uint32_t i = 0; i < ordinary_arenas_; ++i) {
        if (create_arena() == 0)
            return false;
        arenas_[i]->automatic = true;
    }
    if (arenas_are_global())
        ordinary_arenas_ = 1;
    first_serial_ = new_serial();
    arena_serial_.store(0, std::memory_order_relaxed);
    return true;
}

void Heap::stop_arenas() {
    if (arenas_ == nullptr)
        return;
    for (uint32_t i = 0; i < arena_count(); ++i)
        munmap(static_cast<void*>(arenas_[i]), sizeof(Arena));
    munmap(static_cast<void*>(arenas_), kMostArenas * sizeof(Arena*));
    arenas_ = nullptr;
    arena_count_.store(0, std::memory_order_relaxed);
}

// 2 loads and a division, unless the program takes arenas into its own hands.
Arena& Heap::arena_of_thread() {
    const uint64_t serial = arena_serial_.load(std::memory_order_acquire);
    if (serial != 0) [[unlikely]]
        return *arenas_[special_arena(serial) - 1];
    return *arenas_[number_of_thread() % ordinary_arenas_];
}

uint32_t Heap::arena_id_of_thread() {
    const uint64_t serial = arena_serial_.load(std::memory_order_acquire);
    return serial != 0 ? special_arena(serial) : number_of_thread() % ordinary_arenas_ + 1;
}

uint32_t Heap::special_arena(uint64_t serial) {
    if (t_remembered_serial == serial)
        return t_remembered_arena;
    uint32_t id = 0;
    if (const ThreadState* const state = existing_thread_state()) {
        for (const ArenaPin& pin : state->arena_pins) {
            if (pin.heap == this && pin.serial == first_serial_)
                id = pin.arena;
        }
    }
    if (id == 0) {
        LockGuard guard(lock_);
        uint32_t skip = number_of_thread() % (arenas_are_global() ? 1 : count_automatic());
        while (!arenas_[id]->automatic || skip-- > 0)
            ++id;
        ++id;
    }
    t_remembered_arena = id;
    t_remembered_serial = serial;
    return id;
}

bool Heap::pin_thread(uint32_t id) {
    if (need_thread_state() != 0)
        return false;
    ThreadState& state = thread_state();
    for (ArenaPin& pin : state.arena_pins) {
        if (pin.heap == this) {
            pin = {this, first_serial_, id};
            arena_serial_.store(new_serial(), std::memory_order_release);
            return true;
        }
    }
    if (!state.arena_pins.push({this, first_serial_, id}))
        return false;
    arena_serial_.store(new_serial(), std::memory_order_release);
    return true;
}

uint32_t Heap::count_automatic() const {
    uint32_t count = 0;
    for (uint32_t i = 0; i < arena_count(); ++i)
        count += arenas_[i]->automatic ? 1 : 0;
    return count;
}

uint32_t Heap::automatic_arena_count() {
    LockGuard guard(lock_);
    return count_automatic();
}

bool Heap::is_automatic(uint32_t id) {
    LockGuard guard(lock_);
    return arenas_[id - 1]->automatic;
}

bool Heap::set_automatic(uint32_t id, bool automatic) {
    LockGuard guard(lock_);
    if (!automatic && arenas_[id - 1]->automatic && count_automatic() == 1)
        return false;
    arenas_[id - 1]->automatic = automatic;
    arena_serial_.store(new_serial(), std::memory_order_release);
    return true;
}

uint32_t Heap::create_arena() {
    LockGuard guard(lock_);
    const uint32_t count = arena_count();
    if (count >= most_arenas_)
        return 0;
    void* const memory = map_zeros<Arena>(1);
    if (memory == nullptr)
        return 0;
    auto* const arena = new (memory) Arena{};
    arena->automatic = false;
    arenas_[count] = arena;
    arena_count_.store(count + 1, std::memory_order_release);
    return count + 1;
}

uint64_t Heap::arena_bytes(uint32_t id) {
    return arenas_[id - 1]->pages.load(std::memory_order_relaxed) * kPageBytes;
}

uint32_t Heap::most_arenas() {
    LockGuard guard(lock_);
    return most_arenas_;
}

bool Heap::set_most_arenas(uint32_t count) {
    LockGuard guard(lock_);
    if (count < arena_count() || count > kMostArenas)
        return false;
    most_arenas_ = count;
    return true;
}

}  // namespace terrace::persist
