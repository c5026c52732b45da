#include "tests/crash/model.hpp"

#include <algorithm>
#include <cstring>

namespace terrace::crash {
namespace {

Kind kind_from(std::uint64_t random) {
    switch (mix(random, 15) % 32) {
        case 0:
            return Kind::kChangeBulk;
        case 1 ... 5:
            return Kind::kChangeWords;
        case 6 ... 13:
            return Kind::kChangeSlots;
        case 14 ... 18:
            return Kind::kPublish;
        case 19 ... 22:
            return Kind::kAtomicSlot;
        case 23 ... 24:
            return Kind::kDirectStore;
        case 25 ... 27:
            return Kind::kList;
        default:
            return Kind::kTransfer;
    }
}

void make(const Operation& operation, std::uint64_t size, ObjectModel* slot) {
    slot->exists = true;
    slot->made = {operation.thread, operation.number, size};
    slot->least_size = size;
}

// Fills an empty slot; resizes a full one where the operation may, else empties it.
void change_slot(const Operation& operation, unsigned i, bool may_resize, ObjectModel* slot) {
    const std::uint64_t size = operation.object_size(i);
    if (!slot->exists) {
        make(operation, size, slot);
    } else if (may_resize && operation.resizes(i)) {
        slot->made.size = std::min(slot->made.size, size);  // what is left of the content
        slot->least_size = size;
    } else {
        *slot = {};
    }
}

void change_list(const Operation& operation, std::vector<std::uint64_t>* list) {
    using ListStep = Operation::ListStep;
    const ListStep step = operation.list_step(list->size());
    if (step == ListStep::kInsertFirst || step == ListStep::kInsertLast) {
        list->insert(step == ListStep::kInsertFirst ? list->begin() : list->end(), operation.number);
        return;
    }
    const auto place = list->begin() + static_cast<std::ptrdiff_t>(operation.list_place(list->size()));
    const std::uint64_t element = *place;
    list->erase(place);
    if (step == ListStep::kMoveToLast)
        list->push_back(element);
}

}  // namespace

std::uint64_t mix(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    std::uint64_t x = a + b * 0x9E3779B97F4A7C15 + c * 0xD1B54A32D192ED03;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
}

std::uint64_t Operation::object_size(unsigned i) const {
    // Mostly small, sometimes many pages: each way the heap has of placing an object.
    const std::uint64_t r = mix(random, 16, i);
    const std::uint64_t most = r % 16 == 0 ? 100000 : r % 4 == 0 ? 6000 : 300;
    return sizeof(ObjectHeader) + mix(r, 17) % most;
}

Operation::ListStep Operation::list_step(std::size_t length) const {
    const std::uint64_t dice = mix(random, 19) % 4;
    if (length == 0)
        return dice % 2 == 0 ? ListStep::kInsertFirst : ListStep::kInsertLast;
    if (length == kMostInList)
        return dice % 2 == 0 ? ListStep::kMoveToLast : ListStep::kRemove;
    return static_cast<ListStep>(dice);
}

Operation operation(std::uint64_t seed, unsigned thread, std::uint64_t number) {
    Operation result = {};
    result.thread = thread;
    result.number = number;
    result.random = mix(seed, thread + 1, number);
    result.kind = kind_from(result.random);
    return result;
}

std::uint64_t type_of_slot_object(unsigned thread) {
    return 1 + thread;
}

std::uint64_t type_of_atomic_object(unsigned thread) {
    return 101 + thread;
}

std::uint64_t type_of_list_node(unsigned thread) {
    return 201 + thread;
}

void fill_object(void* memory, const ObjectHeader& header) {
    char* at = static_cast<char*>(memory);
    memcpy(at, &header, sizeof header);
    for (std::uint64_t done = sizeof header; done < header.size; done += 8) {
        const std::uint64_t word = mix(header.thread, header.operation, done);
        memcpy(at + done, &word, std::min<std::uint64_t>(8, header.size - done));
    }
}

bool has_content(const void* memory, const ObjectHeader& header) {
    const char* const at = static_cast<const char*>(memory);
    // The stored size is the one it was made with; a resized object keeps its beginning only.
    if (memcmp(at, &header, offsetof(ObjectHeader, size)) != 0)
        return false;
    for (std::uint64_t done = sizeof header; done < header.size; done += 8) {
        const std::uint64_t word = mix(header.thread, header.operation, done);
        if (memcmp(at + done, &word, std::min<std::uint64_t>(8, header.size - done)) != 0)
            return false;
    }
    return true;
}

void apply(const Operation& operation, ThreadModel* thread, Balances* balances) {
    switch (operation.kind) {
        case Kind::kTransfer:
            (*balances)[operation.account_from()] -= operation.amount();
            (*balances)[operation.account_to()] += operation.amount();
            break;
        case Kind::kChangeWords:
            for (unsigned i = 0; i < operation.word_count(); ++i)
                thread->words[operation.word(i)] = operation.word_value(i);
            break;
        case Kind::kChangeBulk:
            for (unsigned i = 0; i < operation.bulk_size(); ++i)
                thread->bulk[operation.bulk_begin() + i] = operation.bulk_value(i);
            break;
        case Kind::kChangeSlots:
            for (unsigned i = 0; i < operation.slot_count(); ++i)
                change_slot(operation, i, true, &thread->slots[operation.slot(i)]);
            break;
        case Kind::kPublish:
            change_slot(operation, 0, false, &thread->slots[operation.slot(0)]);
            break;
        case Kind::kAtomicSlot:
            change_slot(operation, 0, false, &thread->atomic_slots[operation.atomic_slot()]);
            break;
        case Kind::kList:
            change_list(operation, &thread->list);
            break;
        case Kind::kDirectStore:
            thread->direct[operation.direct_word()] = operation.direct_value();
            break;
    }
    thread->sequence = operation.number;
}

}  // namespace terrace::crash
