// Static kinds come to life at their first use: their nodes are looked up then, and a source is made over
// them. Where CPUs have different nodes near them, a kind that is to be local becomes several inner kinds,
// one for each place, with windows and caches of their own: so a block that is freed goes back to its place,
// whoever frees it, and no thread is handed memory that lies far away.
#pragma once

#include <sched.h>

#include "kinds/kind.hpp"
#include "kinds/node_choice.hpp"

namespace terrace::kinds {

inline KindState state_of(const memkind* kind) {
    return kind->state.load(std::memory_order_acquire);
}

// Brings a static kind to life, once; others wait. Returns the state it has then, never kNotPrepared.
// REQUIRES: the calling thread is not preparing a kind already.
KindState prepare(memkind* kind);

// REQUIRES: state kSeveral with a choice. The inner kind for the CPU that the thread runs on.
inline memkind* place_for_this_cpu(const memkind* kind) {
    return kind->parts[kind->choice->place_of(sched_getcpu())];
}

// 0, or the MEMKIND_ERROR_* number that tells why there is no such memory. Takes no memory of the kind.
int availability(memkind* kind);

// Calls action(kind) for the kinds with a source or a foreign heap that this one consists of: itself, its
// places, or its members. Brings a static kind to life first.
template <typename Action>
void for_each_part(memkind* kind, Action action) {
    if (state_of(kind) == KindState::kNotPrepared)
        prepare(kind);
    switch (state_of(kind)) {
        case KindState::kReady:
            action(kind);
            break;
        case KindState::kSeveral:
            for (unsigned i = 0; i < kind->part_count; ++i)
                for_each_part(kind->parts[i], action);
            break;
        default:
            break;
    }
}

// The nodes that the kind's parts take memory from.
NodeSet nodes_of(memkind* kind);

// Held while a kind is prepared; for fork().
Mutex& preparing_lock();

}  // namespace terrace::kinds
