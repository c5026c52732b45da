// Pools where the kernel counts memory: limits of a process, and what a pool of a given size may take of them.
#include <sys/resource.h>
#include <sys/wait.h>

#include <libpmemobj/beyond.h>

#include <algorithm>
#include <memory>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

constexpr std::size_t kMiB = 1 << 20;

class Limits : public testing::TestWithParam<Place> {};
INSTANTIATE_TEST_SUITE_P(Places, Limits, testing::Values(Place::kMemory, Place::kDisk), name_of);

// The exit status of `body` in a process with this limit.
template <class Body>
int status_with_limit(__rlimit_resource_t resource, rlim_t bytes, Body body) {
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        if (setrlimit(resource, &limit) != 0)
            _exit(90);
        _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

int use_and_grow(const char* path) {
    PMEMobjpool* pool = pmemobj_create(path, kLayout, 32 * kMiB, 0600);
    if (pool == nullptr) {
        fprintf(stderr, "create: %s\n", pmemobj_errormsg());
        return 1;
    }
    PMEMoid oid = OID_NULL;
    if (pmemobj_alloc(pool, &oid, 4 * kMiB, 1, nullptr, nullptr) != 0)
        return 2;
    if (pmemobj_extend(pool, 32 * kMiB) != 0) {
        fprintf(stderr, "extend: %s\n", pmemobj_errormsg());
        return 3;
    }
    if (pmemobj_alloc(pool, &oid, 30 * kMiB, 1, nullptr, nullptr) != 0 || oid.off < 32 * kMiB)
        return 4;
    pmemobj_free(&oid);
    pmemobj_close(pool);
    return pmemobj_check(path, kLayout) == 1 ? 0 : 5;
}

// The working copy is private memory and counts; what the pool may grow to does not. (Also where
// vm.overcommit_memory is 2.)
TEST_P(Limits, APoolTakesLittleMoreDataThanItsSize) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's own memory is over any such limit";
#endif
    const PoolFile file(GetParam());
    EXPECT_EQ(status_with_limit(RLIMIT_DATA, 128 * kMiB, [&] { return use_and_grow(file.path()); }), 0);
}

TEST(ManyPools, AThousandSmallPoolsCanBeOpenTogether) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer takes most of the addresses";
#endif
    constexpr int kPools = 1000;
    struct rlimit files;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_max < 2 * kPools)
        GTEST_SKIP() << "this process may open " << files.rlim_max << " files only";
    const struct rlimit wanted = {std::max<rlim_t>(files.rlim_cur, 2 * kPools), files.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &wanted), 0);
    int sparse = 0;
    ASSERT_EQ(pmemobj_ctl_set(nullptr, "fallocate.at_create", &sparse), 0);
    std::vector<std::unique_ptr<PoolFile>> paths;
    std::vector<PMEMobjpool*> pools;
    for (int i = 0; i < kPools; ++i) {
        paths.push_back(std::make_unique<PoolFile>(Place::kMemory));
        PMEMobjpool* const pool = pmemobj_create(paths.back()->path(), kLayout, PMEMOBJ_MIN_POOL, 0600);
        ASSERT_NE(pool, nullptr) << i << ": " << pmemobj_errormsg();
        pools.push_back(pool);
    }
    for (PMEMobjpool* const pool : pools) {
        const PMEMoid oid = pmemobj_root(pool, 8);
        EXPECT_EQ(pmemobj_pool_by_oid(oid), pool);
        EXPECT_EQ(pmemobj_pool_by_ptr(pmemobj_direct(oid)), pool);
    }
    for (PMEMobjpool* const pool : pools)
        pmemobj_close(pool);
    sparse = 1;
    EXPECT_EQ(pmemobj_ctl_set(nullptr, "fallocate.at_create", &sparse), 0);
    setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace
}  // namespace terrace::persist::test
