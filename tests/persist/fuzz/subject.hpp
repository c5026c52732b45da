// The pools that are damaged: with objects of every kind, closed or as a crash left them, at either granularity;
// and how the content of a pool is read, so that two of them can be compared.
#pragma once

#include <libpmemobj.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace terrace::persist::fuzz {

constexpr const char* kLayout = "fuzz";

// Of a pool of the smallest size.
constexpr uint64_t kLogBegin = 65536;
constexpr uint64_t kLogEnd = kLogBegin + (1 << 20);

// Of each object what it is and every byte of it.
struct Contents {
    struct Object {
        uint64_t type;
        std::string bytes;
        bool operator==(const Object&) const = default;
    };
    uint64_t root_offset = 0;
    std::map<uint64_t, Object> objects;  // by offset, the root's among them

    bool has_in_object(uint64_t offset, uint64_t bytes) const;
};
Contents read_contents(PMEMobjpool* pool);

// Empty when the same, but for bytes of the file that may differ; else the first difference in words.
using MayDiffer = std::function<bool(uint64_t offset)>;
std::string compare(const Contents& found, const Contents& expected, const MayDiffer& may_differ);

// Empty when each byte found is as it was at one of these times, and nothing that exists at all of them is missing: what
// is left when the newest records were damaged after some of their changes had gone home.
std::string compare_mixed(const Contents& found, const std::vector<Contents>& times,
                          const MayDiffer& may_differ);

struct Subject {
    std::string name;
    std::string file;   // its bytes
    Contents contents;  // as it was when the file was taken
    // Of a pool that was not closed: its last transactions, oldest first. Nothing proves the newest record, or any of a
    // number of newest ones that are all damaged: they count as torn.
    struct Transaction {
        Contents before;
        uint64_t record_begin = 0;  // in the file
        uint64_t record_end = 0;
    };
    std::vector<Transaction> last;
    bool is_closed = false;
    bool is_page_granularity = false;
};
// `path`: where to make it. The environment decides the granularity.
Subject make_subject(const std::string& path, bool is_page_granularity, bool is_closed, uint64_t seed);

}  // namespace terrace::persist::fuzz
