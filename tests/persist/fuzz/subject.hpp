// The pools that are damaged: with objects of every kind, closed or as a crash left them, at either granularity;
// and how the content of a pool is read, so that two of them can be compared.
#pragma once

#include <libpmemobj.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace terrace::persist::fuzz {

constexpr const char* kLayout = "fuzz";

// Of each object what it is and every byte of it.
struct Contents {
    struct Object {
        uint64_t type;
        std::string bytes;
        bool operator==(const Object&) const = default;
    };
    uint64_t root_offset = 0;
    std::map<uint64_t, Object> objects;  // by offset, the root's among them
};
Contents read_contents(PMEMobjpool* pool);

// Empty when the same, but for bytes of the file that may differ; else the first difference in words.
using MayDiffer = std::function<bool(uint64_t offset)>;
std::string compare(const Contents& found, const Contents& expected, const MayDiffer& may_differ);

// Empty when everything found is as it was at one of two times, each byte by itself, and nothing that exists at both is
// missing: what is left when the last record was damaged after its changes had gone home.
std::string compare_mixed(const Contents& found, const Contents& one, const Contents& other,
                          const MayDiffer& may_differ);

struct Subject {
    std::string name;
    std::string file;   // its bytes
    Contents contents;  // as it was when the file was taken
    Contents before;    // before its last transaction, whose record may count as torn when it is damaged
    bool is_closed = false;
    bool is_page_granularity = false;
};
// `path`: where to make it. The environment decides the granularity.
Subject make_subject(const std::string& path, bool is_page_granularity, bool is_closed, uint64_t seed);

}  // namespace terrace::persist::fuzz
