/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pmem_allocator.h: a C++ allocator that makes a file kind of its own (memkind_create_pmem). The kind exists
 * as long as one of the allocators that were copied from each other, those inside containers included.
 *
 *     libmemkind::pmem::allocator<int> in_file("/mnt/pmem", 0);
 *     std::vector<int, libmemkind::pmem::allocator<int>> numbers(in_file);
 *
 * C++11 and later, compatible with memkind 1.14's; needs only the functions of memkind.h. For a kind that
 * exists already see memkind_pmr.h. Different from memkind: an allocator or container that was moved from can
 * still be used (it crashed); room for more objects than there are addresses is std::bad_array_new_length
 * instead of too little memory; alignas() of T is honoured; copies of one allocator in many threads do not
 * wait for each other; a container that is moved or swapped takes its memory, kind and all, along.
 */
#ifndef PMEM_ALLOCATOR_H
#define PMEM_ALLOCATOR_H

#include <cstddef>
#include <new>
#include <string>

#include "memkind.h"
#include "memkind_cxx.h"

namespace libmemkind {

// How soon freed memory goes back to the file system.
enum class allocation_policy {
    DEFAULT = MEMKIND_MEM_USAGE_POLICY_DEFAULT,
    CONSERVATIVE = MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE,
    MAX
};

namespace pmem {
// An allocator here is one pointer, memkind's is two: the names must differ for the linker, so that object
// files made with either header do not mix unnoticed.
inline namespace one_pointer {

// A new file kind. Throws std::invalid_argument or std::runtime_error.
inline memkind_t create_kind(const char* directory, std::size_t max_size, allocation_policy policy) {
    struct memkind_config* const config = memkind_config_new();
    if (config == nullptr)
        throw std::bad_alloc();
    memkind_config_set_path(config, directory);
    memkind_config_set_size(config, max_size);
    memkind_config_set_memory_usage_policy(config, static_cast<memkind_mem_usage_policy>(policy));
    memkind_t kind = nullptr;
    const int error = memkind_create_pmem_with_config(config, &kind);
    memkind_config_delete(config);
    if (error != MEMKIND_SUCCESS)
        detail::throw_creation_error("libmemkind::pmem::allocator", error);
    return kind;
}

// Meets the standard's requirements of an allocator. One pointer; a copy is counted in a cache line of the
// copying thread's own. Two are equal when they share the kind.
template <typename T>
class allocator : public detail::owning_allocator<allocator, T> {
    using shared = detail::owning_allocator<allocator, T>;

  public:
    using size_type = std::size_t;

    // Makes the kind; arguments and errors as memkind_create_pmem(). Throws std::invalid_argument when an
    // argument or the directory is bad, else std::runtime_error or std::bad_alloc.
    explicit allocator(const char* directory, size_type max_size,
                       allocation_policy policy = allocation_policy::DEFAULT)
        : shared(create_kind(directory, max_size, policy)) {}
    explicit allocator(const std::string& directory, size_type max_size,
                       allocation_policy policy = allocation_policy::DEFAULT)
        : allocator(directory.c_str(), max_size, policy) {}

    template <typename U>
    allocator(const allocator<U>& other) noexcept : shared(other) {}
};

}  // namespace one_pointer
}  // namespace pmem
}  // namespace libmemkind

#endif
