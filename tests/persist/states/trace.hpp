// What one run of a workload did to the medium, as a list of points at which the power may fail. Between two
// points more became guaranteed; at a point some units are in flight: each may hold its guaranteed content, any
// version it had since, or, a cache line, some words of one version and the rest of the one before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace terrace::persist::states {

constexpr uint64_t kLine = 64;
constexpr uint64_t kWord = 8;
constexpr uint64_t kSector = 512;
constexpr uint64_t kPage = 4096;

// The states, by number, that may be found after a crash: from the last one promised to the one under way.
struct Allowed {
    size_t first = 0;
    size_t last = 0;
};

struct Expectation {
    bool is_pool_promised = true;  // false: pmemobj_create has not returned, so a refusal is right too
    std::vector<Allowed> parts;    // of the pool, each with its own sequence of states
    Allowed loose;                 // contents of the loose object: each word from one of these
};

struct Flight {
    uint64_t offset;                    // of the unit in the file
    std::vector<std::string> versions;  // since the guaranteed one, oldest first
};

struct Point {
    std::string what;                                             // "fence 12 in 'tx_free'"
    std::vector<std::pair<uint64_t, std::string>> newly_durable;  // units, since the point before
    std::vector<Flight> in_flight;
    uint64_t durable_bytes = 0;  // the file's size at the last sync,
    uint64_t file_bytes = 0;     // and now
    Expectation expected;
};

struct Trace {
    uint64_t unit = kLine;  // bytes that reach the medium together: a cache line, or a sector
    std::string start;      // what was durable when the recording began: the whole file
    std::vector<Point> points;
    std::string fault;  // what the recorder itself found wrong; empty: nothing
};

}  // namespace terrace::persist::states
