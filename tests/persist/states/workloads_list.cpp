// Lists whose every step is atomic, moving objects by pmemobj_defrag, and what goes beyond PMDK's interface.
#include <libpmemobj/beyond.h>

#include <cstddef>

#include "tests/persist/states/workloads.hpp"

namespace terrace::persist::states {
namespace {

constexpr size_t kEntry = offsetof(ListNode, entry);

int construct_node(PMEMobjpool* pool, void* memory, void* value) {
    auto* const node = static_cast<ListNode*>(memory);
    node->bytes = sizeof *node;
    node->value = *static_cast<uint64_t*>(value);
    pmemobj_persist(pool, node, kEntry);
    return 0;
}

PMEMoid insert_new(World& world, ListHead* head, PMEMoid beside, int before, uint64_t value) {
    const PMEMoid oid = pmemobj_list_insert_new(world.pool, kEntry, head, beside, before, sizeof(ListNode), 1,
                                                construct_node, &value);
    if (OID_IS_NULL(oid))
        world.open_or_create_failed("list_insert_new");
    world.done("insert_new");
    return oid;
}

void must(World& world, int result, const char* what) {
    if (result != 0)
        world.open_or_create_failed(what);
    world.done(what);
}

void lists(World& world) {
    PMEMobjpool* const pool = world.pool;
    ListHead* const heads = world.root()->lists;
    const PMEMoid a = insert_new(world, &heads[0], OID_NULL, 1, 1);
    const PMEMoid b = insert_new(world, &heads[0], OID_NULL, 0, 2);
    const PMEMoid c = insert_new(world, &heads[0], a, 0, 3);
    insert_new(world, &heads[0], a, 1, 4);
    insert_new(world, &heads[1], OID_NULL, 1, 5);
    must(world, pmemobj_list_move(pool, kEntry, &heads[0], kEntry, &heads[1], OID_NULL, 1, c), "move");
    must(world, pmemobj_list_move(pool, kEntry, &heads[0], kEntry, &heads[0], OID_NULL, 1, b), "move within");
    must(world, pmemobj_list_remove(pool, kEntry, &heads[0], a, 1), "remove and free");
    must(world, pmemobj_list_remove(pool, kEntry, &heads[1], c, 1), "remove and free");
    // An object that exists already; its type is not missed while it is in no list.
    PMEMoid loose_node;
    uint64_t value = 6;
    if (pmemobj_zalloc(pool, &loose_node, sizeof(ListNode), kUnreferenced) != 0)
        world.open_or_create_failed("zalloc");
    world.done("zalloc");
    construct_node(pool, pmemobj_direct(loose_node), &value);
    world.done("its content");
    must(world, pmemobj_list_insert(pool, kEntry, &heads[1], OID_NULL, 0, loose_node), "insert");
    must(world, pmemobj_list_remove(pool, kEntry, &heads[1], loose_node, 0), "remove");
    while (!OID_IS_NULL(heads[0].first))
        must(world, pmemobj_list_remove(pool, kEntry, &heads[0], heads[0].first, 1), "remove the first");
}

// Slabs of which most objects were freed: what is left can move together.
void prepare_sparse(World& world) {
    PMEMoid filler[300];
    PMEMoid* const slots = world.part().slots;
    for (size_t i = 0; i < 300; ++i) {
        if (pmemobj_zalloc(world.pool, &filler[i], 1000, 1) != 0)
            world.open_or_create_failed("zalloc");
        if (i % 25 == 0) {
            if (pmemobj_zalloc(world.pool, &slots[i / 25], 1000, 1) != 0)
                world.open_or_create_failed("zalloc");
            fill(object_of(slots[i / 25]), 1000, i);
            pmemobj_persist(world.pool, object_of(slots[i / 25]), 1000);
        }
    }
    for (PMEMoid& oid : filler)
        pmemobj_free(&oid);
}

// One object at a time: each move is one durable step.
void defrag(World& world) {
    for (PMEMoid& slot : world.part().slots) {
        PMEMoid* names[] = {&slot};
        pobj_defrag_result result;
        if (pmemobj_defrag(world.pool, names, 1, &result) != 0)
            world.open_or_create_failed("defrag");
        world.done("defrag");
    }
}

void extend(World& world) {
    PMEMoid* const slots = world.part().slots;
    for (size_t round = 0; round < 3; ++round) {
        if (pmemobj_extend(world.pool, 2 << 20) != 0)
            world.open_or_create_failed("extend");
        world.recorder().mappings_changed();
        world.done("extend");
        transact(world, [&] {
            add_range(&slots[round]);
            slots[round] = pmemobj_tx_zalloc(round == 0 ? 5 << 20 : 1500000, 1);
            object_of(slots[round])->bytes = 64;
            add_range(&slots[8 + round]);
            allocate_in(&slots[8 + round], 200, 2, round);
        });
        world.done("objects in what is new");
    }
}

uint64_t commit_later(World& world, uint64_t value) {
    volatile uint64_t ticket = 0;
    TX_BEGIN(world.pool) {
        Part& part = world.part();
        add_range(&part.words[0]);
        add_range(&part.words[value % kWords]);
        part.words[0] = value;
        part.words[value % kWords] = value;
        PMEMoid* const slot = &part.slots[value % 3];
        add_range(slot);
        if (!OID_IS_NULL(*slot))
            pmemobj_tx_free(*slot);
        allocate_in(slot, 100 + value % 2 * 400, 1, value);
        ticket = pmemobj_tx_commit_async();
    }
    TX_ONABORT {
        world.open_or_create_failed("an asynchronous commit");
    }
    TX_END
    return ticket;
}

void wait_durable(World& world, uint64_t ticket) {
    if (ticket != 0 && pmemobj_wait_durable(world.pool, ticket) != 0)
        world.open_or_create_failed("wait_durable");
}

// Transactions of which nobody waited for the medium: lost together from some point on, never one without the next.
void asynchronous(World& world) {
    for (uint64_t group = 0; group < 6; ++group) {
        uint64_t ticket = 0;
        for (uint64_t i = 1; i <= 4; ++i) {
            ticket = commit_later(world, group * 4 + i);
            world.may_be_durable();
        }
        if (group % 2 == 0) {
            wait_durable(world, ticket);
            world.done("four transactions and a wait");
        } else {
            transact(world, [&] {
                add_range(&world.part().words[1]);
                world.part().words[1] = group;
            });
            world.done("a transaction that waits");
        }
    }
}

}  // namespace

std::vector<Workload> list_workloads() {
    return {{"lists", lists},
            {"defrag", defrag, prepare_sparse},
            {"extend", extend},
            {"asynchronous", asynchronous}};
}

}  // namespace terrace::persist::states
