// Pools as files: create, open, close, check, the root object, and the way between names and pointers.
// Written against libpmemobj.h only.
#include <sys/stat.h>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

struct Account {
    std::uint64_t balance;
    char name[56];
};

class APoolFile : public testing::TestWithParam<Place> {
  protected:
    PMEMobjpool* create(std::size_t size = PMEMOBJ_MIN_POOL) {
        return pmemobj_create(file.path(), kLayout, size, 0600);
    }
    PoolFile file{GetParam()};
};

TEST_P(APoolFile, IsNotAFifo) {
    ASSERT_EQ(mkfifo(file.path(), 0600), 0);
    EXPECT_NE(pmemobj_check(file.path(), nullptr), 1);
    EXPECT_EQ(pmemobj_open(file.path(), nullptr), nullptr);
}

TEST_P(APoolFile, IsMadeOpenedAndSound) {
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), 1) << pmemobj_errormsg();
    pool = pmemobj_open(file.path(), kLayout);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

TEST_P(APoolFile, HasTheSizeAndThePermissionsAskedFor) {
    PMEMobjpool* pool = create(2 * PMEMOBJ_MIN_POOL);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    struct stat status = {};
    ASSERT_EQ(stat(file.path(), &status), 0);
    EXPECT_EQ(static_cast<std::size_t>(status.st_size), 2 * PMEMOBJ_MIN_POOL);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_P(APoolFile, IsNotMadeOverAnother) {
    file.write(std::vector<char>(100, 'x'));
    EXPECT_EQ(create(), nullptr);
    EXPECT_EQ(errno, EEXIST);
    EXPECT_EQ(file.bytes(), std::vector<char>(100, 'x'));
    EXPECT_STRNE(pmemobj_errormsg(), "");
}

TEST_P(APoolFile, IsNotMadeTooSmall) {
    EXPECT_EQ(create(PMEMOBJ_MIN_POOL - 1), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_FALSE(file.exists());
}

TEST_P(APoolFile, IsNotMadeLargerThanAnyDisk) {
    EXPECT_EQ(create(SIZE_MAX), nullptr);
    EXPECT_FALSE(file.exists());
    EXPECT_EQ(create(std::size_t{1} << 60), nullptr);
    EXPECT_FALSE(file.exists());
}

TEST_P(APoolFile, IsNotMadeWithALayoutThatDoesNotFit) {
    const std::string fits(PMEMOBJ_MAX_LAYOUT - 1, 'l');
    const std::string too_long(PMEMOBJ_MAX_LAYOUT, 'l');
    EXPECT_EQ(pmemobj_create(file.path(), too_long.c_str(), PMEMOBJ_MIN_POOL, 0600), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_FALSE(file.exists());
    PMEMobjpool* pool = pmemobj_create(file.path(), fits.c_str(), PMEMOBJ_MIN_POOL, 0600);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    pool = pmemobj_open(file.path(), fits.c_str());
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

TEST_P(APoolFile, IsNotMadeInAMissingDirectory) {
    const std::string path = std::string(file.path()) + "/there/is/none";
    EXPECT_EQ(pmemobj_create(path.c_str(), kLayout, PMEMOBJ_MIN_POOL, 0600), nullptr);
    EXPECT_EQ(errno, ENOENT);
}

TEST_P(APoolFile, CanBeAFileOfZeroesThatExists) {
    file.write(std::vector<char>(PMEMOBJ_MIN_POOL, '\0'));
    PMEMobjpool* pool = create(0);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), 1) << pmemobj_errormsg();
}

TEST_P(APoolFile, IsNotOpenedWhenMissing) {
    EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), -1);
    EXPECT_FALSE(file.exists());
}

TEST_P(APoolFile, IsNotOpenedWithAnotherLayout) {
    pmemobj_close(create());
    EXPECT_EQ(pmemobj_open(file.path(), "another"), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_NE(pmemobj_check(file.path(), "another"), 1);
    PMEMobjpool* pool = pmemobj_open(file.path(), nullptr);  // any layout
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

TEST_P(APoolFile, IsOpenOnceAtATime) {
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr);
    EXPECT_EQ(errno, EWOULDBLOCK);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), -1);
    pmemobj_close(pool);
    pool = pmemobj_open(file.path(), kLayout);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

TEST_P(APoolFile, OfSomeoneElseIsRefusedAndLeftAlone) {
    const std::vector<char> foreign(PMEMOBJ_MIN_POOL, 'f');
    file.write(foreign);
    EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_STRNE(pmemobj_errormsg(), "");
    EXPECT_NE(pmemobj_check(file.path(), kLayout), 1);
    EXPECT_TRUE(file.bytes() == foreign) << "open changed a file that is no pool";
}

TEST_P(APoolFile, CutShortIsRefusedAndLeftAlone) {
    pmemobj_close(create(2 * PMEMOBJ_MIN_POOL));
    for (const std::size_t left : {PMEMOBJ_MIN_POOL + 4096, PMEMOBJ_MIN_POOL / 2, std::size_t{4096},
                                   std::size_t{100}, std::size_t{0}}) {
        ASSERT_EQ(truncate(file.path(), static_cast<off_t>(left)), 0);
        const std::vector<char> before = file.bytes();
        EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr) << left << " bytes left";
        EXPECT_NE(pmemobj_check(file.path(), kLayout), 1) << left << " bytes left";
        EXPECT_TRUE(file.bytes() == before) << "open changed a damaged pool of " << left << " bytes";
    }
}

TEST_P(APoolFile, ThatIsADirectoryIsRefused) {
    EXPECT_EQ(pmemobj_open(directory_of(GetParam()).c_str(), kLayout), nullptr);
    EXPECT_EQ(pmemobj_create(directory_of(GetParam()).c_str(), kLayout, PMEMOBJ_MIN_POOL, 0600), nullptr);
}

TEST_P(OpenPool, BeginsAtItsHandle) {
    const PMEMoid oid = pmemobj_root(pool, 64);
    EXPECT_EQ(pmemobj_direct(oid), reinterpret_cast<char*>(pool) + oid.off);
    EXPECT_NE(oid.pool_uuid_lo, 0U);
}

TEST_P(OpenPool, KnowsItsNamesAndAddresses) {
    const PMEMoid oid = pmemobj_root(pool, 64);
    char* const address = static_cast<char*>(pmemobj_direct(oid));
    EXPECT_EQ(pmemobj_pool_by_oid(oid), pool);
    EXPECT_EQ(pmemobj_pool_by_ptr(address), pool);
    EXPECT_EQ(pmemobj_pool_by_ptr(address + 63), pool);
    EXPECT_TRUE(OID_EQUALS(pmemobj_oid(address), oid));

    int on_the_stack = 0;
    EXPECT_EQ(pmemobj_pool_by_ptr(&on_the_stack), nullptr);
    EXPECT_EQ(pmemobj_pool_by_ptr(nullptr), nullptr);
    EXPECT_EQ(pmemobj_pool_by_oid(OID_NULL), nullptr);
    EXPECT_TRUE(OID_IS_NULL(pmemobj_oid(&on_the_stack)));
    EXPECT_TRUE(OID_IS_NULL(pmemobj_oid(nullptr)));
    EXPECT_EQ(pmemobj_direct(OID_NULL), nullptr);
    EXPECT_EQ(pmemobj_alloc_usable_size(OID_NULL), 0U);
}

TEST_P(OpenPool, ClosedGivesNoPointers) {
    const PMEMoid oid = pmemobj_root(pool, 64);
    void* const address = pmemobj_direct(oid);
    ASSERT_NE(address, nullptr);
    pmemobj_close(pool);
    pool = nullptr;
    EXPECT_EQ(pmemobj_direct(oid), nullptr) << "a stale pool pointer survived pmemobj_close";
    EXPECT_EQ(pmemobj_pool_by_oid(oid), nullptr);
    EXPECT_EQ(pmemobj_pool_by_ptr(address), nullptr);
}

TEST_P(OpenPool, BesideAnotherKeepsItsNamesApart) {
    PoolFile other_file{GetParam()};
    PMEMobjpool* const other = pmemobj_create(other_file.path(), "other", PMEMOBJ_MIN_POOL, 0600);
    ASSERT_NE(other, nullptr) << pmemobj_errormsg();
    const PMEMoid here = pmemobj_root(pool, 64);
    const PMEMoid there = pmemobj_root(other, 64);
    EXPECT_NE(here.pool_uuid_lo, there.pool_uuid_lo);
    EXPECT_EQ(pmemobj_pool_by_oid(here), pool);
    EXPECT_EQ(pmemobj_pool_by_oid(there), other);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(pmemobj_pool_by_ptr(pmemobj_direct(here)), pool);
        EXPECT_EQ(pmemobj_pool_by_ptr(pmemobj_direct(there)), other);
    }
    pmemobj_close(other);
    EXPECT_EQ(pmemobj_direct(there), nullptr);
    EXPECT_NE(pmemobj_direct(here), nullptr);
}

TEST_P(OpenPool, HasARootOfZeroesOnFirstUse) {
    EXPECT_EQ(pmemobj_root_size(pool), 0U);
    const Account* const account = root<Account>();
    ASSERT_NE(account, nullptr);
    EXPECT_EQ(account->balance, 0U);
    EXPECT_EQ(account->name[55], '\0');
    EXPECT_EQ(pmemobj_root_size(pool), sizeof(Account));
}

TEST_P(OpenPool, WithoutARootHasNoneOfSizeZero) {
    EXPECT_TRUE(OID_IS_NULL(pmemobj_root(pool, 0)));
    EXPECT_EQ(errno, EINVAL);
    const PMEMoid made = pmemobj_root(pool, 100);
    ASSERT_FALSE(OID_IS_NULL(made));
    EXPECT_TRUE(OID_EQUALS(pmemobj_root(pool, 0), made));
    EXPECT_TRUE(OID_EQUALS(pmemobj_root(pool, 50), made));
    EXPECT_EQ(pmemobj_root_size(pool), 100U);
}

TEST_P(OpenPool, GrowsItsRootAndKeepsTheContent) {
    Account* const account = root<Account>();
    account->balance = 42;
    pmemobj_persist(pool, account, sizeof *account);
    constexpr std::size_t kLarger = 100000;
    const unsigned char* const larger =
        static_cast<const unsigned char*>(pmemobj_direct(pmemobj_root(pool, kLarger)));
    ASSERT_NE(larger, nullptr) << pmemobj_errormsg();
    EXPECT_EQ(reinterpret_cast<const Account*>(larger)->balance, 42U);
    for (std::size_t i = sizeof(Account); i < kLarger; ++i)
        ASSERT_EQ(larger[i], 0) << "byte " << i << " of the grown root";
    EXPECT_EQ(pmemobj_root_size(pool), kLarger);
    reopen();
    EXPECT_EQ(pmemobj_root_size(pool), kLarger);
    EXPECT_EQ(root<Account>()->balance, 42U);
}

TEST_P(OpenPool, HasNoRoomForARootLargerThanItself) {
    EXPECT_TRUE(OID_IS_NULL(pmemobj_root(pool, 2 * kPoolSize)));
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_TRUE(OID_IS_NULL(pmemobj_root(pool, SIZE_MAX)));
    EXPECT_NE(root<Account>(), nullptr) << "a failed root must not stand in the way of the next";
}

TEST_P(OpenPool, KeepsWhatWasPersisted) {
    Account* account = root<Account>();
    account->balance = 7;
    pmemobj_persist(pool, &account->balance, sizeof account->balance);
    pmemobj_memcpy_persist(pool, account->name, "Ada", 4);
    pmemobj_memset_persist(pool, account->name + 8, 'z', 8);
    reopen();
    account = root<Account>();
    EXPECT_EQ(account->balance, 7U);
    EXPECT_STREQ(account->name, "Ada");
    EXPECT_EQ(account->name[15], 'z');
    EXPECT_EQ(account->name[16], '\0');
}

TEST_P(OpenPool, ClosedCleanlyKeepsStoresThatNobodyPersisted) {
    root<Account>()->balance = 11;
    reopen();
    EXPECT_EQ(root<Account>()->balance, 11U);
}

TEST_P(OpenPool, CopiesWithEveryFlag) {
    constexpr std::size_t kSize = 5000;
    char* const at = static_cast<char*>(pmemobj_direct(pmemobj_root(pool, 4 * kSize)));
    std::vector<char> pattern(kSize);
    for (std::size_t i = 0; i < kSize; ++i)
        pattern[i] = static_cast<char>(i * 7);
    for (const unsigned flags : {0U, PMEMOBJ_F_MEM_NODRAIN, PMEMOBJ_F_MEM_NONTEMPORAL, PMEMOBJ_F_MEM_TEMPORAL,
                                 PMEMOBJ_F_MEM_WC, PMEMOBJ_F_MEM_WB, PMEMOBJ_F_MEM_NOFLUSH}) {
        EXPECT_EQ(pmemobj_memset(pool, at, 0, 3 * kSize, flags), at);
        EXPECT_EQ(pmemobj_memcpy(pool, at + 3, pattern.data(), kSize, flags), at + 3);
        EXPECT_EQ(pmemobj_memmove(pool, at + 100, at + 3, kSize, flags), at + 100);  // they overlap
        EXPECT_EQ(memcmp(at + 100, pattern.data(), kSize), 0) << "flags " << flags;
        pmemobj_drain(pool);
    }
    reopen();
    EXPECT_EQ(memcmp(static_cast<char*>(pmemobj_direct(pmemobj_root(pool, 0))) + 100, pattern.data(), kSize),
              0);
}

TEST_P(OpenPool, CarriesOnePointerForItsUser) {
    EXPECT_EQ(pmemobj_get_user_data(pool), nullptr);
    int mine = 0;
    pmemobj_set_user_data(pool, &mine);
    EXPECT_EQ(pmemobj_get_user_data(pool), &mine);
    reopen();
    EXPECT_EQ(pmemobj_get_user_data(pool), nullptr);
}

TEST(TheLibrary, ServesItsOwnVersionAndOlderOnes) {
    EXPECT_EQ(pmemobj_check_version(PMEMOBJ_MAJOR_VERSION, PMEMOBJ_MINOR_VERSION), nullptr);
    EXPECT_EQ(pmemobj_check_version(PMEMOBJ_MAJOR_VERSION, 0), nullptr);
    EXPECT_NE(pmemobj_check_version(PMEMOBJ_MAJOR_VERSION, PMEMOBJ_MINOR_VERSION + 1), nullptr);
    EXPECT_NE(pmemobj_check_version(PMEMOBJ_MAJOR_VERSION + 1, 0), nullptr);
}

TEST_IN_BOTH_PLACES(APoolFile);
TEST_IN_BOTH_PLACES(OpenPool);

}  // namespace
}  // namespace terrace::persist::test
