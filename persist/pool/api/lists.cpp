// libpmemobj.h: lists that live in a pool. Each operation is one log record: links, the head, and the
// allocation or the free of the element change together. The links are changed in the working copy first, and
// put back if the record cannot be committed. Thread safety: the lock in the list's head is held throughout.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>

#include "persist/pool/api/locks.hpp"
#include "persist/pool/api/support.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/heap/allocation_class.hpp"
#include "persist/pool/thread_state.hpp"

using namespace terrace::persist;

namespace {

using Number = unsigned long long;

// What POBJ_LIST_ENTRY and POBJ_LIST_HEAD declare.
struct ListEntry {
    PMEMoid next;
    PMEMoid previous;
};
struct ListHead {
    PMEMoid first;
    PMEMmutex lock;
};
static_assert(sizeof(ListEntry) == 32 && sizeof(ListHead) == 80);

// A list: its head, and where in each element its entry lies.
struct List {
    Pool& pool;
    ListHead* head;
    uint64_t entry_offset;

    ListEntry& entry_of(PMEMoid element) const {
        return *reinterpret_cast<ListEntry*>(pool.media.base + element.off + entry_offset);
    }
};

// The object names that an operation has changed, with what they were. Their pages are pinned meanwhile: what is not
// committed yet must not come home.
class Changes {
  public:
    explicit Changes(const Pool& pool) : pool_(pool) {}
    ~Changes() {
        for (uint32_t i = 0; pool_.media.pins != nullptr && i < pinned_; ++i)
            pool_.media.pins->unpin(pool_.offset_of(changes_[i].place), sizeof(PMEMoid));
    }
    Changes(const Changes&) = delete;
    Changes& operator=(const Changes&) = delete;

    void set(PMEMoid& place, PMEMoid value) {
        for (uint32_t i = 0; i < count_; ++i) {
            if (changes_[i].place == &place) {
                place = value;
                return;
            }
        }
        if (pool_.media.pins != nullptr) [[unlikely]]
            pool_.media.pins->pin(pool_.offset_of(&place), sizeof place);
        changes_[count_++] = {&place, place};
        pinned_ = count_;
        place = value;
    }
    void log(const Pool& pool, RecordBuilder& record) const {
        for (uint32_t i = 0; i < count_; ++i)
            record.add_data(pool.offset_of(changes_[i].place), changes_[i].place, sizeof(PMEMoid));
    }
    void undo() {
        while (count_ > 0) {
            --count_;
            *changes_[count_].place = changes_[count_].before;
        }
    }

  private:
    struct Change {
        PMEMoid* place;
        PMEMoid before;
    };
    // Taking out: a link of each neighbour, the head, both links of the element. Putting in: as many.
    Change changes_[10] = {};
    uint32_t count_ = 0;
    uint32_t pinned_ = 0;
    const Pool& pool_;
};

void take_out(const List& list, PMEMoid element, Changes& changes) {
    ListEntry& entry = list.entry_of(element);
    const PMEMoid next = entry.next;
    const PMEMoid previous = entry.previous;
    if (next.off == element.off) {
        changes.set(list.head->first, OID_NULL);
    } else {
        changes.set(list.entry_of(previous).next, next);
        changes.set(list.entry_of(next).previous, previous);
        if (list.head->first.off == element.off)
            changes.set(list.head->first, next);
    }
    changes.set(entry.next, OID_NULL);
    changes.set(entry.previous, OID_NULL);
}

void put_in(const List& list, PMEMoid element, PMEMoid neighbour, bool before, Changes& changes) {
    ListEntry& entry = list.entry_of(element);
    const PMEMoid first = list.head->first;
    if (first.off == 0) {
        changes.set(entry.next, element);
        changes.set(entry.previous, element);
        changes.set(list.head->first, element);
        return;
    }
    // No neighbour: before the first, or behind the last.
    if (neighbour.off == 0)
        neighbour = before ? first : list.entry_of(first).previous;
    const PMEMoid previous = before ? list.entry_of(neighbour).previous : neighbour;
    const PMEMoid next = before ? neighbour : list.entry_of(neighbour).next;
    changes.set(entry.next, next);
    changes.set(entry.previous, previous);
    changes.set(list.entry_of(previous).next, element);
    changes.set(list.entry_of(next).previous, element);
    if (before && neighbour.off == first.off)
        changes.set(list.head->first, element);
}

// ---- checks; all return 0 or an errno with the message set ----

int check_list(const List& list, const char* function) {
    if (int error = need_thread_state())
        return error;
    const Pool& pool = list.pool;
    if (!pool.contains(list.head) || pool.bytes() - pool.offset_of(list.head) < sizeof(ListHead))
        return fail(EINVAL, "%s: the list's head at %p is not in the pool", function,
                    static_cast<void*>(list.head));
    if (list.entry_offset >= pool.bytes())
        return fail(EINVAL, "%s: an entry at offset %llu of an object lies outside of the pool", function,
                    static_cast<Number>(list.entry_offset));
    return 0;
}

int check_element(const List& list, PMEMoid element, const char* function, Block* found = nullptr) {
    Block block;
    Heap& heap = list.pool.heap;
    if (element.pool_uuid_lo != list.pool.superblock.identity_low || !heap.find(element.off, block) ||
        !heap.is_used(block))
        return fail(EINVAL, "%s: no object of this pool begins at offset %llu", function,
                    static_cast<Number>(element.off));
    const uint64_t usable = heap.usable_bytes(block);
    if (usable < sizeof(ListEntry) || list.entry_offset > usable - sizeof(ListEntry))
        return fail(EINVAL, "%s: an object of %llu bytes has no room for an entry at offset %llu", function,
                    static_cast<Number>(usable), static_cast<Number>(list.entry_offset));
    if (found != nullptr)
        *found = block;
    return 0;
}

// Cheap, so it cannot tell one list from another that has several elements as well: that is the caller's to know.
int check_member(const List& list, PMEMoid element, const char* function, Block* found = nullptr) {
    if (int error = check_element(list, element, function, found))
        return error;
    const ListEntry& entry = list.entry_of(element);
    if (list.head->first.off == 0 || check_element(list, entry.next, function) != 0 ||
        check_element(list, entry.previous, function) != 0 ||
        list.entry_of(entry.next).previous.off != element.off ||
        list.entry_of(entry.previous).next.off != element.off ||
        (entry.next.off == element.off && list.head->first.off != element.off))
        return fail(EINVAL, "%s: the object at offset %llu is not in the list", function,
                    static_cast<Number>(element.off));
    return 0;
}

// ---- locks ----

int lock_head(const List& list, const char* function) {
    const int error = lock_persistent(list.pool, TX_PARAM_MUTEX, &list.head->lock);
    return error == 0 ? 0 : fail(error, "%s: the list cannot be locked: %s", function, strerror(error));
}

void unlock_head(const List& list) {
    unlock_persistent(list.pool, TX_PARAM_MUTEX, &list.head->lock);
}

// What an operation answers that runs while the head is locked.
template <class Operation>
int with_lock(const List& list, const char* function, Operation operation) {
    if (int error = lock_head(list, function))
        return error;
    const int error = operation();
    unlock_head(list);
    return error;
}

// ---- the operations; the lists are locked ----

int commit(Pool& pool, RecordBuilder& record, Changes& changes) {
    changes.log(pool, record);
    const int error = commit_record(pool, record);
    if (error != 0)
        changes.undo();
    return error;
}

int insert(const List& list, PMEMoid neighbour, bool before, PMEMoid element, const char* function) {
    if (neighbour.off != 0) {
        if (int error = check_member(list, neighbour, function))
            return error;
    }
    if (int error = check_element(list, element, function))
        return error;
    Changes changes(list.pool);
    put_in(list, element, neighbour, before, changes);
    RecordBuilder& record = thread_state().record;
    record.reset();
    return commit(list.pool, record, changes);
}

int insert_new(const List& list, PMEMoid neighbour, bool before, const Block& block, uint64_t type_number,
               uint64_t content_bytes, const char* function) {
    Pool& pool = list.pool;
    const PMEMoid element = oid_at(pool, block.offset);
    if (neighbour.off != 0) {
        if (int error = check_member(list, neighbour, function))
            return error;
    }
    Changes changes(list.pool);
    put_in(list, element, neighbour, before, changes);
    RecordBuilder& record = thread_state().record;
    if (int error = begin_record_with_content(pool, record, block, content_bytes)) {
        changes.undo();
        return error;
    }
    pool.heap.log_allocation(record, block, type_number);
    if (int error = commit(pool, record, changes))
        return error;
    forget_pending_flushes(pool);
    pool.heap.confirm(block);
    return 0;
}

int remove(const List& list, PMEMoid element, bool frees, const char* function) {
    Block block;
    if (int error = check_member(list, element, function, &block))
        return error;
    Pool& pool = list.pool;
    if (frees && !pool.heap.is_allocated(block))
        return fail(EINVAL, "%s: the object at offset %llu is not allocated", function,
                    static_cast<Number>(element.off));
    Changes changes(pool);
    take_out(list, element, changes);
    RecordBuilder& record = thread_state().record;
    record.reset();
    if (frees)
        pool.heap.log_free(record, block);
    if (int error = commit(pool, record, changes))
        return error;
    if (frees)
        pool.heap.release(block);
    return 0;
}

int move(const List& from, const List& to, PMEMoid neighbour, bool before, PMEMoid element,
         const char* function) {
    if (int error = check_member(from, element, function))
        return error;
    if (int error = check_element(to, element, function))
        return error;
    const bool is_same_list = from.head == to.head && from.entry_offset == to.entry_offset;
    if (neighbour.off != 0) {
        if (int error = check_member(to, neighbour, function))
            return error;
        if (is_same_list && neighbour.off == element.off)
            return 0;
    }
    Changes changes(from.pool);
    take_out(from, element, changes);
    put_in(to, element, neighbour, before, changes);
    RecordBuilder& record = thread_state().record;
    record.reset();
    return commit(from.pool, record, changes);
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_list_insert(PMEMobjpool* pop, size_t pe_offset, void* head, PMEMoid dest, int before,
                        PMEMoid oid) {
    constexpr const char* kName = "pmemobj_list_insert";
    const List list{pool_of(pop), static_cast<ListHead*>(head), pe_offset};
    int error = check_list(list, kName);
    if (error == 0)
        error = with_lock(list, kName, [&] { return insert(list, dest, before != 0, oid, kName); });
    return result_of(error);
}

PMEMoid pmemobj_list_insert_new(PMEMobjpool* pop, size_t pe_offset, void* head, PMEMoid dest, int before,
                                size_t size, uint64_t type_num, pmemobj_constr constructor, void* arg) {
    constexpr const char* kName = "pmemobj_list_insert_new";
    Pool& pool = pool_of(pop);
    const List list{pool, static_cast<ListHead*>(head), pe_offset};
    if (check_list(list, kName) != 0)
        return OID_NULL;
    if (size < sizeof(ListEntry) || pe_offset > size - sizeof(ListEntry)) {
        fail(EINVAL, "%s: an object of %zu bytes has no room for an entry at offset %zu", kName, size,
             pe_offset);
        return OID_NULL;
    }
    const Block block = reserve_by_flags(pool, size, type_num, 0, kName);
    if (block.offset == 0)
        return OID_NULL;
    int error = 0;
    if (constructor != nullptr && run_constructor(pool, block, constructor, arg) != 0)
        error = fail(ECANCELED, "%s: the constructor gave up", kName);
    if (error == 0) {
        const uint64_t content_bytes = constructor != nullptr ? pool.heap.usable_bytes(block) : 0;
        error = with_lock(list, kName, [&] {
            return insert_new(list, dest, before != 0, block, type_num, content_bytes, kName);
        });
    }
    if (error != 0) {
        pool.heap.release(block);
        errno = error;
        return OID_NULL;
    }
    return oid_at(pool, block.offset);
}

int pmemobj_list_remove(PMEMobjpool* pop, size_t pe_offset, void* head, PMEMoid oid, int free) {
    constexpr const char* kName = "pmemobj_list_remove";
    const List list{pool_of(pop), static_cast<ListHead*>(head), pe_offset};
    int error = check_list(list, kName);
    if (error == 0)
        error = with_lock(list, kName, [&] { return remove(list, oid, free != 0, kName); });
    return result_of(error);
}

int pmemobj_list_move(PMEMobjpool* pop, size_t pe_old_offset, void* head_old, size_t pe_new_offset,
                      void* head_new, PMEMoid dest, int before, PMEMoid oid) {
    constexpr const char* kName = "pmemobj_list_move";
    const List from{pool_of(pop), static_cast<ListHead*>(head_old), pe_old_offset};
    const List to{from.pool, static_cast<ListHead*>(head_new), pe_new_offset};
    int error = check_list(from, kName);
    if (error == 0)
        error = check_list(to, kName);
    if (error != 0)
        return result_of(error);
    // Two threads that move in opposite directions lock in the same order.
    const List& lower = head_old <= head_new ? from : to;
    const List& higher = head_old <= head_new ? to : from;
    const auto operation = [&] { return move(from, to, dest, before != 0, oid, kName); };
    return result_of(with_lock(lower, kName, [&] {
        return head_old == head_new ? operation() : with_lock(higher, kName, operation);
    }));
}

#pragma GCC visibility pop
