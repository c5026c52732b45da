// How our jemalloc is set up, and the two seams through which it would otherwise listen to settings that the
// user meant for the program's own jemalloc: MALLOC_CONF and /etc/malloc.conf.
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

extern "C" {

// jemalloc gives us runs of pages; small blocks and threads' caches are ours (kinds/shard.hpp). So: no caches
// of its own; oversize_threshold 0: large blocks stay in their kind's arenas instead of one shared arena;
// narenas 1: jemalloc's automatic arena serves only its own bookkeeping; lg_extent_max_active_fit 20: a span
// may be cut from a free run of any size. With the usual 6 it may not from one of more than 64 times its
// size: after a program freed 10 MiB of small blocks, the next ones came from fresh pages (900 ns a block
// instead of 50, bench/kinds "bulk").
__attribute__((visibility("hidden"))) extern const char* terrace_je_malloc_conf;
const char* terrace_je_malloc_conf =
    "tcache:false,oversize_threshold:0,narenas:1,muzzy_decay_ms:0,"
    "lg_extent_max_active_fit:20";

// Off: a run of 16 KiB takes 16 KiB and not 20, and starts on a page. jemalloc 5.3 has no name for this in
// its configuration, only the variable, which it reads when it has read its configuration.
__attribute__((visibility("hidden"))) extern bool terrace_je_opt_cache_oblivious;

// The one variable that reaches our jemalloc is memkind's own, whatever name it asks for.
__attribute__((visibility("hidden"))) char* terrace_je_secure_getenv(const char*) {
    terrace_je_opt_cache_oblivious = false;
    return secure_getenv("JEMK_MALLOC_CONF");
}

__attribute__((visibility("hidden"))) ssize_t terrace_je_readlink(const char*, char*, size_t) {
    errno = ENOENT;
    return -1;
}

}  // extern "C"
