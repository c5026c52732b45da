// How a source is mapped: the struct behind pmem2_config of include/libpmem2.h. Setters check what can be
// checked without a source; pmem2_map_new does the rest. Thread safety: one thread at a time.
#pragma once

#include <cstddef>

#include "persist/pmem2/public.hpp"

struct pmem2_config {
    static constexpr int kNotSet = -1;

    int granularity = kNotSet;  // the coarsest that will do
    std::size_t offset = 0;
    std::size_t length = 0;  // 0: up to the end of the source
    pmem2_sharing_type sharing = PMEM2_SHARED;
    unsigned protection = PMEM2_PROT_READ | PMEM2_PROT_WRITE;
    pmem2_vm_reservation* reservation = nullptr;
    std::size_t reservation_offset = 0;
};
