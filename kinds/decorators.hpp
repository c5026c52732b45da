// Decorators: functions that a program may define to see, and change, the arguments and results of each heap
// function of memkind.h. They are weak references, resolved in the executable (or a library linked before
// this one); nothing is called where nothing is defined. Interface: memkind(3), "DECORATORS".
#pragma once

#include "include/memkind.h"

extern "C" {
__attribute__((weak)) void memkind_malloc_pre(memkind_t* kind, size_t* size);
__attribute__((weak)) void memkind_malloc_post(memkind_t kind, size_t size, void** result);
__attribute__((weak)) void memkind_calloc_pre(memkind_t* kind, size_t* nmemb, size_t* size);
__attribute__((weak)) void memkind_calloc_post(memkind_t kind, size_t nmemb, size_t size, void** result);
__attribute__((weak)) void memkind_posix_memalign_pre(memkind_t* kind, void** memptr, size_t* alignment,
                                                      size_t* size);
__attribute__((weak)) void memkind_posix_memalign_post(memkind_t kind, void** memptr, size_t alignment,
                                                       size_t size, int* err);
__attribute__((weak)) void memkind_realloc_pre(memkind_t* kind, void** ptr, size_t* size);
__attribute__((weak)) void memkind_realloc_post(memkind_t kind, void* ptr, size_t size, void** result);
__attribute__((weak)) void memkind_free_pre(memkind_t* kind, void** ptr);
__attribute__((weak)) void memkind_free_post(memkind_t kind, void* ptr);
}
