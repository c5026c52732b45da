// Pools as a whole: creating, the root, direct stores, closing and opening.
#include <cstring>

#include "tests/persist/states/workloads.hpp"

namespace terrace::persist::states {
namespace {

void create(World& world) {
    world.create(PMEMOBJ_MIN_POOL);
    world.done("create");
    if (OID_IS_NULL(pmemobj_root(world.pool, sizeof(Root))))
        world.open_or_create_failed("root");
    world.done("root");
    world.part().words[0] = 1;
    pmemobj_persist(world.pool, world.part().words, 8);
    world.done("persist");
}

void root_grows(World& world) {
    world.create(PMEMOBJ_MIN_POOL);
    world.done("create");
    for (size_t bytes : {size_t{100}, size_t{1000}, sizeof(Root), size_t{20000}, size_t{70000}}) {
        if (OID_IS_NULL(pmemobj_root(world.pool, bytes)))
            world.open_or_create_failed("root");
        world.done("root of another size");
        if (bytes < sizeof(Root))
            continue;
        world.part().words[bytes % 7] = bytes;
        pmemobj_persist(world.pool, world.part().words, sizeof world.part().words);
        world.done("persist");
    }
}

void direct_stores(World& world) {
    uint64_t* const words = world.part().words;
    for (uint64_t i = 0; i < 3; ++i) {
        words[0] = i + 1;
        pmemobj_persist(world.pool, words, 8);
        world.done("persist of a word");
    }
    memset(words, 0x77, 100);
    pmemobj_persist(world.pool, words, 100);
    world.done("persist of 100 bytes");
    transact(world, [&] {
        add_range(&words[1]);
        words[1] = 5;
    });
    world.done("a transaction");
    words[1] = 6;
    words[9] = 7;
    words[20] = 8;
    pmemobj_flush(world.pool, &words[1], 8);
    pmemobj_flush(world.pool, &words[9], 8);
    pmemobj_flush(world.pool, &words[20], 8);
    pmemobj_drain(world.pool);
    world.done("three flushes and a drain");
    const char text[] = "what is copied into a pool and made durable at once, across more than a line of it";
    pmemobj_memcpy_persist(world.pool, words + 2, text, 88 < sizeof text ? 88 : 80);
    world.done("memcpy_persist");
    pmemobj_memset_persist(world.pool, words + 3, 0x2F, 64);
    world.done("memset_persist");
    pmemobj_memcpy(world.pool, words + 12, text, 48, PMEMOBJ_F_MEM_NODRAIN);
    pmemobj_memset(world.pool, words + 18, 1, 16, PMEMOBJ_F_MEM_NODRAIN);
    pmemobj_drain(world.pool);
    world.done("memcpy and memset without a drain");
    pmemobj_memmove(world.pool, words + 11, words + 12, 48, 0);
    world.done("memmove");
}

constexpr size_t kLoose = 200 << 10;

void prepare_loose(World& world) {
    world.make_loose(kLoose);
    pmemobj_persist(world.pool, &world.root()->loose, sizeof(PMEMoid));
}

// Larger than a record takes: written home directly, so without atomicity, but in order with the log.
void large_direct_stores(World& world) {
    const size_t bytes = world.is_page_granularity() ? 140 << 10 : 20 << 10;
    for (int round = 1; round <= 3; ++round) {
        const std::string content(bytes, static_cast<char>(round * 17));
        char* const to = world.loose() + 8 + (round - 1) * 4096;
        world.change_loose(static_cast<size_t>(to - world.loose()), content,
                           [&] { pmemobj_memcpy_persist(world.pool, to, content.data(), content.size()); });
        world.loose_is_durable();
        world.done("memcpy_persist of many pages");
        transact(world, [&] {
            add_range(&world.part().words[0]);
            world.part().words[0] += 1;
        });
        world.done("a transaction");
    }
}

void store_loosely(World& world, size_t at, char value, size_t bytes) {
    const std::string content(bytes, value);
    world.change_loose(at, content, [&] { memcpy(world.loose() + at, content.data(), bytes); });
}

void prepare_small_loose(World& world) {
    world.make_loose(24 << 10);
    pmemobj_persist(world.pool, &world.root()->loose, sizeof(PMEMoid));
}

// What nobody persisted is written home by a clean close, and must not disturb what was committed.
void close_settles(World& world) {
    for (int round = 1; round <= 3; ++round) {
        store_loosely(world, 64, static_cast<char>(round), 200);
        store_loosely(world, 5000, static_cast<char>(round + 8), 64);
        store_loosely(world, 12000, static_cast<char>(round + 16), 8000);
        transact(world, [&] {
            Part& part = world.part();
            add_range(&part.slots[0]);
            if (!OID_IS_NULL(part.slots[0]))
                pmemobj_tx_free(part.slots[0]);
            allocate_in(&part.slots[0], 500, 1, static_cast<uint64_t>(round));
            add_range(&part.words[1]);
            part.words[1] += 1;
        });
        world.done("a transaction");
        world.close();
        world.loose_is_durable();
        world.recorder().mark("close");
        world.open();
        world.recorder().mark("open");
    }
}

}  // namespace

std::vector<Workload> pool_workloads() {
    return {{"create", create, nullptr, 1, true},
            {"root_grows", root_grows, nullptr, 1, true},
            {"direct_stores", direct_stores},
            {"large_direct_stores", large_direct_stores, prepare_loose},
            {"close_settles", close_settles, prepare_small_loose}};
}

}  // namespace terrace::persist::states
