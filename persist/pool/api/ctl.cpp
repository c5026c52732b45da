// libpmemobj.h: settings, statistics and commands by name. The names are in ctl_entries.cpp.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>

#include "persist/pool/api/ctl.hpp"
#include "persist/pool/error_message.hpp"

using namespace terrace::persist;

namespace {

int query(PMEMobjpool* pop, const char* name, void* argument, CtlFunction CtlEntry::*operation,
          const char* verb) {
    read_environment_once();
    if (name == nullptr) {
        fail(EINVAL, "pmemobj_ctl_%s: the name is NULL", verb);
        return -1;
    }
    int64_t index;
    const CtlEntry* const entry = find_ctl_entry(name, index);
    if (entry == nullptr) {
        fail(EINVAL, "pmemobj_ctl_%s: there is no entry named '%s'", verb, name);
        return -1;
    }
    if (entry->*operation == nullptr) {
        fail(EINVAL, "pmemobj_ctl_%s: '%s' has no such operation; it has%s%s%s", verb, name,
             entry->get != nullptr ? " get" : "", entry->set != nullptr ? " set" : "",
             entry->exec != nullptr ? " exec" : "");
        return -1;
    }
    if (entry->scope == CtlScope::kPool && pop == nullptr) {
        fail(EINVAL, "pmemobj_ctl_%s: '%s' belongs to a pool, and pop is NULL", verb, name);
        return -1;
    }
    if (argument == nullptr && entry->get != ctl_nothing) {
        fail(EINVAL, "pmemobj_ctl_%s: '%s' takes an argument, and arg is NULL", verb, name);
        return -1;
    }
    Pool* const pool = pop == nullptr ? nullptr : &pool_of(pop);
    return (entry->*operation)({pool, index}, argument) == 0 ? 0 : -1;
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_ctl_get(PMEMobjpool* pop, const char* name, void* arg) {
    return query(pop, name, arg, &CtlEntry::get, "get");
}

int pmemobj_ctl_set(PMEMobjpool* pop, const char* name, void* arg) {
    return query(pop, name, arg, &CtlEntry::set, "set");
}

int pmemobj_ctl_exec(PMEMobjpool* pop, const char* name, void* arg) {
    return query(pop, name, arg, &CtlEntry::exec, "exec");
}

#pragma GCC visibility pop
