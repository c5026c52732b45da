// libpmemobj.h: pmemobj_defrag. Each object moves with one log record: the new block with the content, the
// old one's free, and the new value of every name in the pool. Objects are taken in the order of their
// offsets; a name that lay in an object which has moved is found at its new place.
// Thread safety: as the public header says: nobody else uses the objects that are moved.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "persist/pool/api/support.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/thread_state.hpp"

using namespace terrace::persist;

namespace {

// A name that the caller listed.
struct Reference {
    uint64_t object;  // the offset in it, as it was at the beginning
    PMEMoid* place;
};

struct Moved {
    uint64_t from;
    uint64_t bytes;
    uint64_t to;
};

struct Defragmentation {
    Pool& pool;
    GrowArray<Reference> references;  // sorted by object
    GrowArray<Moved> moved;           // sorted by `from`

    void release() {
        references.release();
        moved.release();
    }
};

int collect(Defragmentation& work, PMEMoid** oidv, size_t oidcnt) {
    for (size_t i = 0; i < oidcnt; ++i) {
        const PMEMoid oid = *oidv[i];
        if (oid.off == 0)
            continue;
        Block block;
        if (oid.pool_uuid_lo != work.pool.superblock.identity_low || !work.pool.heap.find(oid.off, block) ||
            !work.pool.heap.is_allocated(block))
            return fail(EINVAL, "pmemobj_defrag: name %zu, offset %llu, names no object of the pool", i,
                        static_cast<unsigned long long>(oid.off));
        if (!work.references.push({oid.off, oidv[i]}))
            return fail(ENOMEM, "pmemobj_defrag: out of memory");
    }
    std::sort(work.references.begin(), work.references.end(),
              [](const Reference& a, const Reference& b) { return a.object < b.object; });
    return 0;
}

// Where a name is now.
PMEMoid* place_of(Defragmentation& work, PMEMoid* place) {
    if (!work.pool.contains(place))
        return place;
    const uint64_t offset = work.pool.offset_of(place);
    const Moved* after = std::upper_bound(work.moved.begin(), work.moved.end(), offset,
                                          [](uint64_t at, const Moved& moved) { return at < moved.from; });
    if (after == work.moved.begin() || offset - after[-1].from >= after[-1].bytes)
        return place;
    return reinterpret_cast<PMEMoid*>(work.pool.media.base + after[-1].to + (offset - after[-1].from));
}

// Gives every name in [first, last) the value; the record gets those that lie in the pool.
void rename(Defragmentation& work, const Reference* first, const Reference* last, PMEMoid value,
            RecordBuilder* record) {
    for (; first != last; ++first) {
        PMEMoid* const place = place_of(work, first->place);
        const bool is_inside = work.pool.contains(place);
        // Not committed yet, so it must not come home; from here on the record keeps it.
        const PinnedRange pinned(is_inside ? work.pool.media.pins : nullptr,
                                 is_inside ? work.pool.offset_of(place) : 0, sizeof *place);
        *place = value;
        if (record != nullptr && work.pool.contains(place))
            record->add_data(work.pool.offset_of(place), place, sizeof *place);
    }
}

// 0 or an errno. `has_moved` is false for an object that stays.
int move_object(Defragmentation& work, const Reference* first, const Reference* last, bool& has_moved) {
    Pool& pool = work.pool;
    Heap& heap = pool.heap;
    has_moved = false;
    Block from;
    if (!heap.find(first->object, from) || !heap.is_sparse(from))
        return 0;
    const uint64_t type_number = heap.type_of(from);
    const Block to = heap.reserve_in_fuller_slab(from, type_number);
    if (to.offset == 0)
        return 0;
    const uint64_t bytes = heap.usable_bytes(to);
    memcpy(pool.media.base + to.offset, pool.media.base + from.offset, bytes);
    // From here on a name inside of the object itself is found in the copy.
    if (!work.moved.push({from.offset, bytes, to.offset})) {
        heap.release(to);
        return fail(ENOMEM, "pmemobj_defrag: out of memory");
    }
    const PMEMoid before = oid_at(pool, from.offset);
    RecordBuilder& record = thread_state().record;
    int error = begin_record_with_content(pool, record, to, bytes);
    if (error == 0) {
        heap.log_allocation(record, to, type_number);
        heap.log_free(record, from);
        rename(work, first, last, oid_at(pool, to.offset), &record);
        error = commit_new_object(pool, record, to, 0);
        if (error != 0)
            rename(work, first, last, before, nullptr);
    }
    if (error != 0) {
        work.moved.truncate(work.moved.size() - 1);
        heap.release(to);
        errno = error;
        return error;
    }
    heap.release(from);
    has_moved = true;
    return 0;
}

int defragment(Defragmentation& work, pobj_defrag_result& result) {
    work.pool.heap.gather_slabs();
    Reference* const end = work.references.end();
    for (Reference* first = work.references.begin(); first != end;) {
        Reference* last = first + 1;
        while (last != end && last->object == first->object)
            ++last;
        bool has_moved;
        if (const int error = move_object(work, first, last, has_moved))
            return error;
        ++result.total;
        result.relocated += has_moved ? 1 : 0;
        first = last;
    }
    return 0;
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_defrag(PMEMobjpool* pop, PMEMoid** oidv, size_t oidcnt, struct pobj_defrag_result* result) {
    pobj_defrag_result figures = {0, 0};
    if (result != nullptr)
        *result = figures;
    if (need_thread_state() != 0)
        return -1;
    Defragmentation work{pool_of(pop), {}, {}};
    int error = collect(work, oidv, oidcnt);
    if (error == 0)
        error = defragment(work, figures);
    work.release();
    if (result != nullptr)
        *result = figures;
    return result_of(error);
}

#pragma GCC visibility pop
