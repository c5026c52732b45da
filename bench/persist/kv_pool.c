/* See kv.h: the maps of examples/maps over libpmemobj. */
#include <libpmemobj.h>

#include "../../examples/maps/map.h"
#include "kv.h"
#include "side.h"

const char* const kv_maps[] = {"btree", "hash", NULL};

struct store {
    PMEMobjpool* pool;
    const struct map_interface* map;
    PMEMoid* oid; /* in the root object */
};

void give_up(const char* what) {
    fprintf(stderr, "bench_kv_" SIDE ": %s: %s: %s\n", what, strerror(errno), pmemobj_errormsg());
    exit(1);
}

struct store* kv_open(const char* path, const char* map, size_t keys) {
    static struct store store;
    store.map = strcmp(map, "btree") == 0 ? &btree_map : &hash_map;
    if (file_exists(path))
        store.pool = pmemobj_open(path, "kv");
    else
        store.pool = pmemobj_create(path, "kv", (keys * 400 + (48u << 20)) / 4096 * 4096, 0600);
    must(store.pool != NULL, path);
    store.oid = pmemobj_direct(pmemobj_root(store.pool, sizeof *store.oid));
    must(store.oid != NULL, "root");
    if (OID_IS_NULL(*store.oid))
        must(store.map->create(store.pool, store.oid) == 0, "create");
    return &store;
}

void kv_put(struct store* store, const uint64_t* keys, size_t count, char fill) {
    char value[VALUE_BYTES];
    memset(value, fill, sizeof value);
    TX_BEGIN(store->pool) {
        for (size_t i = 0; i < count; ++i)
            store->map->put(store->pool, *store->oid, keys[i], value, sizeof value);
    }
    TX_ONABORT {
        give_up("put");
    }
    TX_END
}

unsigned kv_get(struct store* store, const uint64_t* keys, size_t count) {
    unsigned sum = 0;
    for (size_t i = 0; i < count; ++i) {
        size_t bytes;
        const char* const value = store->map->get(*store->oid, keys[i], &bytes);
        must(value != NULL, "a key is gone");
        sum += (unsigned)*value;
    }
    return sum;
}

void kv_close(struct store* store) {
    pmemobj_close(store->pool);
}
