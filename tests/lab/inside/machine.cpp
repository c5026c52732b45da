#include "tests/lab/inside/machine.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace terrace::lab {
namespace {

const std::string kNodeFolder = "/sys/devices/system/node/";

// "0-1,4"
std::vector<int> numbers_in(const std::string& list) {
    std::vector<int> numbers;
    std::istringstream parts(list);
    for (std::string part; std::getline(parts, part, ',');) {
        if (part.empty() || part == "\n")
            continue;
        const std::size_t dash = part.find('-');
        const int first = std::stoi(part);
        const int last = dash == std::string::npos ? first : std::stoi(part.substr(dash + 1));
        for (int number = first; number <= last; ++number)
            numbers.push_back(number);
    }
    return numbers;
}

std::string first_line(const std::string& path) {
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
}

Choice parse(const std::string& text) {
    Choice choice;
    std::istringstream words(text);
    words >> choice.policy;
    if (choice.policy == "error") {
        words >> choice.error;
        return choice;
    }
    for (std::string word; words >> word;) {
        if (word == "small") {
            choice.small_pages = true;
        } else if (word == "2M" || word == "1G") {
            choice.page_size = word == "2M" ? 2 * kMiB : kGiB;
        } else if (word.front() == '{') {
            const std::vector<int> numbers = numbers_in(word.substr(1, word.size() - 2));
            choice.nodes.emplace_back(numbers.begin(), numbers.end());
        } else {
            choice.policy = "unreadable: " + text;
        }
    }
    if (choice.nodes.empty() && choice.policy != "none")
        choice.policy = "unreadable: " + text;
    return choice;
}

}  // namespace

Pages touch_and_survey(char* block, std::size_t size, std::size_t page) {
    Pages pages;
    std::vector<void*> addresses;
    char* const first = block - reinterpret_cast<std::uintptr_t>(block) % page;
    for (char* at = first; at < block + size; at += page) {
        char* const inside = std::max(at, block);
        *static_cast<volatile char*>(inside) = 1;
        addresses.push_back(at);
    }
    std::vector<int> nodes(addresses.size(), -1);
    // The kernel's NUMA balancing takes pages away for a moment, to see who touches them: again, then.
    for (int attempt = 0; attempt < 10; ++attempt) {
        if (syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, nodes.data(), 0) != 0)
            std::fill(nodes.begin(), nodes.end(), -1);
        bool all_known = true;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (nodes[i] >= 0)
                continue;
            all_known = false;
            *static_cast<volatile char*>(std::max(static_cast<char*>(addresses[i]), block)) = 1;
        }
        if (all_known)
            break;
    }
    // A page that does not keep what is stored is no memory, wherever it lies.
    for (std::size_t i = 0; i < nodes.size(); ++i)
        ++pages[*static_cast<volatile char*>(std::max(static_cast<char*>(addresses[i]), block)) == 1
                    ? nodes[i]
                    : -EIO];
    return pages;
}

std::size_t count_of(const Pages& pages) {
    std::size_t count = 0;
    for (const auto& [node, its] : pages)
        count += its;
    return count;
}

std::size_t count_outside(const Pages& pages, const Nodes& nodes) {
    std::size_t count = 0;
    for (const auto& [node, its] : pages)
        count += nodes.contains(node) ? 0 : its;
    return count;
}

std::string text_of(const Pages& pages) {
    std::string text;
    for (const auto& [node, its] : pages)
        text += (text.empty() ? "" : ", ") + std::to_string(its) +
                (node < 0 ? " nowhere (errno " + std::to_string(-node) + ")"
                          : " on node " + std::to_string(node));
    return text;
}

void run_on_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    while (sched_getcpu() != cpu)
        sched_yield();
}

std::vector<std::pair<int, int>> nodes_with_cpus() {
    std::vector<std::pair<int, int>> result;
    for (const int node : numbers_in(first_line(kNodeFolder + "has_cpu"))) {
        const std::vector<int> cpus =
            numbers_in(first_line(kNodeFolder + "node" + std::to_string(node) + "/cpulist"));
        if (!cpus.empty())
            result.emplace_back(node, cpus.front());
    }
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return result;
}

Nodes nodes_with_memory() {
    const std::vector<int> numbers = numbers_in(first_line(kNodeFolder + "has_memory"));
    return {numbers.begin(), numbers.end()};
}

std::size_t free_bytes_of(int node) {
    std::ifstream file(kNodeFolder + "node" + std::to_string(node) + "/meminfo");
    for (std::string line; std::getline(file, line);)
        if (const std::size_t at = line.find("MemFree:"); at != std::string::npos)
            return std::strtoull(line.c_str() + at + sizeof "MemFree:" - 1, nullptr, 10) * kKiB;
    return 0;
}

const std::map<std::string, Choice>& choices() {
    static const std::map<std::string, Choice> all = [] {
        std::map<std::string, Choice> result;
        const char* const path = std::getenv("TERRACE_LAB_CHOICES");
        std::ifstream file(path == nullptr ? "" : path);
        for (std::string line; std::getline(file, line);)
            if (const std::size_t colon = line.find(": "); colon != std::string::npos && line.front() != '#')
                result[line.substr(0, colon)] = parse(line.substr(colon + 2));
        return result;
    }();
    return all;
}

const std::vector<NamedKind>& static_kinds() {
    static const std::vector<NamedKind> all = {
        {"DEFAULT", &MEMKIND_DEFAULT},
        {"REGULAR", &MEMKIND_REGULAR},
        {"INTERLEAVE", &MEMKIND_INTERLEAVE},
        {"HUGETLB", &MEMKIND_HUGETLB},
        {"GBTLB", &MEMKIND_GBTLB},
        {"HBW", &MEMKIND_HBW},
        {"HBW_ALL", &MEMKIND_HBW_ALL},
        {"HBW_PREFERRED", &MEMKIND_HBW_PREFERRED},
        {"HBW_INTERLEAVE", &MEMKIND_HBW_INTERLEAVE},
        {"HBW_HUGETLB", &MEMKIND_HBW_HUGETLB},
        {"HBW_ALL_HUGETLB", &MEMKIND_HBW_ALL_HUGETLB},
        {"HBW_PREFERRED_HUGETLB", &MEMKIND_HBW_PREFERRED_HUGETLB},
        {"HBW_GBTLB", &MEMKIND_HBW_GBTLB},
        {"HBW_PREFERRED_GBTLB", &MEMKIND_HBW_PREFERRED_GBTLB},
        {"DAX_KMEM", &MEMKIND_DAX_KMEM},
        {"DAX_KMEM_ALL", &MEMKIND_DAX_KMEM_ALL},
        {"DAX_KMEM_PREFERRED", &MEMKIND_DAX_KMEM_PREFERRED},
        {"DAX_KMEM_INTERLEAVE", &MEMKIND_DAX_KMEM_INTERLEAVE},
        {"HIGHEST_CAPACITY", &MEMKIND_HIGHEST_CAPACITY},
        {"HIGHEST_CAPACITY_PREFERRED", &MEMKIND_HIGHEST_CAPACITY_PREFERRED},
        {"HIGHEST_CAPACITY_LOCAL", &MEMKIND_HIGHEST_CAPACITY_LOCAL},
        {"HIGHEST_CAPACITY_LOCAL_PREFERRED", &MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED},
        {"LOWEST_LATENCY_LOCAL", &MEMKIND_LOWEST_LATENCY_LOCAL},
        {"LOWEST_LATENCY_LOCAL_PREFERRED", &MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED},
        {"HIGHEST_BANDWIDTH_LOCAL", &MEMKIND_HIGHEST_BANDWIDTH_LOCAL},
        {"HIGHEST_BANDWIDTH_LOCAL_PREFERRED", &MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED},
    };
    return all;
}

}  // namespace terrace::lab
