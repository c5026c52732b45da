// Threads that commit at the same time, one event after the other in an order that the seed decides. Each thread
// has a part of the root; what they share they change under a mutex, so what the later one did implies the earlier.
#include <mutex>

#include "tests/persist/states/token_scheduler.hpp"
#include "tests/persist/states/workloads.hpp"

namespace terrace::persist::states {
namespace {

void run_threads(World& world, size_t count, const std::function<void(size_t)>& body) {
    TokenScheduler scheduler(world.seed());
    world.recorder().pause();
    listen(scheduler);  // before the recorder: an event is recorded when its turn has come
    world.recorder().resume();
    std::vector<std::function<void()>> bodies;
    for (size_t part = 0; part < count; ++part)
        bodies.emplace_back([&body, part] { body(part); });
    scheduler.run(bodies);
    stop_listening(scheduler);
}

void change_words(World& world, size_t part, uint64_t value) {
    transact(world, [&] {
        Part& mine = world.part(part);
        for (size_t i = 0; i < 4; ++i) {
            add_range(&mine.words[i * 5]);
            mine.words[i * 5] = value;
        }
    });
    world.done("four words", part);
}

void replace_object(World& world, size_t part, uint64_t value) {
    transact(world, [&] {
        Part& mine = world.part(part);
        PMEMoid* const slot = &mine.slots[value % 3];
        add_range(slot);
        if (!OID_IS_NULL(*slot))
            pmemobj_tx_free(*slot);
        allocate_in(slot, 48 + value % 5 * 100, part * 100 + 1 + value % 2, value);
    });
    world.done("an object replaced", part);
}

void two_threads_commit(World& world) {
    run_threads(world, 2, [&](size_t part) {
        for (uint64_t i = 1; i <= 8; ++i)
            i % 2 != 0 ? change_words(world, part, i) : replace_object(world, part, i);
    });
}

void three_threads_mixed(World& world) {
    run_threads(world, 3, [&](size_t part) {
        Part& mine = world.part(part);
        for (uint64_t i = 1; i <= 4; ++i) {
            replace_object(world, part, i);
            if (pmemobj_zalloc(world.pool, &mine.slots[8], 64 + i, part * 100 + 7) != 0)
                world.open_or_create_failed("zalloc");
            world.done("zalloc", part);
            pmemobj_free(&mine.slots[8]);
            world.done("free", part);
            mine.words[3] = i;
            pmemobj_persist(world.pool, &mine.words[3], 8);
            world.done("persist", part);
        }
    });
}

// Lanes fill up and are emptied while the other thread commits.
void two_threads_wrap(World& world) {
    run_threads(world, 2, [&](size_t part) {
        Object* const block = object_of(world.part(part).slots[0]);
        for (uint64_t i = 1; i <= 6; ++i) {
            transact(world, [&] {
                pmemobj_tx_add_range_direct(block->words, 24000);
                for (size_t word = 0; word < 3000; ++word)
                    block->words[word] = i * 100 + part;
            });
            world.done("24000 bytes", part);
            change_words(world, part, i);
        }
    });
}

void prepare_blocks(World& world) {
    for (size_t part = 0; part < 2; ++part) {
        transact(world, [&] {
            add_range(&world.part(part).slots[0]);
            allocate_in(&world.part(part).slots[0], 30000, part * 100 + 1, 0);
        });
    }
}

// A queue that both append to: entry n is there before entry n + 1 is. It is part 0's, so its states are one sequence.
void two_threads_share(World& world) {
    std::mutex mutex;
    run_threads(world, 2, [&](size_t part) {
        for (uint64_t i = 0; i < 8; ++i) {
            const std::lock_guard guard(mutex);
            uint64_t* const words = world.part().words;
            transact(world, [&] {
                add_range(&words[0]);
                ++words[0];
                add_range(&words[words[0]]);
                words[words[0]] = part + 1;
            });
            world.done("an entry", 0);
        }
    });
}

}  // namespace

std::vector<Workload> thread_workloads() {
    return {{"two_threads_commit", two_threads_commit, nullptr, 2},
            {"three_threads_mixed", three_threads_mixed, nullptr, 3},
            {"two_threads_wrap", two_threads_wrap, prepare_blocks, 2},
            {"two_threads_share", two_threads_share, nullptr, 1}};
}

}  // namespace terrace::persist::states
