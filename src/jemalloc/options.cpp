// How our jemalloc is set up, and the two seams through which it would otherwise listen to settings that the
// user meant for the program's own jemalloc: MALLOC_CONF and /etc/malloc.conf.
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

extern "C" {

// tcache_max: jemalloc caches 32 KiB objects at most; 64 KiB makes the 4-64 KiB classes several times faster,
// and a thread can hold 6.5 MiB in them at worst. oversize_threshold 0: large objects stay in their kind's
// arenas instead of one shared arena. narenas 1: jemalloc's automatic arenas serve only its own bookkeeping;
// every kind makes its own.
__attribute__((visibility("hidden"))) extern const char* terrace_je_malloc_conf;
const char* terrace_je_malloc_conf =
    "tcache:false,tcache_max:65536,oversize_threshold:0,narenas:1,muzzy_decay_ms:0";

// The one variable that reaches our jemalloc is memkind's own, whatever name it asks for.
__attribute__((visibility("hidden"))) char* terrace_je_secure_getenv(const char*) {
    return secure_getenv("JEMK_MALLOC_CONF");
}

__attribute__((visibility("hidden"))) ssize_t terrace_je_readlink(const char*, char*, size_t) {
    errno = ENOENT;
    return -1;
}

}  // extern "C"
