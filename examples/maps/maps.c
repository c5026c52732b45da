/* maps: a durable map in a file, from the command line.
 *
 *     maps FILE btree|hash put KEY TEXT       FILE is made when it is not there
 *     maps FILE btree|hash get KEY
 *     maps FILE btree|hash remove KEY
 *     maps FILE btree|hash list
 *     maps FILE btree|hash check
 *     maps FILE btree|hash churn SEED ROUNDS  random changes, each compared with what an array in memory says
 *
 * One file holds one map of each kind. The exit status is 0, or 1 when a key is not there or the map is damaged, or 2 when
 * something else went wrong. */
#include <errno.h>
#include <libpmemobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"

static const char layout[] = "maps";
static const size_t pool_bytes = (size_t)64 << 20;

struct root {
    PMEMoid btree;
    PMEMoid hash;
};

static int fail(const char* what) {
    fprintf(stderr, "maps: %s: %s\n", what, errno != 0 ? pmemobj_errormsg() : "wrong");
    return 2;
}

static int print(uint64_t key, const void* value, size_t bytes, void* argument) {
    (void)argument;
    printf("%llu %.*s\n", (unsigned long long)key, (int)bytes, (const char*)value);
    return 0;
}

static int report(const struct map_interface* kind, PMEMoid map) {
    const char* const wrong = kind->check(map);
    printf("%s: %s\n", kind->name, wrong == NULL ? "as it should be" : wrong);
    return wrong != NULL;
}

/* ---- churn: a map against an array ---- */

enum { KEYS = 2000, LONGEST = 200, IN_A_BATCH = 50 };

/* What the value under a key has to be after its `version`-th change: its length and its bytes follow from both. */
static size_t make_value(uint64_t key, unsigned version, char* value) {
    const size_t bytes = 1 + (key * 31 + version / 3 * 7) % LONGEST;
    memset(value, (int)('a' + (key + version) % 26), bytes);
    return bytes;
}

static int is_as_expected(const struct map_interface* kind, PMEMoid map, uint64_t key, unsigned version) {
    char expected[LONGEST];
    size_t bytes;
    const void* const value = kind->get(map, key, &bytes);
    if (version == 0 || value == NULL)
        return version == 0 && value == NULL;
    return bytes == make_value(key, version, expected) && memcmp(value, expected, bytes) == 0;
}

static int change(const struct map_interface* kind, PMEMobjpool* pool, PMEMoid map, uint64_t key,
                  unsigned* version) {
    static unsigned changes = 0;
    char value[LONGEST];
    if (rand() % 5 < 2) {
        const int was_there = kind->remove(pool, map, key);
        const int should_be = *version != 0;
        *version = 0;
        return was_there == should_be;
    }
    *version = ++changes;
    return kind->put(pool, map, key, value, make_value(key, *version, value)) == 0;
}

/* Every third batch is taken back: then nothing of it may be there. */
static int churn(const struct map_interface* kind, PMEMobjpool* pool, PMEMoid map, unsigned seed,
                 unsigned rounds) {
    static unsigned versions[KEYS];
    static unsigned before[KEYS];
    srand(seed);
    for (uint64_t key = 0; key < KEYS; key++)
        if (kind->remove(pool, map, key) < 0)
            return fail("cannot empty the map");
    for (volatile unsigned round = 0; round < rounds; round++) {
        memcpy(before, versions, sizeof versions);
        volatile int is_good = 1;
        TX_BEGIN(pool) {
            for (int i = 0; i < IN_A_BATCH; i++) {
                const uint64_t key = (uint64_t)rand() % KEYS;
                if (!change(kind, pool, map, key, &versions[key]))
                    is_good = 0;
            }
            if (round % 3 == 2)
                pmemobj_tx_abort(ECANCELED);
        }
        TX_ONABORT {
            memcpy(versions, before, sizeof versions);
        }
        TX_END
        const uint64_t single = (uint64_t)rand() % KEYS;
        if (!is_good || !change(kind, pool, map, single, &versions[single]))
            return fail("a change did not do what it should");
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        if (!is_as_expected(kind, map, key, versions[key])) {
            printf("%s: key %llu is not as it should be\n", kind->name, (unsigned long long)key);
            return 1;
        }
    }
    return report(kind, map);
}

/* ---- the command line ---- */

static int run(const struct map_interface* kind, PMEMobjpool* pool, PMEMoid map, int count, char** words) {
    const uint64_t key = count > 1 ? strtoull(words[1], NULL, 0) : 0;
    if (count == 3 && strcmp(words[0], "put") == 0)
        return kind->put(pool, map, key, words[2], strlen(words[2])) == 0 ? 0 : fail("put");
    if (count == 2 && strcmp(words[0], "get") == 0) {
        size_t bytes;
        const char* const value = kind->get(map, key, &bytes);
        return value == NULL ? 1 : print(key, value, bytes, NULL);
    }
    if (count == 2 && strcmp(words[0], "remove") == 0) {
        const int was_there = kind->remove(pool, map, key);
        return was_there < 0 ? fail("remove") : !was_there;
    }
    if (count == 1 && strcmp(words[0], "list") == 0)
        return kind->for_each(map, print, NULL);
    if (count == 1 && strcmp(words[0], "check") == 0)
        return report(kind, map);
    if (count == 3 && strcmp(words[0], "churn") == 0)
        return churn(kind, pool, map, (unsigned)key, (unsigned)strtoul(words[2], NULL, 0));
    fprintf(stderr,
            "usage: maps FILE btree|hash put KEY TEXT | get KEY | remove KEY | list | check | churn SEED "
            "ROUNDS\n");
    return 2;
}

int main(int count, char** words) {
    if (count < 4 || (strcmp(words[2], "btree") != 0 && strcmp(words[2], "hash") != 0))
        return run(NULL, NULL, OID_NULL, 0, words);
    PMEMobjpool* pool = pmemobj_open(words[1], layout);
    if (pool == NULL && errno == ENOENT)
        pool = pmemobj_create(words[1], layout, pool_bytes, 0666);
    if (pool == NULL)
        return fail(words[1]);
    struct root* const root = pmemobj_direct(pmemobj_root(pool, sizeof(struct root)));
    if (root == NULL)
        return fail("no root object");
    const int is_btree = strcmp(words[2], "btree") == 0;
    const struct map_interface* const kind = is_btree ? &btree_map : &hash_map;
    PMEMoid* const map = is_btree ? &root->btree : &root->hash;
    if (OID_IS_NULL(*map) && kind->create(pool, map) != 0)
        return fail("create");
    const int result = run(kind, pool, *map, count - 3, words + 3);
    pmemobj_close(pool);
    return result;
}
