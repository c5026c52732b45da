// What the crash test keeps in its pool, and the page through which a worker tells what it has begun and
// finished. Worker and driver are two programs that share these structures and the operations of model.hpp.
// Each thread has an area of its own in the pool; the balances belong to all of them.
#pragma once

#include <libpmemobj.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace terrace::crash {

inline constexpr const char* kLayout = "crash test";
inline constexpr std::size_t kPoolSize = std::size_t{64} << 20;
inline constexpr unsigned kThreads = 4;
inline constexpr unsigned kAccounts = 64;
inline constexpr std::int64_t kInitialBalance = 1000000;
inline constexpr unsigned kSlots = 12;
inline constexpr unsigned kAtomicSlots = 6;
inline constexpr unsigned kMostInList = 10;
inline constexpr unsigned kWords = 64;
inline constexpr unsigned kDirectWords = 16;
inline constexpr unsigned kBulkWords = 16384;  // 128 KiB: more than any log holds without extending it

// Every object begins with who made it; words made from that follow.
struct ObjectHeader {
    std::uint64_t thread;
    std::uint64_t operation;
    std::uint64_t size;  // as asked for when it was made
};

// An element of a thread's list. As POBJ_LIST_ENTRY and POBJ_LIST_HEAD have it.
struct ListNode {
    ObjectHeader header;
    struct {
        PMEMoid next;
        PMEMoid previous;
    } entry;
};
struct ListHead {
    PMEMoid first;
    PMEMmutex lock;
};

struct Area {
    std::uint64_t sequence;  // how many operations this thread has done, in all runs
    std::uint64_t words[kWords];
    std::uint64_t direct[kDirectWords];
    PMEMoid slots[kSlots];
    PMEMoid atomic_slots[kAtomicSlots];
    ListHead list;
    std::uint64_t bulk[kBulkWords];
};

struct Root {
    std::int64_t balances[kAccounts];
    Area areas[kThreads];
};

// In a shared mapping of a file: it outlives the worker, so what was stored before SIGKILL is there.
struct Acknowledgements {
    struct alignas(64) Thread {
        std::atomic<std::uint64_t> begun;  // stored before an operation begins
        std::atomic<std::uint64_t> done;   // stored after the library said that it is durable
    };
    enum State : int { kStarting, kOpening, kRunning };
    std::atomic<int> state;
    Thread threads[kThreads];
};

// How a worker breaks the rules, so that the test can show that it would notice.
enum class Fault { kNone, kStoreOutsideTransaction, kEarlyAcknowledgement, kLostObject };

}  // namespace terrace::crash
