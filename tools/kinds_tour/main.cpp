// terrace-kinds: allocates from several kinds and shows where their pages lie: on which NUMA node, behind
// which file, and what of them must stay in memory when they are not used. Uses the public interface only.
// Checks what it shows: exit status 1 when a block is not of its kind, lies elsewhere than its kind says, or
// loses its contents; 2 for wrong arguments.
#include <memkind.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "page_survey.hpp"

namespace terrace::kinds_tour {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

struct Stop {
    std::string name;
    memkind_t kind;
    std::string directory;  // of a file kind
};

struct Options {
    std::size_t bytes = 32u << 20;  // to allocate from each kind
    std::vector<std::string> directories;
};

void print_usage() {
    std::puts(
        "terrace-kinds [--mib N] [DIRECTORY...]\n"
        "\n"
        "Allocates N MiB (32) from DEFAULT, REGULAR, and a file kind in each DIRECTORY (/dev/shm and "
        "/var/tmp),\n"
        "and shows where the pages lie, now and after the kernel was asked to page them out.");
}

// The text at the start of a block that tells whether its contents are still what was written.
void sign(const Block& block) {
    std::memset(block.address, 'T', block.size);
    std::memcpy(block.address, &block, sizeof block);
}

bool is_signed(const Block& block) {
    return std::memcmp(block.address, &block, sizeof block) == 0 && block.address[block.size - 1] == 'T';
}

// Objects of all sizes between 64 B and 256 KiB, as a program would have them.
std::vector<Block> allocate(memkind_t kind, std::size_t bytes) {
    std::vector<Block> blocks;
    std::uint32_t random = 20;
    for (std::size_t total = 0; total < bytes;) {
        random = random * 1664525u + 1013904223u;
        const std::size_t size = (std::size_t{64} << (random >> 8) % 12) + (random >> 16) % 64;
        char* const address = static_cast<char*>(memkind_malloc(kind, size));
        if (address == nullptr) {
            std::fprintf(stderr, "terrace-kinds: no more memory of this kind after %zu bytes\n", total);
            break;
        }
        blocks.push_back({address, size});
        sign(blocks.back());
        total += size;
    }
    return blocks;
}

std::string file_system_of(const std::string& directory) {
    struct statfs status = {};
    if (statfs(directory.c_str(), &status) != 0)
        return "?";
    switch (static_cast<unsigned long>(status.f_type)) {
        case 0x01021994:
            return "tmpfs";
        case 0xef53:
            return "ext4";
        case 0x58465342:
            return "xfs";
        case 0x9123683e:
            return "btrfs";
        case 0x794c7630:
            return "overlay";
        default:
            return "a file system";
    }
}

std::string mapped_from(const Stop& stop, const Survey& survey) {
    if (survey.files.empty())
        return "anonymous memory";
    const std::string more = survey.files.size() > 1 ? ", and more" : "";
    return (stop.directory.empty() ? survey.files.front()
                                   : stop.directory + " (" + file_system_of(stop.directory) + ")") +
           more;
}

std::string nodes_of(const Survey& survey) {
    std::string text;
    for (const auto& [node, bytes] : survey.bytes_on_node) {
        char part[48];
        if (survey.bytes_on_node.size() == 1)
            std::snprintf(part, sizeof part, node < 0 ? "unknown" : "%d", node);
        else
            std::snprintf(part, sizeof part, "%d: %.0f MiB", node, static_cast<double>(bytes) / kMiB);
        text += (text.empty() ? "" : ", ") + std::string(part);
    }
    return text;
}

bool complain(const Stop& stop, const char* what) {
    std::fprintf(stderr, "terrace-kinds: %s: %s\n", stop.name.c_str(), what);
    return false;
}

// A file kind's blocks lie in files of its directory and nowhere else; the others lie in no file.
bool lies_where_it_should(const Stop& stop, const Survey& survey) {
    if (stop.directory.empty())
        return survey.files.empty() || complain(stop, "lies in a file");
    if (survey.has_anonymous || survey.files.empty())
        return complain(stop, "does not lie in a file");
    for (const std::string& file : survey.files) {
        // tmpfs calls an unnamed file "/#number" under its mount point; others name it by its folder.
        if (!file.starts_with(stop.directory))
            return complain(stop, ("lies in " + file).c_str());
    }
    return true;
}

bool visit(const Stop& stop, std::size_t bytes) {
    const std::vector<Block> blocks = allocate(stop.kind, bytes);
    std::size_t allocated = 0;
    bool well = !blocks.empty();
    for (const Block& block : blocks) {
        allocated += block.size;
        if (memkind_detect_kind(block.address) != stop.kind)
            well = complain(stop, "a block is of another kind");
    }
    const Survey before = survey_pages(blocks);
    well = lies_where_it_should(stop, before) && well;
    page_out(blocks);
    const Survey after = survey_pages(blocks);
    std::printf("%-31s %8.1f MiB %8.1f MiB  %-8s %-42s %8.1f MiB\n", stop.name.c_str(),
                static_cast<double>(allocated) / kMiB, static_cast<double>(before.resident) / kMiB,
                nodes_of(before).c_str(), mapped_from(stop, before).c_str(),
                static_cast<double>(after.resident) / kMiB);
    for (const Block& block : blocks) {
        if (!is_signed(block))
            well = complain(stop, "a block lost its contents");
        memkind_free(nullptr, block.address);
    }
    return well;
}

bool parse(int count, char** arguments, Options& options) {
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument == "--mib" && i + 1 < count) {
            const long mib = std::strtol(arguments[++i], nullptr, 10);
            if (mib < 1 || mib > 1 << 20)
                return false;
            options.bytes = static_cast<std::size_t>(mib) << 20;
        } else if (argument.starts_with("-")) {
            return false;
        } else {
            options.directories.push_back(argument);
        }
    }
    if (options.directories.empty())
        options.directories = {"/dev/shm", "/var/tmp"};
    return true;
}

#define TERRACE_STOP(kind) \
    { #kind, kind, "" }

std::vector<Stop> static_kinds() {
    return {TERRACE_STOP(MEMKIND_DEFAULT),
            TERRACE_STOP(MEMKIND_REGULAR),
            TERRACE_STOP(MEMKIND_INTERLEAVE),
            TERRACE_STOP(MEMKIND_HUGETLB),
            TERRACE_STOP(MEMKIND_GBTLB),
            TERRACE_STOP(MEMKIND_HBW),
            TERRACE_STOP(MEMKIND_HBW_ALL),
            TERRACE_STOP(MEMKIND_HBW_PREFERRED),
            TERRACE_STOP(MEMKIND_HBW_INTERLEAVE),
            TERRACE_STOP(MEMKIND_HBW_HUGETLB),
            TERRACE_STOP(MEMKIND_DAX_KMEM),
            TERRACE_STOP(MEMKIND_DAX_KMEM_ALL),
            TERRACE_STOP(MEMKIND_DAX_KMEM_PREFERRED),
            TERRACE_STOP(MEMKIND_DAX_KMEM_INTERLEAVE),
            TERRACE_STOP(MEMKIND_HIGHEST_CAPACITY),
            TERRACE_STOP(MEMKIND_HIGHEST_CAPACITY_LOCAL),
            TERRACE_STOP(MEMKIND_LOWEST_LATENCY_LOCAL),
            TERRACE_STOP(MEMKIND_HIGHEST_BANDWIDTH_LOCAL)};
}

// Takes the kinds that this machine has no memory for out, and says why.
void leave_out_what_is_not_here(std::vector<Stop>& stops) {
    std::erase_if(stops, [](const Stop& stop) {
        const int error = memkind_check_available(stop.kind);
        if (error == MEMKIND_SUCCESS)
            return false;
        char text[MEMKIND_ERROR_MESSAGE_SIZE];
        memkind_error_message(error, text, sizeof text);
        std::printf("%-31s not here: %s\n", stop.name.c_str(), text);
        return true;
    });
}

int tour(const Options& options) {
    std::vector<Stop> stops = static_kinds();
    leave_out_what_is_not_here(stops);
    bool well = true;
    for (const std::string& directory : options.directories) {
        char real[4097];
        memkind_t kind = nullptr;
        if (realpath(directory.c_str(), real) == nullptr ||
            memkind_create_pmem(real, 0, &kind) != MEMKIND_SUCCESS) {
            std::fprintf(stderr, "terrace-kinds: no file kind in '%s': %s\n", directory.c_str(),
                         std::strerror(errno));
            well = false;
            continue;
        }
        stops.push_back({"a file kind", kind, real});
    }

    std::printf("%-31s %12s %12s  %-8s %-42s %12s\n", "kind", "allocated", "in memory", "on node",
                "mapped from", "when cold");
    std::printf("%.31s %.12s %.12s  %.8s %.42s %.12s\n", "-------------------------------", "------------",
                "------------", "--------", "------------------------------------------", "------------");
    for (const Stop& stop : stops)
        well = visit(stop, options.bytes) && well;
    for (const Stop& stop : stops) {
        if (!stop.directory.empty())
            memkind_destroy_kind(stop.kind);
    }
    return well ? 0 : 1;
}

}  // namespace
}  // namespace terrace::kinds_tour

int main(int count, char** arguments) {
    terrace::kinds_tour::Options options;
    if (!terrace::kinds_tour::parse(count, arguments, options)) {
        terrace::kinds_tour::print_usage();
        return 2;
    }
    return terrace::kinds_tour::tour(options);
}
