// The program that is killed: opens the pool and does operations in several threads for ever.
//     crash_worker POOL ACKNOWLEDGEMENTS SEED run|recover|create [FAULT]
// `recover` opens the pool, closes it, and ends: something to kill during recovery. `create` makes it.
// Before each operation it says that it begins, after the library called it durable that it is done.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/crash/model.hpp"

namespace terrace::crash {
namespace {

PMEMobjpool* pool;
Root* root;
Acknowledgements* acknowledgements;
std::uint64_t seed;
Fault fault = Fault::kNone;
std::mutex account_locks[kAccounts];

[[noreturn]] void give_up(const char* what, const Operation& operation) {
    fprintf(stderr, "crash_worker: thread %u, operation %llu: %s: %s\n", operation.thread,
            static_cast<unsigned long long>(operation.number), what, pmemobj_errormsg());
    _exit(3);
}

template <typename T>
void add(T* what) {
    pmemobj_tx_add_range_direct(what, sizeof *what);
}

// Part of each transaction: operation and count happen together.
void count_in_transaction(const Operation& operation, Area* area) {
    add(&area->sequence);
    area->sequence = operation.number;
}

PMEMoid new_object(const Operation& operation, std::uint64_t size) {
    const PMEMoid oid = pmemobj_tx_alloc(size, type_of_slot_object(operation.thread));
    fill_object(pmemobj_direct(oid), {operation.thread, operation.number, size});
    return oid;
}

// ---- what leaves no trace ----

void change_much_and_abort(const Operation& operation, Area* area) {
    TX_BEGIN(pool) {
        add(&area->words);
        memset(area->words, 0xEE, sizeof area->words);
        add(&area->slots);
        for (PMEMoid& slot : area->slots) {
            if (operation.random % 2 == 0)
                pmemobj_tx_free(slot);
            slot = new_object(operation, operation.object_size(9));
        }
        pmemobj_tx_abort(ECANCELED);
    }
    TX_ONCOMMIT {
        give_up("an aborted transaction committed", operation);
    }
    TX_END
}

void reserve_and_cancel(const Operation& operation) {
    pobj_action actions[2];
    for (pobj_action& action : actions) {
        const PMEMoid oid = pmemobj_reserve(pool, &action, operation.object_size(8), 77);
        if (OID_IS_NULL(oid))
            give_up("reserve", operation);
        memset(pmemobj_direct(oid), 0xCC, operation.object_size(8));
    }
    pmemobj_cancel(pool, actions, 2);
}

void reserve_and_abandon(const Operation& operation) {
    pobj_action action;
    if (OID_IS_NULL(pmemobj_reserve(pool, &action, operation.object_size(7) % 500 + 1, 78)))
        give_up("reserve", operation);
}

// ---- what counts itself ----

void transfer(const Operation& operation, Area* area) {
    const unsigned from = operation.account_from();
    const unsigned to = operation.account_to();
    const unsigned first = from < to ? from : to;
    const unsigned second = from < to ? to : from;
    account_locks[first].lock();
    if (first != second)
        account_locks[second].lock();
    TX_BEGIN(pool) {
        add(&root->balances[from]);
        root->balances[from] -= operation.amount();
        if (fault != Fault::kStoreOutsideTransaction)
            add(&root->balances[to]);
        root->balances[to] += operation.amount();
        count_in_transaction(operation, area);
    }
    TX_ONABORT {
        give_up("transfer", operation);
    }
    TX_END
    if (first != second)
        account_locks[second].unlock();
    account_locks[first].unlock();
}

void change_words(const Operation& operation, Area* area) {
    TX_BEGIN(pool) {
        for (unsigned i = 0; i < operation.word_count(); ++i) {
            std::uint64_t* const word = &area->words[operation.word(i)];
            add(word);
            *word = operation.word_value(i);
        }
        count_in_transaction(operation, area);
    }
    TX_ONABORT {
        give_up("words", operation);
    }
    TX_END
}

void change_bulk(const Operation& operation, Area* area) {
    TX_BEGIN(pool) {
        std::uint64_t* const begin = area->bulk + operation.bulk_begin();
        pmemobj_tx_add_range_direct(begin, operation.bulk_size() * sizeof *begin);
        for (unsigned i = 0; i < operation.bulk_size(); ++i)
            begin[i] = operation.bulk_value(i);
        count_in_transaction(operation, area);
    }
    TX_ONABORT {
        give_up("bulk", operation);
    }
    TX_END
}

void change_slots(const Operation& operation, Area* area) {
    TX_BEGIN(pool) {
        for (unsigned i = 0; i < operation.slot_count(); ++i) {
            PMEMoid* const slot = &area->slots[operation.slot(i)];
            add(slot);
            if (OID_IS_NULL(*slot)) {
                *slot = new_object(operation, operation.object_size(i));
            } else if (operation.resizes(i)) {
                *slot = pmemobj_tx_realloc(*slot, operation.object_size(i),
                                           type_of_slot_object(operation.thread));
            } else {
                pmemobj_tx_free(*slot);
                *slot = OID_NULL;
            }
        }
        count_in_transaction(operation, area);
    }
    TX_ONABORT {
        give_up("slots", operation);
    }
    TX_END
}

void publish_slot(const Operation& operation, Area* area) {
    PMEMoid* const slot = &area->slots[operation.slot(0)];
    PMEMoid next = OID_NULL;
    pobj_action actions[4];
    if (OID_IS_NULL(*slot)) {
        const std::uint64_t size = operation.object_size(0);
        next = pmemobj_reserve(pool, &actions[0], size, type_of_slot_object(operation.thread));
        if (OID_IS_NULL(next))
            give_up("reserve", operation);
        fill_object(pmemobj_direct(next), {operation.thread, operation.number, size});
        pmemobj_persist(pool, pmemobj_direct(next), size);
    } else {
        pmemobj_defer_free(pool, *slot, &actions[0]);
    }
    pmemobj_set_value(pool, &actions[1], &slot->pool_uuid_lo, next.pool_uuid_lo);
    pmemobj_set_value(pool, &actions[2], &slot->off, next.off);
    pmemobj_set_value(pool, &actions[3], &area->sequence, operation.number);
    if (pmemobj_publish(pool, actions, 4) != 0)
        give_up("publish", operation);
}

// ---- what is counted afterwards ----

int construct(PMEMobjpool*, void* memory, void* argument) {
    const ObjectHeader& header = *static_cast<const ObjectHeader*>(argument);
    fill_object(memory, header);
    pmemobj_persist(pool, memory, header.size);
    return 0;
}

void change_atomic_slot(const Operation& operation, Area* area) {
    PMEMoid* const slot = &area->atomic_slots[operation.atomic_slot()];
    if (!OID_IS_NULL(*slot)) {
        pmemobj_free(slot);
        return;
    }
    ObjectHeader header = {operation.thread, operation.number, operation.object_size(0)};
    if (fault == Fault::kLostObject && operation.random % 2 == 0)
        pmemobj_alloc(pool, nullptr, 64, 79, nullptr, nullptr);
    if (pmemobj_alloc(pool, slot, header.size, type_of_atomic_object(operation.thread), construct, &header) !=
        0)
        give_up("alloc", operation);
}

int construct_node(PMEMobjpool*, void* memory, void* argument) {
    auto* const node = static_cast<ListNode*>(memory);
    node->header = *static_cast<const ObjectHeader*>(argument);
    pmemobj_persist(pool, &node->header, sizeof node->header);
    return 0;
}

void change_list(const Operation& operation, Area* area) {
    using ListStep = Operation::ListStep;
    constexpr std::size_t kEntry = offsetof(ListNode, entry);
    std::vector<PMEMoid> elements;
    for (PMEMoid oid = area->list.first; !OID_IS_NULL(oid);) {
        elements.push_back(oid);
        oid = static_cast<ListNode*>(pmemobj_direct(oid))->entry.next;
        if (OID_EQUALS(oid, area->list.first))
            break;
    }
    ListHead* const list = &area->list;
    const ListStep step = operation.list_step(elements.size());
    if (step == ListStep::kInsertFirst || step == ListStep::kInsertLast) {
        ObjectHeader header = {operation.thread, operation.number, sizeof(ObjectHeader)};
        if (OID_IS_NULL(pmemobj_list_insert_new(pool, kEntry, list, OID_NULL, step == ListStep::kInsertFirst,
                                                sizeof(ListNode), type_of_list_node(operation.thread),
                                                construct_node, &header)))
            give_up("list_insert_new", operation);
        return;
    }
    const PMEMoid element = elements[operation.list_place(elements.size())];
    const int result = step == ListStep::kRemove
                           ? pmemobj_list_remove(pool, kEntry, list, element, 1)
                           : pmemobj_list_move(pool, kEntry, list, kEntry, list, OID_NULL, 0, element);
    if (result != 0)
        give_up("list", operation);
}

void store_directly(const Operation& operation, Area* area) {
    std::uint64_t* const word = &area->direct[operation.direct_word()];
    __atomic_store_n(word, operation.direct_value(), __ATOMIC_RELAXED);
    pmemobj_persist(pool, word, sizeof *word);
}

void count_by_itself(const Operation& operation, Area* area) {
    __atomic_store_n(&area->sequence, operation.number, __ATOMIC_RELAXED);
    pmemobj_persist(pool, &area->sequence, sizeof area->sequence);
}

void perform(const Operation& operation, Area* area) {
    if (operation.begins_with_an_abort())
        change_much_and_abort(operation, area);
    if (operation.begins_with_a_cancel())
        reserve_and_cancel(operation);
    if (operation.begins_with_an_abandoned_reservation())
        reserve_and_abandon(operation);
    switch (operation.kind) {
        case Kind::kTransfer:
            return transfer(operation, area);
        case Kind::kChangeWords:
            return change_words(operation, area);
        case Kind::kChangeBulk:
            return change_bulk(operation, area);
        case Kind::kChangeSlots:
            return change_slots(operation, area);
        case Kind::kPublish:
            return publish_slot(operation, area);
        case Kind::kAtomicSlot:
            change_atomic_slot(operation, area);
            return count_by_itself(operation, area);
        case Kind::kList:
            change_list(operation, area);
            return count_by_itself(operation, area);
        case Kind::kDirectStore:
            store_directly(operation, area);
            return count_by_itself(operation, area);
    }
}

[[noreturn]] void work_for_ever(unsigned thread) {
    Area* const area = &root->areas[thread];
    Acknowledgements::Thread& told = acknowledgements->threads[thread];
    for (std::uint64_t number = area->sequence + 1;; ++number) {
        const Operation next = operation(seed, thread, number);
        told.begun.store(number, std::memory_order_release);
        if (fault == Fault::kEarlyAcknowledgement)
            told.done.store(number, std::memory_order_release);
        perform(next, area);
        told.done.store(number, std::memory_order_release);
    }
}

Fault fault_from(const char* name) {
    if (strcmp(name, "store_outside_transaction") == 0)
        return Fault::kStoreOutsideTransaction;
    if (strcmp(name, "early_acknowledgement") == 0)
        return Fault::kEarlyAcknowledgement;
    if (strcmp(name, "lost_object") == 0)
        return Fault::kLostObject;
    return Fault::kNone;
}

int run(int argc, char** argv) {
    if (argc < 5)
        return 2;
    seed = strtoull(argv[3], nullptr, 10);
    if (argc > 5)
        fault = fault_from(argv[5]);
    const int fd = open(argv[2], O_RDWR);
    void* const page = mmap(nullptr, sizeof(Acknowledgements), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || page == MAP_FAILED)
        return 2;
    acknowledgements = static_cast<Acknowledgements*>(page);

    acknowledgements->state = Acknowledgements::kOpening;
    const bool creates = strcmp(argv[4], "create") == 0;
    pool = creates ? pmemobj_create(argv[1], kLayout, kPoolSize, 0600) : pmemobj_open(argv[1], kLayout);
    if (pool == nullptr) {
        fprintf(stderr, "crash_worker: cannot %s the pool: %s\n", argv[4], pmemobj_errormsg());
        return 3;
    }
    root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
    acknowledgements->state = Acknowledgements::kRunning;
    if (creates || strcmp(argv[4], "recover") == 0) {
        pmemobj_close(pool);
        return 0;
    }
    std::vector<std::thread> threads;
    for (unsigned thread = 1; thread < kThreads; ++thread)
        threads.emplace_back(work_for_ever, thread);
    work_for_ever(0);
}

}  // namespace
}  // namespace terrace::crash

int main(int argc, char** argv) {
    return terrace::crash::run(argc, argv);
}
