// One way of damaging a file: what a failing disk, a stray write or a careless copy does.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace terrace::persist::fuzz {

struct Mutation {
    std::string what;                                       // in words, with its places
    std::vector<std::pair<uint64_t, std::string>> changes;  // offset and new bytes
    uint64_t file_bytes = UINT64_MAX;                       // of another length; else: as it was

    bool touches(uint64_t begin, uint64_t end) const;
};

class Mutator {
  public:
    // `other`: a pool of the same size whose bytes get mixed in.
    Mutator(const std::string& file, const std::string& other);
    Mutation next(std::mt19937_64& random) const;

  private:
    uint64_t pick_place(std::mt19937_64& random, uint64_t alignment) const;

    const std::string& file_;
    const std::string& other_;
    std::vector<uint64_t> used_lines_;  // offsets of lines that are not all zeros
};

}  // namespace terrace::persist::fuzz
