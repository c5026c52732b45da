// What memkind_create_persistent refuses, with which errno and in which words. Nothing is changed by a refusal.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "tests/persist/persistent_kind.hpp"

namespace {

using namespace terrace::tests;

class PersistentKindRefusals : public testing::TestWithParam<TemporaryDirectory::Where> {
  protected:
    // REQUIRES: making a kind of it is refused.
    void expect_refused(const std::string& path, std::size_t size, int error, const char* word,
                        const char* layout = "test") {
        memkind_t kind = MEMKIND_DEFAULT;
        errno = 0;
        EXPECT_EQ(memkind_create_persistent(path.c_str(), layout, size, &kind), MEMKIND_ERROR_INVALID);
        EXPECT_EQ(errno, error) << pmemobj_errormsg();
        EXPECT_EQ(kind, MEMKIND_DEFAULT) << "*kind is left alone";
        const std::string message = pmemobj_errormsg();
        EXPECT_NE(message.find(word), std::string::npos) << message;
        EXPECT_NE(message.find(path), std::string::npos) << "the message does not name the file: " << message;
    }
    std::string pool_file(const char* name) {
        memkind_t kind = nullptr;
        const std::string path = directory_.file(name);
        EXPECT_EQ(memkind_create_persistent(path.c_str(), "test", kPoolSize, &kind), MEMKIND_SUCCESS);
        EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
        return path;
    }
    static std::string contents(const std::string& path) {
        std::ostringstream all;
        all << std::ifstream(path, std::ios::binary).rdbuf();
        return all.str();
    }

    TemporaryDirectory directory_{GetParam()};
};

TEST_P(PersistentKindRefusals, AMissingFileThatIsOnlyToBeOpened) {
    expect_refused(directory_.file("missing"), 0, ENOENT, "cannot be opened");
}

TEST_P(PersistentKindRefusals, ADirectoryThatIsNotThere) {
    expect_refused("/no/such/directory/pool", kPoolSize, ENOENT, "cannot be created");
}

TEST_P(PersistentKindRefusals, APoolThatIsTooSmall) {
    expect_refused(directory_.file("small"), 1000, EINVAL, "smallest");
    EXPECT_NE(access(directory_.file("small").c_str(), F_OK), 0) << "a file was left behind";
}

TEST_P(PersistentKindRefusals, ALayoutNameThatIsTooLong) {
    expect_refused(directory_.file("pool"), kPoolSize, EINVAL, "layout", std::string(1024, 'x').c_str());
}

TEST_P(PersistentKindRefusals, APoolOfAnotherLayout) {
    expect_refused(pool_file("pool"), kPoolSize, EINVAL, "layout", "another");
}

TEST_P(PersistentKindRefusals, APoolThatIsOpenElsewhere) {
    const std::string path = pool_file("pool");
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_persistent(path.c_str(), "test", 0, &kind), MEMKIND_SUCCESS);
    expect_refused(path, kPoolSize, EWOULDBLOCK, "already open");
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    PMEMobjpool* const pool = pmemobj_open(path.c_str(), "test");
    ASSERT_NE(pool, nullptr);
    expect_refused(path, kPoolSize, EWOULDBLOCK, "already open");
    pmemobj_close(pool);
}

TEST_P(PersistentKindRefusals, AFileThatIsNoPool) {
    const std::string path = directory_.file("foreign");
    std::ofstream(path) << std::string(kPoolSize, 'x');
    const std::string before = contents(path);
    expect_refused(path, kPoolSize, EINVAL, "pool");
    EXPECT_EQ(contents(path), before) << "it was changed";
}

TEST_P(PersistentKindRefusals, APoolOfPmdk) {
    const std::string path = directory_.file("pmdk");
    std::string file(kPoolSize, '\0');
    file.replace(0, 7, "PMEMOBJ");
    std::ofstream(path, std::ios::binary) << file;
    expect_refused(path, kPoolSize, EINVAL, "PMDK");
    EXPECT_EQ(contents(path), file) << "it was changed";
}

TEST_P(PersistentKindRefusals, ADamagedPool) {
    const std::string path = pool_file("pool");
    std::string file = contents(path);
    for (std::size_t at = 0; at < 8192; at += 64)
        file[at + 40] = static_cast<char>(~file[at + 40]);
    std::ofstream(path, std::ios::binary) << file;
    expect_refused(path, kPoolSize, EINVAL, "damaged");
}

TEST_P(PersistentKindRefusals, AFileThatIsTooShort) {
    const std::string path = pool_file("pool");
    ASSERT_EQ(truncate(path.c_str(), 4 << 20), 0);
    expect_refused(path, kPoolSize, EINVAL, "bytes");
}

TEST_P(PersistentKindRefusals, ADirectory) {
    expect_refused(directory_.path(), kPoolSize, EISDIR, "cannot be opened");
}

TEST_P(PersistentKindRefusals, NoPathAndNoPlaceForTheKind) {
    memkind_t kind = MEMKIND_DEFAULT;
    errno = 0;
    EXPECT_EQ(memkind_create_persistent(nullptr, "test", kPoolSize, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(kind, MEMKIND_DEFAULT);
    EXPECT_EQ(memkind_create_persistent(directory_.file("pool").c_str(), "test", kPoolSize, nullptr),
              MEMKIND_ERROR_INVALID);
    EXPECT_NE(access(directory_.file("pool").c_str(), F_OK), 0) << "a file was made for nothing";
}

TEST_P(PersistentKindRefusals, AnExistingPoolKeepsItsSize) {
    const std::string path = pool_file("pool");
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_persistent(path.c_str(), nullptr, 4 * kPoolSize, &kind), MEMKIND_SUCCESS);
    memkind_usage usage = {};
    EXPECT_EQ(memkind_get_usage(kind, &usage), MEMKIND_SUCCESS);
    EXPECT_EQ(usage.taken, kPoolSize);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}

INSTANTIATE_TEST_SUITE_P(On, PersistentKindRefusals, kBothMedia, where_of);

}  // namespace
