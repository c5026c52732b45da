// Pools as a whole: creating, the root, direct stores, closing and opening.
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "persist/pool/engine_interface.hpp"
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

void copy_file(const std::string& from, const std::string& to) {
    std::ifstream source(from, std::ios::binary);
    std::ofstream(to, std::ios::binary) << source.rdbuf();
}

// Objects that hold names, also at odd places, as packed structures do.
void prepare_names(World& world) {
    PMEMoid* const slots = world.part().slots;
    transact(world, [&] {
        pmemobj_tx_add_range_direct(slots, 5 * sizeof *slots);
        for (size_t i = 0; i < 5; ++i) {
            allocate_in(&slots[i], 600 + i * 3000, 1, i);
            for (size_t at = 40; at + 16 < 600; at += 100 + 3 * i)
                memcpy(reinterpret_cast<char*>(object_of(slots[i])) + at, &slots[i], sizeof *slots);
        }
    });
}

// The copy of a pool that is open is given an identity of its own: every name in it is written anew.
void copy_beside_original(World& world) {
    const std::string original = world.path() + ".original";
    world.close();
    copy_file(world.path(), original);
    PMEMobjpool* const pool = pmemobj_open(original.c_str(), kLayout);
    if (pool == nullptr)
        world.open_or_create_failed("open the original");
    world.open();
    unlink(original.c_str());
    world.done("a new identity");
    transact(world, [&] {
        add_range(&world.part().slots[7]);
        allocate_in(&world.part().slots[7], 100, 1, 1);
    });
    world.done("a transaction");
    pmemobj_close(pool);
}

// Blocks of the persistent kind: libmemkind does what its functions say through this table.
void persistent_kind(World& world) {
    const terrace_pool_engine& engine = *terrace_pool_engine_table();
    PMEMoid* const slots = world.part().slots;
    Object* blocks[6];
    for (size_t i = 0; i < 6; ++i) {
        const size_t bytes = i == 4 ? 40000 : 48 + i * 500;
        blocks[i] = static_cast<Object*>(engine.reserve(world.pool, bytes, i == 2 ? 64 : 0));
        if (blocks[i] == nullptr)
            world.open_or_create_failed("reserve");
        fill(blocks[i], bytes, i);
    }
    for (size_t i = 0; i < 5; ++i) {
        if (engine.publish(world.pool, &slots[i], blocks[i]) != 0)
            world.open_or_create_failed("publish");
        world.done("publish");
    }
    engine.free(world.pool, blocks[5]);
    world.done("free of a reserved block");
    for (size_t i = 0; i < 5; i += 2) {
        transact(world, [&] {
            add_range(&slots[i + 8]);
            slots[i + 8] = slots[i];
            add_range(&slots[i]);
            slots[i] = OID_NULL;
        });
        world.done("another name");
    }
}

}  // namespace

std::vector<Workload> pool_workloads() {
    return {{"create", create, nullptr, 1, true},
            {"root_grows", root_grows, nullptr, 1, true},
            {"direct_stores", direct_stores},
            {"large_direct_stores", large_direct_stores, prepare_loose},
            {"close_settles", close_settles, prepare_small_loose},
            {"copy_beside_original", copy_beside_original, prepare_names},
            {"persistent_kind", persistent_kind}};
}

}  // namespace terrace::persist::states
