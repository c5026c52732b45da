// What stands in for a CPU's own file on an architecture that has none yet: the portable way is its best one.
// See x86_64.cpp for what such a file looks like.
// There is nothing here that the environment could forbid.
#include "persist/flush/cpu.hpp"

namespace terrace::persist {

void methods_of_this_cpu(FlushMethods* methods) {
    portable_methods(methods);
}

}  // namespace terrace::persist
