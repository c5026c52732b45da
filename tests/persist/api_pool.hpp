// What the tests of libpmemobj.h share: a pool in a file of its own, in memory (cache-line granularity) and
// on an ordinary file system (page granularity). The tests see the public header only, so that the same
// source runs against any library that keeps the contract.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpmemobj.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace terrace::persist::test {

inline constexpr const char* kLayout = "api test";

enum class Place { kMemory, kDisk };

inline std::string name_of(const testing::TestParamInfo<Place>& info) {
    return info.param == Place::kMemory ? "InMemory" : "OnDisk";
}

inline std::string directory_of(Place place) {
    return place == Place::kMemory ? "/dev/shm/" : testing::TempDir();
}

// A path that no other test uses; the file is removed at the end, whoever made it.
class PoolFile {
  public:
    explicit PoolFile(Place place) {
        static int files = 0;
        path_ =
            directory_of(place) + "terrace-api-" + std::to_string(getpid()) + "-" + std::to_string(files++);
        unlink(path_.c_str());
    }
    PoolFile(const PoolFile&) = delete;
    PoolFile& operator=(const PoolFile&) = delete;
    ~PoolFile() { unlink(path_.c_str()); }

    const char* path() const { return path_.c_str(); }
    bool exists() const { return access(path(), F_OK) == 0; }

    std::vector<char> bytes() const {
        std::vector<char> content;
        struct stat file = {};
        const int fd = open(path(), O_RDONLY);
        if (fd < 0 || fstat(fd, &file) != 0)
            return content;
        content.resize(static_cast<std::size_t>(file.st_size));
        for (std::size_t done = 0; done < content.size();) {
            const ssize_t got = read(fd, content.data() + done, content.size() - done);
            if (got <= 0)
                break;
            done += static_cast<std::size_t>(got);
        }
        close(fd);
        return content;
    }

    void write(const std::vector<char>& content) const {
        const int fd = open(path(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        ASSERT_GE(fd, 0) << strerror(errno);
        ASSERT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
        ::close(fd);
    }

  private:
    std::string path_;
};

inline constexpr std::size_t kPoolSize = 4 * PMEMOBJ_MIN_POOL;

// An open pool of kPoolSize.
class OpenPool : public testing::TestWithParam<Place> {
  protected:
    void SetUp() override {
        pool = pmemobj_create(file.path(), kLayout, kPoolSize, 0600);
        ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    }
    void TearDown() override {
        if (pool != nullptr)
            pmemobj_close(pool);
    }

    // Closes and opens: what is seen after it was durable.
    void reopen() {
        pmemobj_close(pool);
        pool = pmemobj_open(file.path(), kLayout);
        ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    }

    template <typename T>
    T* root() {
        return static_cast<T*>(pmemobj_direct(pmemobj_root(pool, sizeof(T))));
    }

    int objects() {
        int count = 0;
        PMEMoid oid;
        POBJ_FOREACH(pool, oid)++ count;
        return count;
    }

    PoolFile file{GetParam()};
    PMEMobjpool* pool = nullptr;
};

#define TEST_IN_BOTH_PLACES(fixture) \
    INSTANTIATE_TEST_SUITE_P(Pools, fixture, testing::Values(Place::kMemory, Place::kDisk), name_of)

}  // namespace terrace::persist::test
