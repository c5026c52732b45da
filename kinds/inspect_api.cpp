// memkind.h: what a kind is made of, what a directory is, and which interface this is.
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "include/memkind.h"
#include "kinds/node_choice.hpp"
#include "kinds/places.hpp"
#include "kinds/registry.hpp"
#include "src/files.hpp"
#include "src/topology.hpp"

using namespace terrace;
using namespace terrace::kinds;

namespace {

// The nodes of a kind that takes memory near each CPU: those of all places.
NodeSet nodes_of_all_places(const NodeChoice& choice) {
    NodeSet nodes;
    for (unsigned place = 0; place < choice.place_count; ++place)
        nodes.add_all(choice.nodes[place]);
    return nodes;
}

// REQUIRES: the kind is available.
std::size_t capacity_of_available(memkind* kind) {
    // Places may share nodes, which count once.
    if (state_of(kind) == KindState::kSeveral && kind->choice != nullptr)
        return topology::capacity_of(nodes_of_all_places(*kind->choice), kind->choice->huge_page_size);
    std::size_t total = 0;
    for_each_part(kind, [&](memkind* part) {
        if (part->source != nullptr)
            total += part->source->capacity();
        else if (part->foreign_heap != nullptr)
            total += part->foreign_heap->capacity(part);
    });
    return total;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int memkind_get_version(void) {
    return 1014000;
}

ssize_t memkind_get_capacity(memkind_t kind) {
    if (kind == nullptr)
        return -1;
    if (const int error = availability(kind); error != MEMKIND_SUCCESS)
        return error == MEMKIND_ERROR_HUGETLB ? 0 : -1;
    const std::size_t capacity = capacity_of_available(kind);
    return capacity == 0 || capacity > SSIZE_MAX ? -1 : static_cast<ssize_t>(capacity);
}

int memkind_get_nodes(memkind_t kind, unsigned long* mask, unsigned long maxnode) {
    if (kind == nullptr || (mask == nullptr && maxnode != 0))
        return MEMKIND_ERROR_INVALID;
    if (const int error = availability(kind); error != MEMKIND_SUCCESS)
        return error;
    if (state_of(kind) == KindState::kNotPrepared)
        prepare(kind);
    const NodeSet nodes = nodes_of(
        state_of(kind) == KindState::kSeveral && kind->choice != nullptr ? place_for_this_cpu(kind) : kind);
    if (maxnode < kMostNodes && nodes.next(static_cast<unsigned>(maxnode)) < kMostNodes)
        return MEMKIND_ERROR_INVALID;
    nodes.write_to(mask, maxnode);
    return MEMKIND_SUCCESS;
}

int memkind_check_dax_path(const char* pmem_dir) {
    if (pmem_dir == nullptr)
        return MEMKIND_ERROR_INVALID;
    const int file = open_unnamed_file(pmem_dir);
    if (file < 0)
        return MEMKIND_ERROR_RUNTIME;
    const std::size_t size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    int result = MEMKIND_ERROR_RUNTIME;
    int reason = 0;
    if (ftruncate(file, static_cast<off_t>(size)) != 0) {
        reason = errno;
    } else {
        void* const memory =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file, 0);
        result = memory == MAP_FAILED ? MEMKIND_ERROR_MMAP : MEMKIND_SUCCESS;
        reason = errno;
        if (memory != MAP_FAILED)
            munmap(memory, size);
    }
    close(file);
    if (result != MEMKIND_SUCCESS)
        errno = reason;
    return result;
}

}  // extern "C"
#pragma GCC visibility pop
