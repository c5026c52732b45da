// libpmemobj.h: copies of strings as objects, in one atomic step.
// The content is written by a constructor, so that it becomes durable with the object.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "persist/pool/error_message.hpp"

using namespace terrace::persist;

namespace {

struct Source {
    const void* text;
    size_t bytes;
};

int copy_text(PMEMobjpool*, void* object, void* argument) {
    const Source& source = *static_cast<const Source*>(argument);
    memcpy(object, source.text, source.bytes);
    return 0;
}

int duplicate(PMEMobjpool* pop, PMEMoid* oidp, const void* text, size_t bytes, uint64_t type_num) {
    Source source{text, bytes};
    return pmemobj_alloc(pop, oidp, bytes, type_num, copy_text, &source);
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_strdup(PMEMobjpool* pop, PMEMoid* oidp, const char* s, uint64_t type_num) {
    if (s == nullptr) {
        fail(EINVAL, "pmemobj_strdup: a null string was given");
        return -1;
    }
    return duplicate(pop, oidp, s, strlen(s) + 1, type_num);
}

int pmemobj_wcsdup(PMEMobjpool* pop, PMEMoid* oidp, const wchar_t* s, uint64_t type_num) {
    if (s == nullptr) {
        fail(EINVAL, "pmemobj_wcsdup: a null string was given");
        return -1;
    }
    return duplicate(pop, oidp, s, (wcslen(s) + 1) * sizeof(wchar_t), type_num);
}

#pragma GCC visibility pop
