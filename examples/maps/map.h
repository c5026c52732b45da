/* map.h: durable maps from a 64-bit key to some bytes, over libpmemobj.
 *
 * Two maps have this interface: a B-tree (btree_map.c), whose keys are in order, and a hash table (hash_map.c). A map is one
 * durable object; keep its name (a PMEMoid) in your root object, or wherever you find it again:
 *
 *     struct root { PMEMoid phone_book; };
 *     if (btree_map.create(pool, &root->phone_book) != 0) ...
 *     btree_map.put(pool, root->phone_book, 4711, "Ada", 4);
 *
 * Every change is one transaction: after a crash it has happened or it has not. Called inside a transaction of yours, it
 * becomes a part of that one, and many changes cost little more than one:
 *
 *     TX_BEGIN(pool) {
 *         for (i = 0; i < 100; i++)
 *             btree_map.put(pool, root->phone_book, key[i], value[i], length[i]);
 *     } TX_END
 *
 * Threads: readers may run together; who changes a map must be alone with it. */
#ifndef EXAMPLES_MAP_H
#define EXAMPLES_MAP_H

#include <libpmemobj.h>
#include <stddef.h>
#include <stdint.h>

struct map_interface {
    const char* name;

    /* An empty map, whose name is stored to *where, which lies in the pool. 0, or -1 with errno set. */
    int (*create)(PMEMobjpool* pool, PMEMoid* where);

    /* Stores a copy of `bytes` bytes under the key, in place of what was there. 0, or -1 with errno set and nothing changed;
     * inside a transaction a failure aborts it. */
    int (*put)(PMEMobjpool* pool, PMEMoid map, uint64_t key, const void* value, size_t bytes);

    /* 1 when the key was there, 0 when it was not, -1 with errno set. */
    int (*remove)(PMEMobjpool* pool, PMEMoid map, uint64_t key);

    /* The value, in place, and how many bytes it has; NULL when the key is not there. It stays where it is until the key is
     * put again or removed. */
    const void* (*get)(PMEMoid map, uint64_t key, size_t* bytes);

    /* Calls `visit` for every key until it returns something else than 0, and returns that. The B-tree goes in order. */
    int (*for_each)(PMEMoid map, int (*visit)(uint64_t key, const void* value, size_t bytes, void* argument),
                    void* argument);

    /* NULL when the structure holds what it promises, else a sentence about what is wrong. */
    const char* (*check)(PMEMoid map);
};

extern const struct map_interface btree_map;
extern const struct map_interface hash_map;

#endif
