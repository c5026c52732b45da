#include "page_survey.hpp"

#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <set>

namespace terrace::kinds_tour {
namespace {

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

struct Mapping {
    std::uintptr_t begin;
    std::uintptr_t end;
    std::string file;  // empty for anonymous memory
};

std::vector<Mapping> read_mappings() {
    std::vector<Mapping> mappings;
    FILE* const maps = std::fopen("/proc/self/maps", "re");
    if (maps == nullptr)
        return mappings;
    char line[4400];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        unsigned long inode = 0;
        int path_at = 0;
        if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %lu %n", &begin, &end, &inode,
                        &path_at) < 3)
            continue;
        std::string path = inode == 0 ? "" : line + path_at;
        while (!path.empty() && path.back() == '\n')
            path.pop_back();
        mappings.push_back({begin, end, path});
    }
    std::fclose(maps);
    return mappings;
}

std::vector<void*> pages_of(std::span<const Block> blocks) {
    std::vector<void*> pages;
    for (const Block& block : blocks) {
        const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(block.address) / kPage;
        const std::uintptr_t last =
            (reinterpret_cast<std::uintptr_t>(block.address) + block.size - 1) / kPage;
        for (std::uintptr_t page = first; page <= last; ++page)
            pages.push_back(reinterpret_cast<void*>(page * kPage));
    }
    std::sort(pages.begin(), pages.end());
    pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
    return pages;
}

// Stores the node of each page; a negative number where the page is not mapped now, or where asking is forbidden.
void ask_nodes(std::span<void*> pages, std::span<int> nodes) {
    if (syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, nodes.data(), 0) != 0)
        std::fill(nodes.begin(), nodes.end(), -1);
}

// A page of a file can be in the page cache without being mapped; mincore sees it, move_pages does not.
bool is_in_memory(void* page) {
    unsigned char resident = 0;
    return mincore(page, kPage, &resident) == 0 && (resident & 1) != 0;
}

// Calls action(address, size) for each run of neighbouring pages.
template <typename Action>
void for_each_run(std::span<void* const> pages, Action action) {
    for (std::size_t first = 0, next = 0; first < pages.size(); first = next) {
        char* const begin = static_cast<char*>(pages[first]);
        next = first + 1;
        while (next < pages.size() && pages[next] == begin + (next - first) * kPage)
            ++next;
        action(begin, (next - first) * kPage);
    }
}

}  // namespace

Survey survey_pages(std::span<const Block> blocks) {
    Survey survey;
    std::vector<void*> pages = pages_of(blocks);
    constexpr std::size_t kBatch = 4096;
    std::vector<int> nodes(kBatch);
    for (std::size_t done = 0; done < pages.size(); done += kBatch) {
        const std::span<void*> batch = std::span(pages).subspan(done, std::min(kBatch, pages.size() - done));
        ask_nodes(batch, nodes);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if (nodes[i] < 0 && !is_in_memory(batch[i])) {
                survey.absent += kPage;
                continue;
            }
            survey.resident += kPage;
            survey.bytes_on_node[std::max(nodes[i], -1)] += kPage;
        }
    }

    std::set<std::string> files;
    const std::vector<Mapping> mappings = read_mappings();
    for (void* const page : pages) {
        const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(page);
        const auto after = std::upper_bound(mappings.begin(), mappings.end(), address,
                                            [](std::uintptr_t a, const Mapping& m) { return a < m.begin; });
        if (after == mappings.begin() || address >= std::prev(after)->end)
            continue;
        const std::string& file = std::prev(after)->file;
        if (file.empty())
            survey.has_anonymous = true;
        else
            files.insert(file);
    }
    survey.files.assign(files.begin(), files.end());
    return survey;
}

void page_out(std::span<const Block> blocks) {
    for_each_run(pages_of(blocks), [](char* begin, std::size_t size) {
        // A dirty page of a file is written first; anonymous memory does not mind.
        (void)msync(begin, size, MS_SYNC);
        (void)madvise(begin, size, MADV_PAGEOUT);
    });
}

}  // namespace terrace::kinds_tour
