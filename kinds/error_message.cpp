// memkind_error_message: the text of each error number.
#include <errno.h>
#include <stdio.h>

#include "include/memkind.h"

namespace {

struct ErrorText {
    int number;
    const char* text;
};

constexpr ErrorText kTexts[] = {
    {MEMKIND_ERROR_UNAVAILABLE, "Requested memory kind is not available"},
    {MEMKIND_ERROR_MBIND, "Call to mbind() failed"},
    {MEMKIND_ERROR_MMAP, "Call to mmap() failed"},
    {MEMKIND_ERROR_MALLOC, "Call to malloc() failed"},
    {MEMKIND_ERROR_ENVIRON, "Error parsing environment variable (MEMKIND_*)"},
    {MEMKIND_ERROR_INVALID, "Invalid input arguments to memkind routine"},
    {MEMKIND_ERROR_TOOMANY, "Attempted to initialize more than maximum (512) number of kinds"},
    {MEMKIND_ERROR_BADOPS, "memkind_ops structure is poorly formed (missing or incorrect functions)"},
    {MEMKIND_ERROR_HUGETLB, "unable to allocate huge pages"},
    {MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE, "Requested memory type is not available"},
    {MEMKIND_ERROR_OPERATION_FAILED, "Operation failed"},
    {MEMKIND_ERROR_ARENAS_CREATE, "Call to jemalloc's arenas.create () failed"},
    {MEMKIND_ERROR_RUNTIME, "Unspecified run-time error"},
    {EINVAL, "Alignment must be a power of two and larger than sizeof(void *)"},
    {ENOMEM, "Call to jemk_mallocx() failed"},
};

}  // namespace

extern "C" __attribute__((visibility("default"))) void memkind_error_message(int err, char* msg,
                                                                             size_t size) {
    if (msg == nullptr || size == 0)
        return;
    for (const ErrorText& entry : kTexts) {
        if (entry.number == err) {
            snprintf(msg, size, "<memkind> %s", entry.text);
            return;
        }
    }
    snprintf(msg, size, "<memkind> Undefined error number: %i", err);
}
