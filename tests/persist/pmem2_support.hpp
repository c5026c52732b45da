// What the tests of libpmem2.h share: objects that give themselves back, and files of a given length.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpmem2.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace terrace::tests {

inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kMiB = std::size_t{1} << 20;

class OpenFile {
  public:
    OpenFile(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {
        EXPECT_GE(fd_, 0) << path << ": " << strerror(errno);
    }
    ~OpenFile() { close(fd_); }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    int fd() const { return fd_; }

  private:
    int fd_;
};

// A new file, open for reading and writing.
class NewFile : public OpenFile {
  public:
    NewFile(const std::string& path, std::size_t size) : OpenFile(path, O_RDWR | O_CREAT | O_TRUNC) {
        EXPECT_EQ(ftruncate(fd(), static_cast<off_t>(size)), 0);
    }
};

class Source {
  public:
    explicit Source(int fd) { EXPECT_EQ(pmem2_source_from_fd(&source_, fd), 0) << pmem2_errormsg(); }
    static Source anonymous(std::size_t size) {
        Source result;
        EXPECT_EQ(pmem2_source_from_anon(&result.source_, size), 0);
        return result;
    }
    ~Source() { pmem2_source_delete(&source_); }
    Source(Source&& other) noexcept : source_(other.source_) { other.source_ = nullptr; }
    Source(const Source&) = delete;
    operator pmem2_source*() const { return source_; }

  private:
    Source() = default;
    pmem2_source* source_ = nullptr;
};

// Anything that a page will do for, unless told otherwise.
class Config {
  public:
    explicit Config(pmem2_granularity granularity = PMEM2_GRANULARITY_PAGE) {
        EXPECT_EQ(pmem2_config_new(&config_), 0);
        EXPECT_EQ(pmem2_config_set_required_store_granularity(config_, granularity), 0);
    }
    ~Config() { pmem2_config_delete(&config_); }
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;

    Config& offset(std::size_t bytes) { return must(pmem2_config_set_offset(config_, bytes)); }
    Config& length(std::size_t bytes) { return must(pmem2_config_set_length(config_, bytes)); }
    Config& sharing(pmem2_sharing_type type) { return must(pmem2_config_set_sharing(config_, type)); }
    Config& protection(unsigned flags) { return must(pmem2_config_set_protection(config_, flags)); }
    Config& place(pmem2_vm_reservation* reservation, std::size_t at) {
        return must(pmem2_config_set_vm_reservation(config_, reservation, at));
    }
    operator pmem2_config*() const { return config_; }

  private:
    Config& must(int result) {
        EXPECT_EQ(result, 0) << pmem2_errormsg();
        return *this;
    }
    pmem2_config* config_ = nullptr;
};

class Map {
  public:
    Map(const Config& config, const Source& source) { result_ = pmem2_map_new(&map_, config, source); }
    ~Map() {
        if (map_ != nullptr) {
            EXPECT_EQ(pmem2_map_delete(&map_), 0) << pmem2_errormsg();
        }
    }
    Map(const Map&) = delete;
    Map& operator=(const Map&) = delete;

    int result() const { return result_; }
    bool is_made() const { return map_ != nullptr; }
    char* address() const { return static_cast<char*>(pmem2_map_get_address(map_)); }
    std::size_t size() const { return pmem2_map_get_size(map_); }
    pmem2_granularity granularity() const { return pmem2_map_get_store_granularity(map_); }
    operator pmem2_map*() const { return map_; }

  private:
    pmem2_map* map_ = nullptr;
    int result_ = 0;
};

// The environment variable, for as long as this lives.
class ForcedGranularity {
  public:
    explicit ForcedGranularity(const char* value) { setenv("PMEM2_FORCE_GRANULARITY", value, 1); }
    ~ForcedGranularity() { unsetenv("PMEM2_FORCE_GRANULARITY"); }
    ForcedGranularity(const ForcedGranularity&) = delete;
    ForcedGranularity& operator=(const ForcedGranularity&) = delete;
};

// How many mappings this process has whose line in /proc/self/maps has the text: a failed call must leave
// none behind.
inline int count_mappings(const char* text = "") {
    FILE* const maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int count = 0;
    while (fgets(line, sizeof line, maps) != nullptr)
        count += strstr(line, text) != nullptr;
    fclose(maps);
    return count;
}

}  // namespace terrace::tests
