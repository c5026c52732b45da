// What pmemobj_create and poolset files promise in small things.
#include <climits>
#include <fstream>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

class Pools : public testing::TestWithParam<Place> {
  protected:
    off_t file_bytes() const {
        struct stat status = {};
        return stat(file.path(), &status) == 0 ? status.st_size : -1;
    }
    PoolFile file{GetParam()};
};
TEST_IN_BOTH_PLACES(Pools);

TEST_P(Pools, AFileIsAsLongAsWasAskedFor) {
    PMEMobjpool* pool = pmemobj_create(file.path(), kLayout, PMEMOBJ_MIN_POOL + 4095, 0600);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    EXPECT_EQ(file_bytes(), off_t{PMEMOBJ_MIN_POOL} + 4095);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), 1) << pmemobj_errormsg();
    pool = pmemobj_open(file.path(), kLayout);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    uint64_t bytes = PMEMOBJ_MIN_PART;
    EXPECT_EQ(pmemobj_ctl_exec(pool, "heap.size.extend", &bytes), 0) << pmemobj_errormsg();
    PMEMoid oid = OID_NULL;
    EXPECT_EQ(pmemobj_alloc(pool, &oid, 100, 1, nullptr, nullptr), 0);
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), 1) << pmemobj_errormsg();
}

TEST_P(Pools, ASizeThatNoPoolHasIsSaidToBeTooLarge) {
    for (const size_t bytes : {size_t{1} << 45, size_t{1} << 60, size_t{1} << 62, SIZE_MAX}) {
        errno = 0;
        EXPECT_EQ(pmemobj_create(file.path(), kLayout, bytes, 0600), nullptr);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_NE(strstr(pmemobj_errormsg(), "the largest has 16 TiB"), nullptr) << pmemobj_errormsg();
        EXPECT_FALSE(file.exists());
    }
}

TEST_P(Pools, APoolsetMayHaveTheLineEndsOfAnotherSystem) {
    const PoolFile part(GetParam());
    std::ofstream(file.path()) << "PMEMPOOLSET\r\n16M " << part.path() << "\r\n";
    PMEMobjpool* pool = pmemobj_create(file.path(), kLayout, 0, 0600);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    EXPECT_TRUE(part.exists());
}

TEST_P(Pools, ARangeThatIsNotInThePoolIsNamedByItsAddress) {
    PMEMobjpool* pool = pmemobj_create(file.path(), kLayout, PMEMOBJ_MIN_POOL, 0600);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    static int elsewhere;
    char address[32];
    snprintf(address, sizeof address, "%p", static_cast<void*>(&elsewhere));
    TX_BEGIN(pool) {
        pmemobj_tx_xadd_range_direct(&elsewhere, sizeof elsewhere, POBJ_XADD_NO_ABORT);
    }
    TX_END
    EXPECT_NE(strstr(pmemobj_errormsg(), address), nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

}  // namespace
}  // namespace terrace::persist::test
