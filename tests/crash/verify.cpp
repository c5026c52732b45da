#include "tests/crash/verify.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>

namespace terrace::crash {
namespace {

using Faults = std::vector<std::string>;

__attribute__((format(printf, 2, 3))) void note(Faults* faults, const char* format, ...) {
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    faults->push_back(text);
}

unsigned long long number(std::uint64_t value) {
    return value;
}

void compare_object(const PMEMoid& oid, const ObjectModel& expected, std::uint64_t type, const char* where,
                    unsigned thread, unsigned slot, Faults* faults) {
    if (OID_IS_NULL(oid) == expected.exists) {
        note(faults, "thread %u: %s %u is %s, expected the opposite", thread, where, slot,
             OID_IS_NULL(oid) ? "empty" : "full");
        return;
    }
    if (OID_IS_NULL(oid))
        return;
    if (pmemobj_type_num(oid) != type)
        note(faults, "thread %u: the object in %s %u has type %llu, expected %llu", thread, where, slot,
             number(pmemobj_type_num(oid)), number(type));
    if (pmemobj_alloc_usable_size(oid) < expected.least_size)
        note(faults, "thread %u: the object in %s %u holds %zu bytes, expected %llu", thread, where, slot,
             pmemobj_alloc_usable_size(oid), number(expected.least_size));
    else if (!has_content(pmemobj_direct(oid), expected.made))
        note(faults, "thread %u: the object in %s %u is not the one that operation %llu made", thread, where,
             slot, number(expected.made.operation));
}

const ListNode* node_at(const PMEMoid& oid) {
    return static_cast<const ListNode*>(pmemobj_direct(oid));
}

void compare_list(const Area& area, const ThreadModel& model, unsigned thread, Faults* faults) {
    PMEMoid oid = area.list.first;
    for (std::size_t i = 0; i < model.list.size(); ++i) {
        const ListNode* const node = OID_IS_NULL(oid) ? nullptr : node_at(oid);
        if (node == nullptr || pmemobj_type_num(oid) != type_of_list_node(thread) ||
            !has_content(node, {thread, model.list[i], sizeof(ObjectHeader)})) {
            note(faults, "thread %u: element %zu of the list is not the one that operation %llu made", thread,
                 i, number(model.list[i]));
            return;
        }
        if (node_at(node->entry.next) == nullptr ||
            node_at(node->entry.next)->entry.previous.off != oid.off) {
            note(faults, "thread %u: the list's element behind element %zu does not lead back", thread, i);
            return;
        }
        oid = node->entry.next;
    }
    if (model.list.empty() ? !OID_IS_NULL(oid) : !OID_EQUALS(oid, area.list.first))
        note(faults, "thread %u: the list has more than its %zu elements", thread, model.list.size());
}

Faults compare_area(const Area& area, const ThreadModel& model, unsigned thread) {
    Faults faults;
    for (unsigned i = 0; i < kWords; ++i)
        if (area.words[i] != model.words[i])
            note(&faults, "thread %u: word %u is %llx, expected %llx", thread, i, number(area.words[i]),
                 number(model.words[i]));
    for (unsigned i = 0; i < kDirectWords; ++i)
        if (area.direct[i] != model.direct[i])
            note(&faults, "thread %u: direct word %u is %llx, expected %llx", thread, i,
                 number(area.direct[i]), number(model.direct[i]));
    for (unsigned i = 0; i < kSlots; ++i)
        compare_object(area.slots[i], model.slots[i], type_of_slot_object(thread), "slot", thread, i,
                       &faults);
    for (unsigned i = 0; i < kAtomicSlots; ++i)
        compare_object(area.atomic_slots[i], model.atomic_slots[i], type_of_atomic_object(thread),
                       "atomic slot", thread, i, &faults);
    compare_list(area, model, thread, &faults);
    if (memcmp(area.bulk, model.bulk.data(), sizeof area.bulk) != 0) {
        const std::uint64_t* const wrong =
            std::mismatch(area.bulk, area.bulk + kBulkWords, model.bulk.begin()).first;
        note(&faults, "thread %u: bulk word %td is %llx, expected %llx", thread, wrong - area.bulk,
             number(*wrong), number(model.bulk[static_cast<std::size_t>(wrong - area.bulk)]));
    }
    return faults;
}

// The thread's part: every acknowledged operation is there, nothing beyond the last one begun is, and the
// state is that of exactly these operations.
Faults verify_thread(PMEMobjpool* pool, Area* area, const Acknowledgements::Thread& told, unsigned thread,
                     PoolModel* model) {
    Faults faults;
    ThreadModel& state = model->threads[thread];
    const std::uint64_t done = told.done.load();
    const std::uint64_t begun = told.begun.load();
    if (area->sequence < done || area->sequence > begun) {
        note(&faults,
             "thread %u: operation %llu is the last durable one, but %llu was acknowledged, %llu begun",
             thread, number(area->sequence), number(done), number(begun));
        return faults;
    }
    while (state.sequence < area->sequence)
        apply(operation(model->seed, thread, state.sequence + 1), &state, &model->balances);
    faults = compare_area(*area, state, thread);
    const Operation unfinished = operation(model->seed, thread, area->sequence + 1);
    if (faults.empty() || begun == area->sequence || unfinished.counts_itself())
        return faults;
    ThreadModel finished = state;
    apply(unfinished, &finished, &model->balances);
    if (!compare_area(*area, finished, thread).empty())
        return faults;  // neither before nor after
    state = finished;
    area->sequence = state.sequence;
    pmemobj_persist(pool, &area->sequence, sizeof area->sequence);
    return {};
}

void verify_balances(const Root& root, const PoolModel& model, Faults* faults) {
    std::int64_t sum = 0;
    for (unsigned i = 0; i < kAccounts; ++i) {
        sum += root.balances[i];
        if (root.balances[i] != model.balances[i])
            note(faults, "account %u holds %lld, expected %lld", i, static_cast<long long>(root.balances[i]),
                 static_cast<long long>(model.balances[i]));
    }
    if (sum != kAccounts * kInitialBalance)
        note(faults, "the balances add up to %lld, expected %lld", static_cast<long long>(sum),
             static_cast<long long>(kAccounts * kInitialBalance));
}

// Every object of the pool is in exactly one slot, and every slot's object is in the pool.
void verify_objects(PMEMobjpool* pool, const Root& root, Faults* faults) {
    std::set<std::uint64_t> linked;
    const auto link = [&](const PMEMoid& oid) {
        if (!OID_IS_NULL(oid) && !linked.insert(oid.off).second)
            note(faults, "the object at offset %llx is in two slots", number(oid.off));
    };
    for (const Area& area : root.areas) {
        std::for_each(area.slots, area.slots + kSlots, link);
        std::for_each(area.atomic_slots, area.atomic_slots + kAtomicSlots, link);
        PMEMoid node = area.list.first;
        for (unsigned i = 0; i <= kMostInList && !OID_IS_NULL(node); ++i) {
            link(node);
            node = node_at(node)->entry.next;
            if (OID_EQUALS(node, area.list.first))
                break;
        }
    }
    PMEMoid oid;
    POBJ_FOREACH(pool, oid) {
        if (linked.erase(oid.off) == 0)
            note(faults, "the object of type %llu at offset %llx is in no slot: it leaked",
                 number(pmemobj_type_num(oid)), number(oid.off));
    }
    for (const std::uint64_t offset : linked)
        note(faults, "the object at offset %llx is in a slot, but not in the heap", number(offset));
}

}  // namespace

std::vector<std::string> verify(PMEMobjpool* pool, const Acknowledgements& told, PoolModel* model) {
    Faults faults;
    Root* const root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
    if (root == nullptr)
        return {"the root object is gone"};
    for (unsigned thread = 0; thread < kThreads; ++thread) {
        const Faults found = verify_thread(pool, &root->areas[thread], told.threads[thread], thread, model);
        faults.insert(faults.end(), found.begin(), found.end());
    }
    if (faults.empty())  // else the model stands somewhere else
        verify_balances(*root, *model, &faults);
    verify_objects(pool, *root, &faults);
    return faults;
}

}  // namespace terrace::crash
