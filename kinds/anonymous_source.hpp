// Ordinary memory: anonymous private pages, placed by the process's own NUMA policy. MEMKIND_DEFAULT is made
// of it.
#pragma once

#include "kinds/extent_source.hpp"

namespace terrace::kinds {

class AnonymousSource : public ExtentSource {
  public:
    bool map(char* address, std::size_t size) override;
    bool purge(char* address, std::size_t size) override;
    bool decommit(char* address, std::size_t size) override { return AnonymousSource::purge(address, size); }
    std::size_t capacity() override;
};

}  // namespace terrace::kinds
