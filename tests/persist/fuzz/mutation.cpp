#include "tests/persist/fuzz/mutation.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace terrace::persist::fuzz {
namespace {

constexpr uint64_t kLine = 64;
constexpr uint64_t kFirstPages = 65536;  // superblocks, watermarks, root page

std::string at(const char* what, uint64_t offset, uint64_t bytes) {
    char text[120];
    snprintf(text, sizeof text, "%s: %llu bytes at 0x%llx", what, static_cast<unsigned long long>(bytes),
             static_cast<unsigned long long>(offset));
    return text;
}

std::string bytes_of(uint64_t word) {
    return {reinterpret_cast<const char*>(&word), sizeof word};
}

}  // namespace

bool Mutation::touches(uint64_t begin, uint64_t end) const {
    for (const auto& [offset, bytes] : changes) {
        if (offset < end && begin < offset + bytes.size())
            return true;
    }
    return file_bytes < end;
}

Mutator::Mutator(const std::string& file, const std::string& other) : file_(file), other_(other) {
    const std::string zeros(kLine, '\0');
    for (uint64_t line = 0; line + kLine <= file.size(); line += kLine) {
        if (memcmp(file.data() + line, zeros.data(), kLine) != 0)
            used_lines_.push_back(line);
    }
}

// Mostly where something is: most of a pool is free.
uint64_t Mutator::pick_place(std::mt19937_64& random, uint64_t alignment) const {
    uint64_t place;
    const uint64_t dice = random() % 10;
    if (dice < 2)
        place = random() % kFirstPages;
    else if (dice < 9)
        place = used_lines_[random() % used_lines_.size()] + random() % kLine;
    else
        place = random() % file_.size();
    return place / alignment * alignment;
}

Mutation Mutator::next(std::mt19937_64& random) const {
    Mutation mutation;
    const auto change = [&](const char* what, uint64_t offset, std::string bytes) {
        bytes.resize(std::min<uint64_t>(bytes.size(), file_.size() - offset));
        mutation.what = at(what, offset, bytes.size());
        mutation.changes.emplace_back(offset, std::move(bytes));
    };
    constexpr uint64_t kBlocks[] = {8, 16, 64, 512, 4096};
    const uint64_t block = kBlocks[random() % 5];
    const uint64_t aligned = pick_place(random, block);
    const uint64_t available = std::min(block, file_.size() - aligned);
    switch (random() % 12) {
        case 0:
        case 1: {
            const uint64_t place = pick_place(random, 1);
            change("a bit flipped", place,
                   std::string(1, static_cast<char>(file_[place] ^ 1 << random() % 8)));
            break;
        }
        case 2:
        case 3:
            change("another byte", pick_place(random, 1), std::string(1, static_cast<char>(random())));
            break;
        case 4: {
            const uint64_t place = pick_place(random, 8);
            uint64_t word;
            memcpy(&word, file_.data() + place, sizeof word);
            const uint64_t words[] = {0,        UINT64_MAX, random(),     word + 1,
                                      word - 1, word << 1,  file_.size(), 1};
            change("another word", place, bytes_of(words[random() % 8]));
            break;
        }
        case 5: {
            std::string bytes(2 + random() % 31, '\0');
            for (char& byte : bytes)
                byte = static_cast<char>(random());
            change("random bytes", pick_place(random, 1), std::move(bytes));
            break;
        }
        case 6:
            change("zeros", aligned, std::string(block, '\0'));
            break;
        case 7:
            change("ones", aligned, std::string(block, '\xff'));
            break;
        case 8: {
            const uint64_t from = pick_place(random, block);
            change("a copy from elsewhere", aligned, file_.substr(from, available));
            break;
        }
        case 9: {
            const uint64_t from = pick_place(random, block);
            const uint64_t bytes = std::min(available, file_.size() - from);
            change("swapped", aligned, file_.substr(from, bytes));
            mutation.changes.emplace_back(from, file_.substr(aligned, bytes));
            mutation.what += at(" with", from, bytes);
            break;
        }
        case 10:
            change("of another pool", aligned, other_.substr(aligned, available));
            break;
        default:
            if (random() % 4 != 0) {
                const uint64_t mebibytes = random() % 8;
                mutation.file_bytes = random() % 2 != 0 ? random() % file_.size() : mebibytes << 20;
                mutation.what = at("truncated", mutation.file_bytes, file_.size() - mutation.file_bytes);
            } else {
                mutation.file_bytes = file_.size() + 1 + random() % 10000;
                mutation.what = at("longer", file_.size(), mutation.file_bytes - file_.size());
            }
    }
    return mutation;
}

}  // namespace terrace::persist::fuzz
