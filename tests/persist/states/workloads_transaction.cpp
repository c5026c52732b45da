// Transactions: ranges, objects, nesting, and what does not fit into the log.
#include <cerrno>
#include <cstring>

#include "tests/persist/states/workloads.hpp"

namespace terrace::persist::states {
namespace {

void one_range(World& world) {
    for (size_t i = 0; i < 8; ++i) {
        transact(world, [&] {
            uint64_t* const word = &world.part().words[i % 4];
            add_range(word);
            *word = 100 + i;
        });
        world.done("one word");
    }
    transact(world, [&] {
        char* const bytes = reinterpret_cast<char*>(world.part().words) + 61;
        pmemobj_tx_add_range_direct(bytes, 13);
        memset(bytes, 0xA5, 13);
    });
    world.done("13 bytes across two lines");
    transact(world, [&] {
        pmemobj_tx_add_range(pmemobj_root(world.pool, 0), offsetof(Root, parts), 64);
        memset(world.part().words, 0x3C, 64);
    });
    world.done("64 bytes");
}

void ten_ranges(World& world) {
    for (uint64_t round = 1; round <= 6; ++round) {
        transact(world, [&] {
            for (uint64_t i = 0; i < 10; ++i) {
                uint64_t* const word = &world.part().words[i * 7 % kWords];
                add_range(word);
                *word = round * 1000 + i;
            }
        });
        world.done("ten words");
    }
}

void prepare_block(World& world, size_t bytes) {
    transact(world, [&] {
        add_range(&world.part().slots[0]);
        allocate_in(&world.part().slots[0], bytes, 1, 0);
    });
}

void many_ranges(World& world) {
    Object* const block = object_of(world.part().slots[0]);
    for (uint64_t round = 1; round <= 4; ++round) {
        transact(world, [&] {
            for (uint64_t i = 0; i < 300; ++i) {
                uint64_t* const word = &block->words[i * 3];
                add_range(word);
                *word = round * 1000000 + i;
            }
        });
        world.done("300 words");
    }
}

void allocate_and_free(World& world) {
    PMEMoid* const slots = world.part().slots;
    transact(world, [&] {
        add_range(&slots[0]);
        allocate_in(&slots[0], 64, 1, 1);
    });
    world.done("alloc");
    transact(world, [&] {
        pmemobj_tx_add_range_direct(slots, 6 * sizeof *slots);
        for (size_t i = 1; i < 5; ++i)
            allocate_in(&slots[i], 24 + i * 120, i, i);
        slots[5] = pmemobj_tx_zalloc(512, 3);
        object_of(slots[5])->bytes = 512;
    });
    world.done("five allocs");
    transact(world, [&] {
        pmemobj_tx_add_range_direct(slots, 2 * sizeof *slots);
        pmemobj_tx_free(slots[0]);
        slots[0] = OID_NULL;
        pmemobj_tx_free(slots[1]);
        allocate_in(&slots[1], 64, 7, 8);
    });
    world.done("two frees and an alloc");
    transact(world, [&] {
        add_range(&slots[2]);
        slots[2] = pmemobj_tx_realloc(slots[2], 2000, 2);
        fill(object_of(slots[2]), 2000, 9);
    });
    world.done("realloc to more");
    transact(world, [&] {
        add_range(&slots[2]);
        add_range(&object_of(slots[2])->bytes);
        object_of(slots[2])->bytes = 100;
        slots[2] = pmemobj_tx_realloc(slots[2], 100, 2);
    });
    world.done("realloc to less");
    transact(world, [&] {
        pmemobj_tx_add_range_direct(slots, 6 * sizeof *slots);
        for (size_t i = 1; i < 6; ++i) {
            pmemobj_tx_free(slots[i]);
            slots[i] = OID_NULL;
        }
    });
    world.done("all freed");
}

void nested(World& world) {
    Part& part = world.part();
    transact(world, [&] {
        add_range(&part.words[0]);
        part.words[0] = 1;
        TX_BEGIN(world.pool) {
            add_range(&part.words[1]);
            part.words[1] = 2;
            TX_BEGIN(world.pool) {
                add_range(&part.slots[0]);
                allocate_in(&part.slots[0], 80, 1, 1);
            }
            TX_END
        }
        TX_END
        add_range(&part.words[2]);
        part.words[2] = 3;
    });
    world.done("three levels");
    TX_BEGIN(world.pool) {
        add_range(&part.words[0]);
        part.words[0] = 77;
        TX_BEGIN(world.pool) {
            add_range(&part.slots[0]);
            pmemobj_tx_free(part.slots[0]);
            allocate_in(&part.slots[0], 3000, 2, 2);
            pmemobj_tx_abort(ECANCELED);
        }
        TX_END
    }
    TX_END
    world.done("an abort of an inner one");
    TX_BEGIN(world.pool) {
        add_range(&part.words[3]);
        part.words[3] = 78;
        allocate_in(&part.slots[5], 100, 2, 2);  // not even added
        part.slots[5] = OID_NULL;
        pmemobj_tx_abort(ECANCELED);
    }
    TX_END
    world.done("an abort");
    transact(world, [&] {
        add_range(&part.words[4]);
        part.words[4] = 5;
        TX_BEGIN(world.pool) {
            add_range(&part.slots[0]);
            pmemobj_tx_free(part.slots[0]);
            part.slots[0] = OID_NULL;
        }
        TX_END
    });
    world.done("a free inside");
}

// Larger than the largest record: its entries go into a log extension.
size_t too_large(const World& world) {
    return world.is_page_granularity() ? 272 << 10 : 40 << 10;
}

void prepare_too_large(World& world) {
    prepare_block(world, too_large(world));
}

void larger_than_the_log(World& world) {
    Part& part = world.part();
    const size_t bytes = too_large(world);
    for (uint64_t round = 1; round <= 2; ++round) {
        transact(world, [&] {
            pmemobj_tx_add_range(part.slots[0], 0, bytes);
            fill(object_of(part.slots[0]), bytes, round);
            add_range(&part.words[0]);
            part.words[0] = round;
        });
        world.done("a transaction larger than the log takes");
        transact(world, [&] {
            add_range(&part.words[1]);
            part.words[1] = round;
        });
        world.done("a small one after it");
    }
}

void large_objects(World& world) {
    PMEMoid* const slots = world.part().slots;
    transact(world, [&] {
        add_range(&slots[0]);
        allocate_in(&slots[0], 40000, 1, 1);
    });
    world.done("an object of 40000 bytes");
    transact(world, [&] {
        add_range(&slots[1]);
        allocate_in(&slots[1], 150000, 2, 2);  // its content does not go through the log
        add_range(&slots[0]);
        pmemobj_tx_free(slots[0]);
        slots[0] = OID_NULL;
    });
    world.done("a larger one for it");
    transact(world, [&] {
        add_range(&slots[0]);
        slots[0] = pmemobj_tx_zalloc(30000, 3);
        object_of(slots[0])->bytes = 64;
        add_range(&slots[1]);
        add_range(&object_of(slots[1])->bytes);
        object_of(slots[1])->bytes = 20000;
        slots[1] = pmemobj_tx_realloc(slots[1], 20000, 2);
    });
    world.done("one shrunk");
    transact(world, [&] {
        pmemobj_tx_add_range_direct(slots, 2 * sizeof *slots);
        pmemobj_tx_free(slots[0]);
        pmemobj_tx_free(slots[1]);
        slots[0] = slots[1] = OID_NULL;
    });
    world.done("both freed");
}

void many_types(World& world) {
    PMEMoid* const slots = world.part().slots;
    for (uint64_t group = 0; group < 4; ++group) {
        transact(world, [&] {
            pmemobj_tx_add_range_direct(slots + group * 4, 4 * sizeof *slots);
            for (uint64_t i = group * 4; i < group * 4 + 4; ++i)
                allocate_in(&slots[i], 40 + i % 3 * 100, 10 + i, i);
        });
        world.done("four types");
    }
    transact(world, [&] {
        pmemobj_tx_add_range_direct(slots, kSlots * sizeof *slots);
        for (uint64_t i = 0; i < kSlots; ++i) {
            pmemobj_tx_free(slots[i]);
            allocate_in(&slots[i], 40, 40 + i, i);
        }
    });
    world.done("sixteen other types");
}

void flags(World& world) {
    Part& part = world.part();
    transact(world, [&] {
        add_range(&part.slots[0]);
        part.slots[0] = pmemobj_tx_xalloc(200, 1, POBJ_XALLOC_ZERO | POBJ_XALLOC_NO_ABORT);
        object_of(part.slots[0])->bytes = 200;
        pmemobj_tx_xadd_range_direct(part.words, 64, POBJ_XADD_NO_SNAPSHOT);
        memset(part.words, 0x11, 64);
    });
    world.done("xalloc and xadd");
    transact(world, [&] {
        pmemobj_tx_xadd_range_direct(part.words, 128, POBJ_XADD_ASSUME_INITIALIZED);
        memset(part.words, 0x22, 128);
        add_range(&part.slots[1]);
        part.slots[1] = pmemobj_tx_xstrdup("kept in a pool", kText, 0);
        add_range(&part.slots[2]);
        part.slots[2] = pmemobj_tx_wcsdup(L"wide", kWideText);
    });
    world.done("strings");
    transact(world, [&] {
        add_range(&part.slots[1]);
        pmemobj_tx_xfree(part.slots[1], 0);
        part.slots[1] = OID_NULL;
    });
    world.done("xfree");
}

// Objects of a size of which few share a slab: enough of them to have slabs given back.
void prepare_slabs(World& world) {
    for (uint64_t i = 0; i < 72; ++i) {
        transact(world, [&] {
            const PMEMoid oid = pmemobj_tx_zalloc(16000, kUnreferenced);
            fill(object_of(oid), 32, i);
        });
    }
}

void slabs_given_back(World& world) {
    uint64_t freed = 0;
    for (PMEMoid oid = pmemobj_first(world.pool), next; !OID_IS_NULL(oid); oid = next, ++freed) {
        next = pmemobj_next(oid);
        if (freed % 4 == 3 && freed > 52) {
            transact(world, [&] { pmemobj_tx_free(oid); });
            world.done("a slab becomes empty");
        } else {
            pmemobj_free(&oid);
            world.done("free");
        }
    }
    transact(world, [&] {
        add_range(&world.part().slots[0]);
        allocate_in(&world.part().slots[0], 200000, 1, 1);
    });
    world.done("their pages are used again");
}

void prepare_wrap(World& world) {
    prepare_block(world, 30000);
}

// Records that fill the log several times: lanes are emptied, the watermark moves.
void log_wraps(World& world) {
    Part& part = world.part();
    Object* const block = object_of(part.slots[0]);
    const uint64_t rounds = world.is_page_granularity() ? 45 : 9;
    for (uint64_t round = 1; round <= rounds; ++round) {
        transact(world, [&] {
            pmemobj_tx_add_range_direct(block->words, 24000);
            memset(block->words, static_cast<int>(round), 24000);
            add_range(&part.words[0]);
            part.words[0] = round;
        });
        world.done("24000 bytes");
    }
}

}  // namespace

std::vector<Workload> transaction_workloads() {
    return {{"one_range", one_range},
            {"ten_ranges", ten_ranges},
            {"many_ranges", many_ranges, [](World& world) { prepare_block(world, 8000); }},
            {"tx_alloc_free_realloc", allocate_and_free},
            {"nested", nested},
            {"larger_than_the_log", larger_than_the_log, prepare_too_large},
            {"large_objects", large_objects},
            {"many_types", many_types},
            {"flags_and_strings", flags},
            {"slabs_given_back", slabs_given_back, prepare_slabs},
            {"log_wraps", log_wraps, prepare_wrap}};
}

}  // namespace terrace::persist::states
