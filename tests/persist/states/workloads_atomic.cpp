// Atomic operations outside transactions, and actions: reserve, publish, cancel.
#include <cstring>

#include "tests/persist/states/workloads.hpp"

namespace terrace::persist::states {
namespace {

struct Content {
    size_t bytes;
    uint64_t tag;
};

int construct(PMEMobjpool* pool, void* memory, void* argument) {
    const auto& content = *static_cast<const Content*>(argument);
    fill(static_cast<Object*>(memory), content.bytes, content.tag);
    pmemobj_persist(pool, memory, content.bytes);
    return 0;
}

int refuse(PMEMobjpool* pool, void* memory, void* argument) {
    construct(pool, memory, argument);
    return 1;
}

void must(World& world, int result) {
    if (result != 0)
        world.open_or_create_failed("an operation failed");
}

void allocate(World& world, PMEMoid* slot, size_t bytes, uint64_t type, uint64_t tag) {
    Content content{bytes, tag};
    must(world, pmemobj_alloc(world.pool, slot, bytes, type, construct, &content));
}

void alloc_and_free(World& world) {
    PMEMoid* const slots = world.part().slots;
    for (size_t i = 0; i < 6; ++i) {
        allocate(world, &slots[i], 16 + i * i * 60, 1 + i % 2, i);
        world.done("alloc with a constructor");
    }
    pmemobj_free(&slots[1]);
    world.done("free");
    pmemobj_free(&slots[4]);
    world.done("free");
    must(world, pmemobj_zalloc(world.pool, &slots[1], 96, 2));
    world.done("zalloc");
    must(world, pmemobj_xalloc(world.pool, &slots[4], 300, 3, POBJ_XALLOC_ZERO, nullptr, nullptr));
    world.done("xalloc");
    Content content{100, 5};
    if (pmemobj_alloc(world.pool, &slots[7], 100, 1, refuse, &content) == 0)
        world.open_or_create_failed("a constructor that refuses was not heard");
    world.done("a constructor that refuses");
    allocate(world, nullptr, 64, kUnreferenced, 9);
    world.done("alloc without a slot");
    for (size_t i = 0; i < 6; ++i) {
        pmemobj_free(&slots[i]);
        world.done("free");
    }
}

void large(World& world) {
    PMEMoid* const slots = world.part().slots;
    allocate(world, &slots[0], 20000, 1, 1);
    world.done("alloc of 20000 bytes");
    allocate(world, &slots[1], 140000, 1, 2);
    world.done("alloc of 140000 bytes");
    pmemobj_free(&slots[0]);
    world.done("free");
    must(world, pmemobj_zalloc(world.pool, &slots[0], 8192, 4));
    world.done("zalloc of two pages");
    pmemobj_free(&slots[1]);
    world.done("free");
}

void reallocate(World& world) {
    PMEMoid* const slots = world.part().slots;
    allocate(world, &slots[0], 64, 1, 1);
    world.done("alloc");
    // The size in the object's head is not changed: what is new has no content yet.
    for (size_t bytes : {size_t{100}, size_t{1000}, size_t{9000}, size_t{70}}) {
        must(world, pmemobj_realloc(world.pool, &slots[0], bytes, 1));
        world.done("realloc");
    }
    must(world, pmemobj_zalloc(world.pool, &slots[1], 64, 2));
    world.done("zalloc");
    must(world, pmemobj_zrealloc(world.pool, &slots[1], 500, 2));
    world.done("zrealloc");
    must(world, pmemobj_realloc(world.pool, &slots[1], 480, 5));
    world.done("realloc with another type");
    must(world, pmemobj_realloc(world.pool, &slots[2], 200, 1));
    object_of(slots[2])->bytes = 0;
    pmemobj_persist(world.pool, object_of(slots[2]), 8);
    world.done("realloc of nothing");
    must(world, pmemobj_realloc(world.pool, &slots[2], 0, 1));
    world.done("realloc to nothing");
}

void strings(World& world) {
    PMEMoid* const slots = world.part().slots;
    must(world, pmemobj_strdup(world.pool, &slots[0], "a string that is kept", kText));
    world.done("strdup");
    must(world, pmemobj_wcsdup(world.pool, &slots[1], L"a wide one", kWideText));
    world.done("wcsdup");
    must(world, pmemobj_strdup(world.pool, &slots[2], "", kText));
    world.done("strdup of nothing");
    pmemobj_free(&slots[0]);
    world.done("free");
}

PMEMoid reserve(World& world, pobj_action* action, size_t bytes, uint64_t type, uint64_t tag) {
    const PMEMoid oid = pmemobj_reserve(world.pool, action, bytes, type);
    if (OID_IS_NULL(oid))
        world.open_or_create_failed("reserve");
    fill(object_of(oid), bytes, tag);
    pmemobj_persist(world.pool, object_of(oid), bytes);
    return oid;
}

void name(World& world, pobj_action* actions, PMEMoid* slot, PMEMoid oid) {
    pmemobj_set_value(world.pool, &actions[0], &slot->pool_uuid_lo, oid.pool_uuid_lo);
    pmemobj_set_value(world.pool, &actions[1], &slot->off, oid.off);
}

void reserve_and_publish(World& world) {
    Part& part = world.part();
    pobj_action actions[16];
    name(world, &actions[1], &part.slots[0], reserve(world, &actions[0], 64, 1, 1));
    must(world, pmemobj_publish(world.pool, actions, 3));
    world.done("publish of one");
    for (size_t i = 1; i < 4; ++i)
        name(world, &actions[i * 3 - 2], &part.slots[i], reserve(world, &actions[i * 3 - 3], i * 1500, i, i));
    pmemobj_set_value(world.pool, &actions[9], &part.words[0], 42);
    must(world, pmemobj_publish(world.pool, actions, 10));
    world.done("publish of three and a value");
    reserve(world, &actions[0], 100, 1, 5);
    reserve(world, &actions[1], 100000, 1, 6);
    world.done("reservations");
    pmemobj_cancel(world.pool, actions, 2);
    world.done("cancel");
    reserve(world, &actions[0], 500, 3, 5);  // and forgotten
    pmemobj_defer_free(world.pool, part.slots[1], &actions[1]);
    world.done("a free that is deferred");
    name(world, &actions[2], &part.slots[1], OID_NULL);
    must(world, pmemobj_publish(world.pool, actions + 1, 3));
    world.done("publish of a free");
    for (uint64_t i = 0; i < 16; ++i)
        pmemobj_set_value(world.pool, &actions[i], &part.words[i], 1000 + i);
    must(world, pmemobj_publish(world.pool, actions, 16));
    world.done("publish of sixteen values");
}

void publish_in_transactions(World& world) {
    Part& part = world.part();
    pobj_action actions[6];
    name(world, &actions[1], &part.slots[0], reserve(world, &actions[0], 300, 1, 1));
    name(world, &actions[4], &part.slots[1], reserve(world, &actions[3], 30000, 2, 2));
    transact(world, [&] {
        add_range(&part.words[0]);
        part.words[0] = 7;
        must(world, pmemobj_tx_publish(actions, 6));
    });
    world.done("tx_publish");
    pmemobj_defer_free(world.pool, part.slots[0], &actions[0]);
    name(world, &actions[1], &part.slots[0], OID_NULL);
    TX_BEGIN(world.pool) {
        must(world, pmemobj_tx_publish(actions, 3));
        pmemobj_tx_abort(ECANCELED);
    }
    TX_END
    world.done("an abort after tx_publish");
}

}  // namespace

std::vector<Workload> atomic_workloads() {
    return {{"atomic_alloc_free", alloc_and_free},    {"atomic_large", large},
            {"atomic_realloc", reallocate},           {"atomic_strings", strings},
            {"reserve_publish", reserve_and_publish}, {"tx_publish", publish_in_transactions}};
}

}  // namespace terrace::persist::states
