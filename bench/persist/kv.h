/* A store of keys and values as bench_kv drives it. Every store is one durable transaction of `count` puts. */
#ifndef BENCH_KV_H
#define BENCH_KV_H

#include <stddef.h>
#include <stdint.h>

enum { VALUE_BYTES = 100 };

struct store;

/* The kinds of map this side has, by name; ends with NULL. */
extern const char* const kv_maps[];

/* Opens the file, or makes it, with room for `keys` keys. */
struct store* kv_open(const char* path, const char* map, size_t keys);
void kv_put(struct store* store, const uint64_t* keys, size_t count, char fill);
/* The first byte of each value, summed up; the keys are there. */
unsigned kv_get(struct store* store, const uint64_t* keys, size_t count);
void kv_close(struct store* store);

#endif
