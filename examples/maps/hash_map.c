/* A hash table that grows without ever stopping to rebuild itself: linear hashing. When it has more entries than buckets, the
 * next bucket in turn is split in two, so that each put pays for at most one split and no transaction is long.
 *
 * Buckets live in tables that never move: the first has FIRST_BUCKETS, each further one as many as all before it. */
#include <errno.h>
#include <string.h>

#include "map.h"

struct hash_map;
struct bucket;
struct entry;
POBJ_LAYOUT_BEGIN(hash_map);
POBJ_LAYOUT_TOID(hash_map, struct hash_map);
POBJ_LAYOUT_TOID(hash_map, struct bucket);
POBJ_LAYOUT_TOID(hash_map, struct entry);
POBJ_LAYOUT_END(hash_map)

enum { FIRST_BUCKETS = 64, MOST_TABLES = 40 };

struct entry {
    TOID(struct entry) next; /* in the same bucket */
    uint64_t key;
    uint64_t bytes;
    char value[];
};

struct bucket {
    TOID(struct entry) first;
};

struct hash_map {
    uint64_t entries;
    uint64_t buckets; /* in use */
    TOID(struct bucket) tables[MOST_TABLES];
};

static struct hash_map* map_of(PMEMoid oid) {
    return pmemobj_direct(oid);
}

static uint64_t hash(uint64_t key) {
    key = (key ^ (key >> 32)) * 0x9e3779b97f4a7c15u;
    key = (key ^ (key >> 29)) * 0xbf58476d1ce4e5b9u;
    return key ^ (key >> 32);
}

static unsigned log2_of(uint64_t number) {
    return 63 - (unsigned)__builtin_clzll(number);
}

/* Tables: buckets 0 to 63, 64 to 127, 128 to 255, 256 to 511, ... */
static unsigned table_of(uint64_t index) {
    return index < FIRST_BUCKETS ? 0 : log2_of(index) - log2_of(FIRST_BUCKETS) + 1;
}

static struct bucket* bucket_at(const struct hash_map* map, uint64_t index) {
    const uint64_t first_of_table = index < FIRST_BUCKETS ? 0 : (uint64_t)1 << log2_of(index);
    TOID(struct bucket) table = map->tables[table_of(index)];
    return D_RW(table) + (index - first_of_table);
}

/* With 96 buckets, the first 32 have been split: they and their other halves take 7 bits of the hash, the others 6. */
static uint64_t index_of(const struct hash_map* map, uint64_t key) {
    const uint64_t whole = (uint64_t)1 << log2_of(map->buckets);
    const uint64_t index = hash(key) & (2 * whole - 1);
    return index < map->buckets ? index : index - whole;
}

/* The place that names the entry with this key; or the end of its chain, which names nothing. */
static TOID(struct entry) * find(struct hash_map* map, uint64_t key) {
    TOID(struct entry)* place = &bucket_at(map, index_of(map, key))->first;
    while (!TOID_IS_NULL(*place) && D_RO(*place)->key != key)
        place = &D_RW(*place)->next;
    return place;
}

/* REQUIRES, for this and for every function up to put: a transaction is open. A failure aborts it. */
static void change_name(TOID(struct entry) * place, TOID(struct entry) to) {
    pmemobj_tx_add_range_direct(place, sizeof *place);
    *place = to;
}

static void change_number(uint64_t* number, uint64_t to) {
    pmemobj_tx_add_range_direct(number, sizeof *number);
    *number = to;
}

/* One more bucket, to which about half of another bucket's entries move. */
static void split_one(struct hash_map* map) {
    const uint64_t added = map->buckets;
    const uint64_t whole = (uint64_t)1 << log2_of(added);
    if (added == whole) { /* all have been split: a new round, and a new table */
        const unsigned table = table_of(added);
        pmemobj_tx_add_range_direct(&map->tables[table], sizeof map->tables[table]);
        map->tables[table] = TX_ZALLOC(struct bucket, whole * sizeof(struct bucket));
    }
    change_number(&map->buckets, added + 1);
    TOID(struct entry)* stays = &bucket_at(map, added - whole)->first;
    TOID(struct entry)* moves = &bucket_at(map, added)->first;
    while (!TOID_IS_NULL(*stays)) {
        TOID(struct entry) entry = *stays;
        if (index_of(map, D_RO(entry)->key) != added) {
            stays = &D_RW(entry)->next;
            continue;
        }
        change_name(stays, D_RO(entry)->next);
        TOID(struct entry) behind = *moves;
        change_name(moves, entry);
        change_name(&D_RW(entry)->next, behind);
    }
}

static TOID(struct entry) new_entry(uint64_t key, const void* value, size_t bytes, TOID(struct entry) next) {
    TOID(struct entry) entry = TX_ALLOC(struct entry, sizeof(struct entry) + bytes);
    /* A new object is in nobody's sight: it needs no pmemobj_tx_add_range. */
    D_RW(entry)->next = next;
    D_RW(entry)->key = key;
    D_RW(entry)->bytes = bytes;
    memcpy(D_RW(entry)->value, value, bytes);
    return entry;
}

static void store(struct hash_map* map, uint64_t key, const void* value, size_t bytes) {
    TOID(struct entry)* place = find(map, key);
    TOID(struct entry) old = *place;
    if (TOID_IS_NULL(old)) {
        change_name(place, new_entry(key, value, bytes, TOID_NULL(struct entry)));
        change_number(&map->entries, map->entries + 1);
        if (map->entries > map->buckets)
            split_one(map);
    } else if (D_RO(old)->bytes == bytes) {
        pmemobj_tx_add_range_direct(D_RO(old)->value, bytes);
        memcpy(D_RW(old)->value, value, bytes);
    } else {
        change_name(place, new_entry(key, value, bytes, D_RO(old)->next));
        TX_FREE(old);
    }
}

static int put(PMEMobjpool* pool, PMEMoid oid, uint64_t key, const void* value, size_t bytes) {
    struct hash_map* const map = map_of(oid);
    volatile int result = 0; /* volatile: it changes between a setjmp and a longjmp */
    TX_BEGIN(pool) {
        store(map, key, value, bytes);
    }
    TX_ONABORT {
        result = -1;
    }
    TX_END
    return result;
}

static int remove_key(PMEMobjpool* pool, PMEMoid oid, uint64_t key) {
    struct hash_map* const map = map_of(oid);
    TOID(struct entry)* const place = find(map, key);
    if (TOID_IS_NULL(*place))
        return 0;
    volatile int result = 1;
    TX_BEGIN(pool) {
        TOID(struct entry) entry = *place;
        change_name(place, D_RO(entry)->next);
        change_number(&map->entries, map->entries - 1);
        TX_FREE(entry);
    }
    TX_ONABORT {
        result = -1;
    }
    TX_END
    return result;
}

static int create(PMEMobjpool* pool, PMEMoid* where) {
    volatile int result = 0;
    TX_BEGIN(pool) {
        pmemobj_tx_add_range_direct(where, sizeof *where);
        TOID(struct hash_map) map = TX_ZNEW(struct hash_map);
        D_RW(map)->buckets = FIRST_BUCKETS;
        D_RW(map)->tables[0] = TX_ZALLOC(struct bucket, FIRST_BUCKETS * sizeof(struct bucket));
        *where = map.oid;
    }
    TX_ONABORT {
        result = -1;
    }
    TX_END
    return result;
}

static const void* get(PMEMoid oid, uint64_t key, size_t* bytes) {
    TOID(struct entry) entry = *find(map_of(oid), key);
    if (TOID_IS_NULL(entry))
        return NULL;
    *bytes = D_RO(entry)->bytes;
    return D_RO(entry)->value;
}

static int for_each(PMEMoid oid, int (*visit)(uint64_t, const void*, size_t, void*), void* argument) {
    const struct hash_map* const map = map_of(oid);
    for (uint64_t i = 0; i < map->buckets; i++) {
        for (TOID(struct entry) entry = bucket_at(map, i)->first; !TOID_IS_NULL(entry);
             entry = D_RO(entry)->next) {
            const int result = visit(D_RO(entry)->key, D_RO(entry)->value, D_RO(entry)->bytes, argument);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

static const char* check(PMEMoid oid) {
    const struct hash_map* const map = map_of(oid);
    uint64_t found = 0;
    for (uint64_t i = 0; i < map->buckets; i++) {
        for (TOID(struct entry) entry = bucket_at(map, i)->first; !TOID_IS_NULL(entry);
             entry = D_RO(entry)->next) {
            if (index_of(map, D_RO(entry)->key) != i)
                return "an entry lies in a bucket that is not its own";
            if (++found > map->entries)
                return "there are more entries than the map counted";
        }
    }
    return found == map->entries ? NULL : "there are fewer entries than the map counted";
}

const struct map_interface hash_map = {"hash", create, put, remove_key, get, for_each, check};
