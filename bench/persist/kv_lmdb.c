/* See kv.h: LMDB, a B+-tree with copy-on-write, as its users run it: every commit is synced. Its one file has both names. */
#include <lmdb.h>

#include "kv.h"
#include "side.h"

const char* const kv_maps[] = {"btree", "hash", NULL};

struct store {
    MDB_env* environment;
    MDB_dbi database;
};

void give_up(const char* what) {
    fprintf(stderr, "bench_kv_lmdb: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void check(int result, const char* what) {
    if (result == 0)
        return;
    fprintf(stderr, "bench_kv_lmdb: %s: %s\n", what, mdb_strerror(result));
    exit(1);
}

struct store* kv_open(const char* path, const char* map, size_t keys) {
    static struct store store;
    MDB_txn* transaction;
    (void)map;
    check(mdb_env_create(&store.environment), "create");
    check(mdb_env_set_mapsize(store.environment, keys * 400 + (48u << 20)), "size");
    check(mdb_env_open(store.environment, path, MDB_NOSUBDIR, 0600), path);
    check(mdb_txn_begin(store.environment, NULL, 0, &transaction), "begin");
    check(mdb_dbi_open(transaction, NULL, MDB_INTEGERKEY | MDB_CREATE, &store.database), "open");
    check(mdb_txn_commit(transaction), "commit");
    return &store;
}

void kv_put(struct store* store, const uint64_t* keys, size_t count, char fill) {
    char value[VALUE_BYTES];
    MDB_txn* transaction;
    memset(value, fill, sizeof value);
    check(mdb_txn_begin(store->environment, NULL, 0, &transaction), "begin");
    for (size_t i = 0; i < count; ++i) {
        uint64_t number = keys[i];
        MDB_val key = {sizeof number, &number};
        MDB_val data = {sizeof value, value};
        check(mdb_put(transaction, store->database, &key, &data, 0), "put");
    }
    check(mdb_txn_commit(transaction), "commit");
}

unsigned kv_get(struct store* store, const uint64_t* keys, size_t count) {
    unsigned sum = 0;
    MDB_txn* transaction;
    check(mdb_txn_begin(store->environment, NULL, MDB_RDONLY, &transaction), "begin");
    for (size_t i = 0; i < count; ++i) {
        uint64_t number = keys[i];
        MDB_val key = {sizeof number, &number};
        MDB_val data;
        check(mdb_get(transaction, store->database, &key, &data), "a key is gone");
        sum += (unsigned)*(const char*)data.mv_data;
    }
    mdb_txn_abort(transaction);
    return sum;
}

void kv_close(struct store* store) {
    mdb_env_close(store->environment);
}
