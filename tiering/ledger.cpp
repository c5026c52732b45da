// Where the pages of the ledger come from, how they pass from a thread that ended to one that begins, and
// what a forked child does with the pages of the threads it lacks. Pages are mapped in batches, linked once,
// and never unmapped, so that readers can walk them without a lock.
#include "tiering/ledger.hpp"

#include <pthread.h>

#include "src/mutex.hpp"
#include "src/own_memory.hpp"

namespace terrace::tiering {
namespace {

constexpr unsigned kPagesPerBatch = 4;

struct Batch {
    Batch* next;
    LedgerPage pages[kPagesPerBatch];
};

std::atomic<Batch*> batches{nullptr};

// Used with atomic additions by threads that have no page: very early, very late, or when no page can be mapped.
LedgerPage common_page;

// Taken once per kind, when it is first used.
constinit Mutex tenant_lock;

pthread_key_t exit_key;
enum class Setup : int { kNone, kRunning, kDone };
std::atomic<Setup> setup{Setup::kNone};

// How often this thread's exit hook has run. Other hooks may still free memory after the first run, so it
// waits one round.
TERRACE_TLS int exit_rounds = 0;
constexpr int kRoundsBeforeRelease = 2;

template <class Visit>
void for_each_page(Visit visit) {
    for (Batch* batch = batches.load(std::memory_order_acquire); batch != nullptr; batch = batch->next) {
        for (LedgerPage& page : batch->pages)
            visit(page);
    }
}

// One more than the highest slot that ever had a tenant: what lies beyond is untouched, and is to stay so.
std::atomic<unsigned> slots_in_use{0};

void release(LedgerPage& page) {
    const unsigned in_use = slots_in_use.load(std::memory_order_acquire);
    for (unsigned slot = 0; slot < in_use; ++slot) {
        LedgerEntry& entry = page.entries[slot];
        if (entry.net.load(std::memory_order_relaxed) != entry.published)
            internal::publish(slot, entry);
    }
    page.owned.store(false, std::memory_order_release);
}

void at_thread_exit(void* page) {
    if (++exit_rounds < kRoundsBeforeRelease && pthread_setspecific(exit_key, page) == 0)
        return;
    if (void (*const hook)() = internal::before_release.load(std::memory_order_relaxed); hook != nullptr)
        hook();
    internal::own_page = nullptr;
    release(*static_cast<LedgerPage*>(page));
}

// Only the forking thread lives on in the child. What the others had allocated is still there and still
// counted; their pages are free for new threads.
void in_forked_child() {
    tenant_lock.reinitialise();
    for_each_page([](LedgerPage& page) {
        if (&page != internal::own_page && page.owned.load(std::memory_order_relaxed))
            release(page);
    });
}

// ENSURES: on true, exit_key exists. False while another thread, or this one further up its stack, is at it.
bool set_up() {
    Setup state = setup.load(std::memory_order_acquire);
    if (state == Setup::kNone && setup.compare_exchange_strong(state, Setup::kRunning)) {
        if (pthread_key_create(&exit_key, at_thread_exit) != 0)
            return false;  // no key is left: everyone uses the common page from here on
        pthread_atfork(nullptr, nullptr, in_forked_child);
        setup.store(Setup::kDone, std::memory_order_release);
        return true;
    }
    return state == Setup::kDone;
}

LedgerPage* claim_page() {
    LedgerPage* claimed = nullptr;
    for_each_page([&claimed](LedgerPage& page) {
        bool expected = false;
        if (claimed == nullptr && !page.owned.load(std::memory_order_relaxed) &&
            page.owned.compare_exchange_strong(expected, true, std::memory_order_acquire))
            claimed = &page;
    });
    return claimed;
}

LedgerPage* map_page() {
    void* memory = map_own_memory(sizeof(Batch));
    if (memory == nullptr)
        return nullptr;
    Batch* batch = static_cast<Batch*>(memory);  // zero bytes are an empty page
    batch->pages[0].owned.store(true, std::memory_order_relaxed);
    batch->next = batches.load(std::memory_order_relaxed);
    while (!batches.compare_exchange_weak(batch->next, batch, std::memory_order_release,
                                          std::memory_order_relaxed)) {
    }
    return &batch->pages[0];
}

// A page for the calling thread, or nullptr when it has to do without.
LedgerPage* acquire_page() {
    if (exit_rounds >= kRoundsBeforeRelease || !set_up())
        return nullptr;
    LedgerPage* page = claim_page();
    if (page == nullptr)
        page = map_page();
    if (page == nullptr)
        return nullptr;
    internal::own_page = page;  // before pthread_setspecific, which may call malloc and so come back here
    if (pthread_setspecific(exit_key, page) != 0) {
        internal::own_page = nullptr;
        release(*page);
        return nullptr;
    }
    return page;
}

template <class Number>
Number sum_of_pages(unsigned slot, std::atomic<Number> LedgerEntry::*number) {
    Number sum = (common_page.entries[slot].*number).load(std::memory_order_relaxed);
    for_each_page([&sum, slot, number](LedgerPage& page) {
        sum += (page.entries[slot].*number).load(std::memory_order_relaxed);
    });
    return sum;
}

void note_estimate_change() {
    if (estimates_are_compared.load(std::memory_order_relaxed))
        changes.increment();
}

void add_to_estimate(unsigned slot, std::int64_t bytes) {
    SharedBalance& shared = internal::shared_balances[slot];
    const std::int64_t now = shared.estimate.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::int64_t peak = shared.peak.load(std::memory_order_relaxed);
    while (now > peak && !shared.peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
    note_estimate_change();
}

}  // namespace

__attribute__((visibility("hidden"))) constinit ChangeCount changes;
constinit std::atomic<bool> estimates_are_compared{false};

// What libmemtier.so knows it by (shortcut.hpp).
extern "C" __attribute__((visibility("default"), alias("_ZN7terrace7tiering7changesE")))
ChangeCount terrace_preload_3_changes;

namespace internal {

TERRACE_TLS LedgerPage* own_page = nullptr;
SharedBalance shared_balances[kLedgerSlots];
constinit std::atomic<void (*)()> before_release{nullptr};

void publish(unsigned slot, LedgerEntry& entry) {
    const std::int64_t net = entry.net.load(std::memory_order_relaxed);
    add_to_estimate(slot, net - entry.published);
    entry.published = net;
    entry.upper = net + kPublishBytes;
    entry.lower = net - kPublishBytes;
}

void account_without_page(unsigned slot, std::int64_t bytes) {
    if (acquire_page() != nullptr)
        return account(slot, bytes);
    common_page.entries[slot].net.fetch_add(bytes, std::memory_order_relaxed);
    add_to_estimate(slot, bytes);
}

void change_tenant(unsigned slot, std::uint32_t tenant) {
    LockGuard guard(tenant_lock);
    SharedBalance& shared = shared_balances[slot];
    if (shared.tenant.load(std::memory_order_relaxed) == tenant)
        return;
    if (slot >= slots_in_use.load(std::memory_order_relaxed))
        slots_in_use.store(slot + 1, std::memory_order_release);
    const std::int64_t left_behind = sum_of_pages(slot, &LedgerEntry::net);
    shared.estimate.fetch_sub(left_behind - shared.base.load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
    note_estimate_change();
    shared.base.store(left_behind, std::memory_order_relaxed);
    shared.allocations_base.store(sum_of_pages(slot, &LedgerEntry::allocations), std::memory_order_relaxed);
    shared.peak.store(0, std::memory_order_relaxed);
    shared.tenant.store(tenant, std::memory_order_release);
}

}  // namespace internal

std::uint64_t allocated_bytes(unsigned slot) {
    const std::int64_t bytes = sum_of_pages(slot, &LedgerEntry::net) -
                               internal::shared_balances[slot].base.load(std::memory_order_relaxed);
    return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

std::uint64_t allocated_blocks(unsigned slot) {
    return sum_of_pages(slot, &LedgerEntry::allocations) -
           internal::shared_balances[slot].allocations_base.load(std::memory_order_relaxed);
}

void account_block(unsigned slot, std::int64_t bytes) {
    if (LedgerPage* const page = own_page() != nullptr ? own_page() : acquire_page(); page != nullptr) {
        count_block_in(page, slot);
        return account(slot, bytes);
    }
    common_page.entries[slot].allocations.fetch_add(1, std::memory_order_relaxed);
    account(slot, bytes);
}

std::uint64_t peak_bytes(unsigned slot) {
    const std::int64_t peak = internal::shared_balances[slot].peak.load(std::memory_order_relaxed);
    const std::uint64_t now = allocated_bytes(slot);
    return peak > 0 && static_cast<std::uint64_t>(peak) > now ? static_cast<std::uint64_t>(peak) : now;
}

}  // namespace terrace::tiering
