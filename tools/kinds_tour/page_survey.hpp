// Where pages lie: the kernel is asked about each page of some blocks, and about the mapping behind them.
// Nothing here knows of kinds; it would tell the same about any memory. Thread safety: none needed; memory
// that another thread unmaps meanwhile is counted as not resident.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace terrace::kinds_tour {

struct Block {
    char* address;
    std::size_t size;  // bytes
};

struct Survey {
    // NUMA node to bytes resident there; -1: not told by the kernel
    std::map<int, std::size_t> bytes_on_node;
    std::size_t resident = 0;        // bytes in physical memory, page cache included
    std::size_t absent = 0;          // bytes that are in a file, in swap, or nowhere yet
    std::vector<std::string> files;  // files mapped behind the blocks, each once; none: anonymous memory
    bool has_anonymous = false;      // some block lies in memory without a file
};

// Looks at every page that a block touches, each once. Costs one move_pages(2) per 4,096 pages and one
// reading of /proc/self/maps; changes nothing. Where move_pages is forbidden (some containers), mincore(2)
// tells what is resident, and the node is -1.
Survey survey_pages(std::span<const Block> blocks);

// Asks the kernel to take the pages of the blocks out of memory, as it would under pressure: a page of a file
// on disk goes back to its file, an anonymous page to swap where there is some. Their contents stay.
void page_out(std::span<const Block> blocks);

}  // namespace terrace::kinds_tour
