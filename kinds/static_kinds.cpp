#include "kinds/static_kinds.hpp"

#include "kinds/anonymous_source.hpp"
#include "kinds/extent_hooks.hpp"
#include "kinds/node_source.hpp"

namespace terrace::kinds {
namespace {

constinit AnonymousSource default_source;
constinit NodeSource regular_source{nodes_with_cpus};

}  // namespace

#define TERRACE_STATIC_KIND(its_name, its_slot, its_source)                                             \
    {                                                                                                   \
        .hooks = kExtentHooks, .name = its_name, .source = its_source, .foreign_heap = nullptr,         \
        .foreign_state = nullptr, .serial = (its_slot) + 1, .slot = its_slot, .shard_count = 0,         \
        .first_window = kLargestWindow, .dying = false, .growth_lock = {}, .arenas = {}, .windows = {}, \
        .window_count = 0, .carved = 0, .tcaches = {}                                                   \
    }

__attribute__((visibility("hidden"))) constinit memkind default_kind =
    TERRACE_STATIC_KIND("memkind_default", kDefaultSlot, &default_source);
__attribute__((visibility("hidden"))) constinit memkind regular_kind =
    TERRACE_STATIC_KIND("memkind_regular", kRegularSlot, &regular_source);

}  // namespace terrace::kinds

extern "C" {
__attribute__((visibility("default"))) constinit memkind_t MEMKIND_DEFAULT = &terrace::kinds::default_kind;
__attribute__((visibility("default"))) constinit memkind_t MEMKIND_REGULAR = &terrace::kinds::regular_kind;
}
