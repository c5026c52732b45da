#include "kinds/places.hpp"

#include "kinds/huge_source.hpp"
#include "kinds/node_source.hpp"
#include "kinds/registry.hpp"
#include "kinds/thread_caches.hpp"
#include "src/check.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"

namespace terrace::kinds {
namespace {

constinit Mutex preparing;

ExtentSource* make_source(const NodeChoice& choice, unsigned place) {
    if (choice.huge_page_size != 0)
        return HugeSource::create(choice.huge_page_size, choice.policy, choice.nodes[place]);
    return NodeSource::create(choice.policy, choice.nodes[place], nullptr, choice.no_transparent_huge_pages);
}

// Huge pages are few: no kind takes more address space at a time than it may fill.
std::size_t first_window_for(const NodeChoice& choice) {
    return choice.huge_page_size != 0 ? kSmallestFirstWindow : kSmallestFirstWindow * 4;
}

// Makes the inner kinds of a kind with several places. Returns 0 or a MEMKIND_ERROR_* number.
int make_places(memkind* kind, const NodeChoice& choice) {
    void* const memory = map_own_memory(choice.place_count * sizeof(memkind*));
    if (memory == nullptr)
        return MEMKIND_ERROR_MALLOC;
    memkind** const places = static_cast<memkind**>(memory);
    for (unsigned place = 0; place < choice.place_count; ++place) {
        ExtentSource* const source = make_source(choice, place);
        if (source == nullptr)
            return MEMKIND_ERROR_MALLOC;
        if (const int error = add_kind({.name = kind->name,
                                        .source = source,
                                        .foreign_heap = nullptr,
                                        .foreign_state = nullptr,
                                        .shard_count = 0,
                                        .first_window = first_window_for(choice),
                                        .shown_as = kind},
                                       &places[place]);
            error != 0)
            return error;
    }
    kind->choice = &choice;
    kind->parts = places;
    kind->part_count = choice.place_count;
    return MEMKIND_SUCCESS;
}

// Decides what the kind is to be. REQUIRES: preparing is held.
KindState come_to_life(memkind* kind) {
    const auto number = static_cast<StaticKind>(kind->slot);
    kind->error = check_shard_count_variable();
    if (kind->error != 0)
        return KindState::kUnavailable;
    const NodeChoice& choice = choose_nodes(number);
    kind->error = choice.error;
    if (kind->error == 0 && choice.place_count > 1)
        kind->error = make_places(kind, choice);
    if (kind->error == 0 && choice.place_count == 1) {
        kind->first_window = first_window_for(choice);
        kind->source = make_source(choice, 0);
        if (kind->source == nullptr)
            kind->error = MEMKIND_ERROR_MALLOC;
    }
    if (kind->error != 0) {
        log_info("kind %s is not available: error %d", kind->name, kind->error);
        return KindState::kUnavailable;
    }
    return choice.place_count > 1 ? KindState::kSeveral : KindState::kReady;
}

}  // namespace

KindState prepare(memkind* kind) {
    REQUIRES(kind->slot < kStaticKindCount && !thread_caches.preparing_kind);
    initialise();
    LockGuard guard(preparing);
    KindState state = state_of(kind);
    if (state != KindState::kNotPrepared)
        return state;
    thread_caches.preparing_kind = true;
    state = come_to_life(kind);
    thread_caches.preparing_kind = false;
    kind->state.store(state, std::memory_order_release);
    return state;
}

int availability(memkind* kind) {
    switch (state_of(kind)) {
        case KindState::kNotPrepared: {
            if (const int error = check_shard_count_variable(); error != 0)
                return error;
            if (thread_caches.preparing_kind)
                return MEMKIND_ERROR_UNAVAILABLE;
            LockGuard guard(preparing);
            thread_caches.preparing_kind = true;
            const int error = choose_nodes(static_cast<StaticKind>(kind->slot)).error;
            thread_caches.preparing_kind = false;
            return error;
        }
        case KindState::kUnavailable:
            return kind->error;
        case KindState::kReady:
            return kind->source == nullptr ? MEMKIND_SUCCESS : kind->source->availability();
        case KindState::kSeveral:
            break;
    }
    if (kind->choice != nullptr)
        return MEMKIND_SUCCESS;
    int error = MEMKIND_ERROR_UNAVAILABLE;
    for (unsigned i = 0; i < kind->part_count && error != MEMKIND_SUCCESS; ++i)
        error = availability(kind->parts[i]);
    return error;
}

NodeSet nodes_of(memkind* kind) {
    NodeSet nodes;
    for_each_part(kind, [&nodes](memkind* part) {
        const NodeSet* const its = part->source == nullptr ? nullptr : part->source->nodes();
        if (its != nullptr)
            nodes.add_all(*its);
    });
    return nodes;
}

Mutex& preparing_lock() {
    return preparing;
}

}  // namespace terrace::kinds
