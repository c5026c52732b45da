/* Every number, size and offset of libpmemobj.h, a line each, to be compiled with either library's header. */
#include <libpmemobj.h>
#include <stdio.h>

#define SHOW(name) printf("%s %lld\n", #name, (long long)(name))
#define SIZE(type) printf("%s %zu align %zu\n", #type, sizeof(type), _Alignof(type))
#define PLACE(type, member) printf("%s.%s %zu\n", #type, #member, offsetof(type, member))

struct t;
TOID_DECLARE(struct t, 5);
TOID_DECLARE_ROOT(struct r);
POBJ_LIST_HEAD(head, struct t);
struct t {
    POBJ_LIST_ENTRY(struct t) entry;
};
POBJ_LAYOUT_BEGIN(layout);
POBJ_LAYOUT_TOID(layout, struct a);
POBJ_LAYOUT_TOID(layout, struct b);
POBJ_LAYOUT_END(layout)

int main(void) {
    SHOW(PMEMOBJ_MAX_ALLOC_SIZE);
    SHOW(PMEMOBJ_MIN_POOL);
    SHOW(PMEMOBJ_MIN_PART);
    SHOW(PMEMOBJ_MAX_LAYOUT);
    SHOW(PMEMOBJ_MAJOR_VERSION);
    SHOW(POBJ_ROOT_TYPE_NUM);
    SHOW(_POBJ_CL_SIZE);
    SHOW(POBJ_FLAG_ZERO);
    SHOW(POBJ_FLAG_NO_FLUSH);
    SHOW(POBJ_FLAG_NO_SNAPSHOT);
    SHOW(POBJ_FLAG_ASSUME_INITIALIZED);
    SHOW(POBJ_FLAG_TX_NO_ABORT);
    SHOW(POBJ_CLASS_ID(3));
    SHOW(POBJ_ARENA_ID(3));
    SHOW(POBJ_XALLOC_CLASS_MASK);
    SHOW(POBJ_XALLOC_ARENA_MASK);
    SHOW(POBJ_XALLOC_ZERO);
    SHOW(POBJ_XALLOC_NO_FLUSH);
    SHOW(POBJ_XALLOC_NO_ABORT);
    SHOW(POBJ_XALLOC_VALID_FLAGS);
    SHOW(POBJ_TX_XALLOC_VALID_FLAGS);
    SHOW(POBJ_ACTION_XRESERVE_VALID_FLAGS);
    SHOW(POBJ_XADD_NO_FLUSH);
    SHOW(POBJ_XADD_NO_SNAPSHOT);
    SHOW(POBJ_XADD_ASSUME_INITIALIZED);
    SHOW(POBJ_XADD_NO_ABORT);
    SHOW(POBJ_XADD_VALID_FLAGS);
    SHOW(POBJ_XLOCK_NO_ABORT);
    SHOW(POBJ_XLOCK_VALID_FLAGS);
    SHOW(POBJ_XFREE_NO_ABORT);
    SHOW(POBJ_XFREE_VALID_FLAGS);
    SHOW(POBJ_XPUBLISH_NO_ABORT);
    SHOW(POBJ_XPUBLISH_VALID_FLAGS);
    SHOW(POBJ_XLOG_APPEND_BUFFER_NO_ABORT);
    SHOW(POBJ_XLOG_APPEND_BUFFER_VALID_FLAGS);
    SHOW(PMEMOBJ_F_MEM_NODRAIN);
    SHOW(PMEMOBJ_F_MEM_NONTEMPORAL);
    SHOW(PMEMOBJ_F_MEM_TEMPORAL);
    SHOW(PMEMOBJ_F_MEM_WC);
    SHOW(PMEMOBJ_F_MEM_WB);
    SHOW(PMEMOBJ_F_MEM_NOFLUSH);
    SHOW(PMEMOBJ_F_RELAXED);
    SHOW(POBJ_LIST_DEST_HEAD);
    SHOW(POBJ_LIST_DEST_TAIL);
    SHOW(POBJ_LIST_DEST_BEFORE);
    SHOW(POBJ_LIST_DEST_AFTER);
    SHOW(POBJ_LAYOUT_TYPES_NUM(layout));
    SHOW(TOID_TYPE_NUM(struct t));
    SHOW(TOID_TYPE_NUM(struct r));
    SHOW(TOID_TYPE_NUM(struct a));
    SHOW(TOID_TYPE_NUM(struct b));

    SHOW(TX_STAGE_NONE);
    SHOW(TX_STAGE_WORK);
    SHOW(TX_STAGE_ONCOMMIT);
    SHOW(TX_STAGE_ONABORT);
    SHOW(TX_STAGE_FINALLY);
    SHOW(MAX_TX_STAGE);
    SHOW(TX_PARAM_NONE);
    SHOW(TX_PARAM_MUTEX);
    SHOW(TX_PARAM_RWLOCK);
    SHOW(TX_PARAM_CB);
    SHOW(TX_LOG_TYPE_SNAPSHOT);
    SHOW(TX_LOG_TYPE_INTENT);
    SHOW(POBJ_TX_FAILURE_ABORT);
    SHOW(POBJ_TX_FAILURE_RETURN);
    SHOW(POBJ_ACTION_TYPE_HEAP);
    SHOW(POBJ_ACTION_TYPE_MEM);
    SHOW(POBJ_MAX_ACTION_TYPE);
    SHOW(POBJ_HEADER_LEGACY);
    SHOW(POBJ_HEADER_COMPACT);
    SHOW(POBJ_HEADER_NONE);
    SHOW(MAX_POBJ_HEADER_TYPES);
    SHOW(POBJ_STATS_ENABLED_TRANSIENT);
    SHOW(POBJ_STATS_ENABLED_BOTH);
    SHOW(POBJ_STATS_ENABLED_PERSISTENT);
    SHOW(POBJ_STATS_DISABLED);
    SHOW(POBJ_ARENAS_ASSIGNMENT_THREAD_KEY);
    SHOW(POBJ_ARENAS_ASSIGNMENT_GLOBAL);

    SIZE(PMEMoid);
    PLACE(PMEMoid, pool_uuid_lo);
    PLACE(PMEMoid, off);
    SIZE(struct _pobj_pcache);
    PLACE(struct _pobj_pcache, pop);
    PLACE(struct _pobj_pcache, uuid_lo);
    PLACE(struct _pobj_pcache, invalidate);
    SIZE(PMEMmutex);
    SIZE(PMEMrwlock);
    SIZE(PMEMcond);
    SIZE(struct pmemvlt);
    SIZE(PMEMvlt(int));
    SIZE(TOID(struct t));
    SIZE(struct head);
    PLACE(struct head, pe_first);
    PLACE(struct head, lock);
    SIZE(struct t);
    PLACE(struct t, entry.pe_next);
    PLACE(struct t, entry.pe_prev);
    SIZE(struct pobj_action);
    PLACE(struct pobj_action, type);
    PLACE(struct pobj_action, data);
    PLACE(struct pobj_action, heap);
    PLACE(struct pobj_action, heap.offset);
    PLACE(struct pobj_action, heap.usable_size);
    PLACE(struct pobj_action, data2);
    SIZE(struct pobj_alloc_class_desc);
    PLACE(struct pobj_alloc_class_desc, unit_size);
    PLACE(struct pobj_alloc_class_desc, alignment);
    PLACE(struct pobj_alloc_class_desc, units_per_block);
    PLACE(struct pobj_alloc_class_desc, header_type);
    PLACE(struct pobj_alloc_class_desc, class_id);
    SIZE(struct pobj_defrag_result);
    PLACE(struct pobj_defrag_result, total);
    PLACE(struct pobj_defrag_result, relocated);
    return 0;
}
