// Files of others: a pool of PMDK's, by its first page as their format has it, and what is no pool at all.
#include <errno.h>
#include <string.h>

#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

// Refused with EINVAL and a message that says this, and not changed.
void expect_refused(const std::string& path, const std::string& content, const char* says) {
    write_file(path, content);
    errno = 0;
    EXPECT_EQ(pmemobj_open(path.c_str(), nullptr), nullptr);
    EXPECT_EQ(errno, EINVAL);
    const std::string message = pmemobj_errormsg();
    EXPECT_NE(message.find(says), std::string::npos) << message;
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_NE(pmemobj_check(path.c_str(), nullptr), 1);
    EXPECT_NE(std::string(pmemobj_errormsg()).find(says), std::string::npos) << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_create(path.c_str(), "test", 0, 0600), nullptr) << "it would have been overwritten";
    EXPECT_EQ(read_file(path), content) << "a file that is refused is not changed";
    unlink(path.c_str());
}

class Foreign : public PoolTest {};

// struct pool_hdr of PMDK 1.12: signature, major version 6, three words of features, UUIDs, the machine, a checksum.
std::string pmdk_pool(const char* signature, uint32_t major) {
    std::string file(PMEMOBJ_MIN_POOL, '\0');
    strncpy(file.data(), signature, 8);
    memcpy(file.data() + 8, &major, sizeof major);
    const uint32_t features[3] = {1, 2 | 4, 0};
    memcpy(file.data() + 12, features, sizeof features);
    memset(file.data() + 24, 0x5A, 96);
    strcpy(file.data() + 4096, "their layout");
    return file;
}

TEST_P(Foreign, PoolsOfPmdkAreRefusedByName) {
    expect_refused(path_, pmdk_pool("PMEMOBJ", 6), "PMDK");
    expect_refused(path_, pmdk_pool("PMEMOBJ", 5), "PMDK");
    expect_refused(path_, pmdk_pool("PMEMOBJ", 6).substr(0, 4096), "PMDK");
    write_file(path_, pmdk_pool("PMEMOBJ", 6));
    EXPECT_EQ(pmemobj_create(path_.c_str(), "test", 0, 0600), nullptr);
    EXPECT_EQ(errno, EEXIST) << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_create(path_.c_str(), "test", PMEMOBJ_MIN_POOL, 0600), nullptr);
    EXPECT_EQ(errno, EEXIST) << pmemobj_errormsg();
}

TEST_P(Foreign, FilesThatAreNoPoolsAreRefused) {
    expect_refused(path_, std::string(PMEMOBJ_MIN_POOL, 'x'), "not a Terrace pool");
    expect_refused(path_, "#!/bin/sh\n", "not a Terrace pool");
    write_file(path_, "");
    EXPECT_EQ(pmemobj_open(path_.c_str(), nullptr), nullptr);
    EXPECT_EQ(errno, EINVAL) << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_open("/dev/null", nullptr), nullptr);
    EXPECT_EQ(errno, EINVAL) << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_open("/dev/shm", nullptr), nullptr);
    EXPECT_NE(strlen(pmemobj_errormsg()), 0u);
}

// The whole file of another pool in its place is a pool, with an identity of its own: old names lead nowhere.
TEST_P(Foreign, AnotherPoolInItsPlaceIsThatPool) {
    create();
    PMEMoid* const slot = root<PMEMoid>();
    ASSERT_EQ(pmemobj_zalloc(pool_, slot, 64, 1), 0);
    const PMEMoid name = *slot;
    close();
    unlink(path_.c_str());
    create();
    EXPECT_EQ(count_objects(), 0u);
    EXPECT_EQ(pmemobj_direct(name), nullptr);
    close();
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1);
}

TERRACE_BOTH_GRANULARITIES(Foreign);

}  // namespace
}  // namespace terrace::persist::testing
